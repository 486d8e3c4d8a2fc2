"""JSON by schema: an answer is right if it is JSON that a schema accepts, and the wanted value where there is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from secondthought.errors import TaskError, shown
from secondthought.tasks import options
from secondthought.tasks.json_equality import same_json
from secondthought.tasks.json_schema.checker import SchemaChecker, value_said
from secondthought.tasks.rows.pool import RowOptions
from secondthought.tasks.rows.row_task import RowTask
from secondthought.tasks.verdicts import right, wrong
from secondthought.tools.reading.broken import BrokenCallError
from secondthought.tools.reading.json_values import value_of
from secondthought.types import Problem, Verdict


class JsonSchemaOptions(RowOptions):
    """`JsonSchemaOptions` say where the rows lie and what makes an answer right."""

    match: Literal["schema", "equal"] = "schema"
    """`schema`: any JSON that the schema accepts. `equal`: the row's own value, which the schema accepts too."""
    instruction: str = "Answer with JSON alone, as this schema has it:\n{schema}"
    """Follows every question; `{schema}` in it stands for the schema."""


class JsonSchema(RowTask[JsonSchemaOptions]):
    """Answer with JSON that fits a schema.

    A row is `{"question", "schema", "answer"}`: the schema (draft 2020-12) an object or its text, the answer any JSON
    value, or its text, that is known to be right; it may be missing where any fitting value is.
    """

    name: ClassVar[str] = "json_schema"
    options_type = JsonSchemaOptions
    source = "files of rows with 'question' and 'schema'"
    chance_level = 0.0

    def __init__(self, **given: Any) -> None:
        self._checker = SchemaChecker()
        super().__init__(**given)

    def problem_of(self, row: Mapping[str, Any]) -> Problem:
        """Read a row; whether its schema is one, and accepts its answer, is seen here and not when models answer."""
        question, schema = options.string(row, "question", self.name), _json_of(row, "schema")
        fault = self._checker.schema_fault(schema)
        if fault:
            raise TaskError(f"{self.name} problem: 'schema' is no JSON schema: {fault}")
        data: dict[str, Any] = {"question": question, "schema": schema}
        if "answer" in row:
            data["answer"] = _json_of(row, "answer")
            if fault := self._checker.fault(schema, data["answer"]):
                raise TaskError(f"{self.name} problem: 'answer' does not fit the schema: {fault}")
        elif self.options.match == "equal":
            raise TaskError(f"{self.name} problem: field 'answer' is missing, which match = 'equal' compares with")
        written = json.dumps(schema, ensure_ascii=False)
        content = f"{question}\n{self.options.instruction.replace('{schema}', written)}".rstrip()
        return self.asking(content, data, question, json.dumps(data, sort_keys=True))

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge the JSON of a completion."""
        try:
            value = value_said(text)
        except BrokenCallError as error:
            return wrong("malformed", f"The answer is no JSON: {error}.", well_formed=False)
        if value is None:
            return wrong("no_answer", "The answer holds no JSON.", well_formed=False)
        if fault := self._checker.fault(problem.data["schema"], value[0]):
            return wrong("not_valid", f"The JSON does not fit the schema: {fault}.")
        if self.options.match == "equal" and not same_json(value[0], problem.data["answer"]):
            return wrong("wrong_value", "The JSON fits the schema and holds a wrong value.")
        return right()

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return the JSON of a completion in one form."""
        try:
            value = value_said(text)
        except BrokenCallError:
            return None
        return None if value is None else json.dumps(value[0], sort_keys=True)

    def gold(self, problem: Problem) -> str | None:
        """Return the row's own answer."""
        return json.dumps(problem.data["answer"]) if "answer" in problem.data else None

    def changed_golds(self, problem: Problem) -> list[str]:
        """Return the right JSON cut off, doubled and in a list (`tasks.checks`)."""
        gold = self.gold(problem)
        fits_any = self._checker.fault(problem.data["schema"], [problem.data.get("answer")]) is None
        return [] if gold is None else [gold[:-1] + "\\", f"{gold} {gold}", *([] if fits_any else [f"[{gold}]"])]


def _json_of(row: Mapping[str, Any], field: str) -> Any:
    """Read a field that holds JSON or its text."""
    if field not in row:
        raise TaskError(f"json_schema problem: field {field!r} is missing")
    value = row[field]
    if not isinstance(value, str):
        return value
    try:
        return value_of(value)
    except BrokenCallError as error:
        if field == "answer":
            return value  # a text may be the answer itself
        raise TaskError(f"json_schema problem: {field!r} must be JSON, not {shown(value)}: {error}") from None
