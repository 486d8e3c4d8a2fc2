"""Python code by tests: a function is asked for, run where it can do no harm, and judged by what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from secondthought.errors import TaskError, shown
from secondthought.tasks import extract, options
from secondthought.tasks.fences import last_fenced
from secondthought.tasks.json_equality import same_json
from secondthought.tasks.rows.pool import RowOptions
from secondthought.tasks.rows.row_task import RowTask
from secondthought.tasks.sandbox.runs import Program, Ran, run
from secondthought.tasks.verdicts import right, wrong
from secondthought.types import Problem, Verdict

LONGEST = 20_000
"""Characters of a program that is run; a longer one is malformed."""
_NO_CODE = ("SyntaxError", "IndentationError", "TabError")


class PythonCodeOptions(RowOptions):
    """`PythonCodeOptions` say where the rows lie and what code may use."""

    seconds: float = Field(2.0, gt=0, le=60)
    """Processor time of a program with all its cases, at most."""
    megabytes: int = Field(512, ge=128)
    """Address space of its process, at most."""
    instruction: str = "Answer with Python code in one ```python block."
    """Follows every question."""


class PythonCode(RowTask[PythonCodeOptions]):
    """Write a Python function that passes tests.

    A row is `{"question", "function", "cases": [{"args", "kwargs", "expected"}]}`, where values are JSON and what is
    expected never comes near the code. Or it holds statements that fail by raising, as rows of MBPP do (`{"text",
    "test_list", "code"}`) and of HumanEval (`{"prompt", "test", "entry_point", "canonical_solution"}`): such tests run
    beside the code, which could meddle with them. `solution` is code that is right, and may be missing.
    """

    name: ClassVar[str] = "python_code"
    options_type = PythonCodeOptions
    source = "files of rows with 'question', 'function' and 'cases', or hub:google-research-datasets/mbpp:full:train"
    chance_level = 0.0

    def problem_of(self, row: Mapping[str, Any]) -> Problem:
        """Read a row of any of the three shapes."""
        data = _data(row, self.name)
        content = f"{data['question']}\n{_told(data)}{self.options.instruction}".rstrip()
        return self.asking(content, data, data["question"], data["function"], repr(data["cases"]), repr(data["tests"]))

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Run the code of a completion and judge what its cases returned.

        Raises:
            TaskError: this machine cannot shut code in.
        """
        code = _code(text)
        if code is None:
            return wrong("no_answer", "The answer holds no code.", well_formed=False)
        if len(code) > LONGEST:
            return wrong("malformed", f"The code is longer than {LONGEST} characters.", well_formed=False)
        data = problem.data
        program = Program(code=code, function=data["function"], cases=_inputs(data["cases"]), tests=data["tests"])
        ran = run(program, seconds=self.options.seconds, memory=self.options.megabytes * 2**20)
        if ran.refused:
            raise TaskError(f"task {self.name}: code is run only where it can be shut in, on Linux: {ran.refused}")
        return _verdict(ran, data["cases"])

    def gold(self, problem: Problem) -> str | None:
        """Return the row's own solution in a block."""
        solution = problem.data.get("solution")
        return None if solution is None else f"```python\n{solution}\n```"

    def changed_golds(self, problem: Problem) -> list[str]:
        """Return the solution with its function replaced, and code that fails after it (`tasks.checks`)."""
        solution, function = problem.data.get("solution"), problem.data["function"]
        if solution is None:
            return []
        ends = [f"\n{function} = lambda *_, **__: object()"] if function else []
        return [f"```python\n{solution}{end}\n```" for end in (*ends, "\nraise ValueError", "\n1 / 0")]


def _data(row: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return a row in the one shape that problems keep."""
    if "test_list" in row:
        tests = [*_texts(row, "test_setup_code", task), *_texts(row, "test_list", task)]
        return _kept(options.string(row, "text", task), "", [], tests, row.get("code"), task)
    if "canonical_solution" in row:
        prompt, function = options.string(row, "prompt", task), options.string(row, "entry_point", task)
        tests = [f"{options.string(row, 'test', task)}\ncheck({function})"]
        return _kept(prompt, function, [], tests, f"{prompt}{row['canonical_solution']}", task)
    cases = row.get("cases", [])
    if not isinstance(cases, list | tuple) or not all(_is_case(case) for case in cases):
        raise TaskError(f"{task} problem: 'cases' must be a list of objects with 'args' (a list) and 'expected'")
    question, function = (options.string(row, name, task) for name in ("question", "function"))
    return _kept(question, function, list(cases), _texts(row, "tests", task), row.get("solution"), task)


def _kept(question: str, function: str, cases: list[Any], tests: list[str], solution: Any, task: str) -> dict[str, Any]:
    if not cases and not tests:
        raise TaskError(f"{task} problem: holds neither 'cases' nor tests; nothing would be judged")
    if solution is not None and not isinstance(solution, str):
        raise TaskError(f"{task} problem: the solution must be a text, not {shown(solution)}")
    found = {"question": question, "function": function, "cases": cases, "tests": tests}
    return found if solution is None else {**found, "solution": solution}


def _texts(row: Mapping[str, Any], field: str, task: str) -> list[str]:
    """Read a field that holds a text or a list of texts, or is missing."""
    value = row.get(field, [])
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(item, str) for item in found):
        raise TaskError(f"{task} problem: {field!r} must be a list of texts, not {shown(value)}")
    return [text for text in found if text.strip()]


def _is_case(case: Any) -> bool:
    return (
        isinstance(case, Mapping)
        and isinstance(case.get("args"), list)
        and isinstance(case.get("kwargs", {}), Mapping)
        and "expected" in case
    )


def _told(data: Mapping[str, Any]) -> str:
    """Return what a model must know to be called: the function's name, or the first test as MBPP shows it."""
    if data["cases"]:
        return f"Name the function {data['function']}.\n"
    return "" if data["function"] else f"Your code should pass this test: {data['tests'][-1]}\n"


def _code(text: str) -> str | None:
    """Return the code of a completion: its last block, what stands in tags, or all of it."""
    found = last_fenced(text)
    if found is None:
        found = extract.tagged(text)
    found = text if found is None else found
    return found if found.strip() else None


def _inputs(cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what is given to the code, without what is expected of it."""
    return [{"args": case["args"], "kwargs": case.get("kwargs", {})} for case in cases]


def _verdict(ran: Ran, cases: Sequence[Mapping[str, Any]]) -> Verdict:
    if ran.failed.startswith(_NO_CODE):
        return wrong("malformed", f"The code cannot be compiled: {ran.failed}.", well_formed=False)
    if ran.failed:
        return wrong("failed", f"The code does not run to its end: {ran.failed}.")
    for number, result in enumerate(ran.results):
        if "value" not in result:
            return wrong("raised", f"Test {number + 1} of {len(ran.results)} raised {result.get('raised')}.")
        if number < len(cases) and not same_json(result["value"], cases[number]["expected"]):
            return wrong("wrong", f"Test {number + 1} of {len(ran.results)} returned a wrong value.")
    return right()
