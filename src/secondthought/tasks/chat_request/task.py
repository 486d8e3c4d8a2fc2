"""The task of chat requests: any log of them is a data set, since each request says what its answer must be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from secondthought.errors import TaskError
from secondthought.rng import key
from secondthought.tasks import reflection_prompts
from secondthought.tasks.chat_request.answers import AnswerParts, said_in
from secondthought.tasks.chat_request.messages import in_text
from secondthought.tasks.chat_request.stated import FIELDS, Stated, stated
from secondthought.tasks.json_schema.checker import SchemaChecker, value_said
from secondthought.tasks.rows.pool import RowOptions
from secondthought.tasks.rows.row_task import RowTask
from secondthought.tasks.verdicts import right, wrong
from secondthought.text import whole_within
from secondthought.tools.calls import Call
from secondthought.tools.reading.broken import BrokenCallError
from secondthought.types import Message, Problem, Verdict

NAME = "chat_request"
INSTRUCTION = "Answer with JSON alone, as this schema has it:\n{schema}"
"""Tells a model of a schema in words."""


class ChatRequestOptions(RowOptions):
    """`ChatRequestOptions` say where requests lie, and how a model is told of a schema."""

    instruction: str = INSTRUCTION
    """Follows what the user asks last where the answer must fit a schema; `{schema}` in it stands for the schema."""


class ChatRequest(RowTask[ChatRequestOptions]):
    """Answer a chat request so that the answer is what the request states: it fits its JSON schema, or its tools.

    A row is the body of a request to OpenAI's chat/completions (`messages`, `tools`, `tool_choice`, `response_format`;
    other fields are passed over), or a stored failure that holds one. A call must name a tool, and its arguments must
    fit the tool's own schema; words in place of a call are right unless the request wants a call. An answer that calls
    begins with its calls.
    """

    name: ClassVar[str] = NAME
    options_type = ChatRequestOptions
    source = "files of requests, or of the failures that `secondthought serve` stores"
    reflection_request = reflection_prompts.GENERAL
    chance_level = 0.0

    def __init__(self, **given: Any) -> None:
        self._checker = SchemaChecker()
        super().__init__(**given)

    def problem_of(self, row: Mapping[str, Any]) -> Problem | None:
        """Read a request; None where it states nothing that an answer could be held to, or says what is no text."""
        found = self.read(_request(row))
        return found[0] if found is not None and found[1] else None

    def read(self, request: Mapping[str, Any]) -> tuple[Problem, bool] | None:
        """Read a request, and whether its text is all that was said; None where any answer will do.

        Raises:
            TaskError: a field is damaged, or a schema is none.
        """
        told, wanted = in_text(request.get("messages")), self.stated(request)
        if wanted is None:
            return None
        data = {name: whole_within(request[name]) for name in FIELDS if request.get(name) is not None}
        messages = told.messages
        if wanted.schema is not None and not wanted.must_call:
            messages = _instructed(messages, instruction(wanted.schema, self.options.instruction))
        problem = Problem(
            id=f"{NAME}:{key(NAME, json.dumps(data, sort_keys=True)):016x}",
            task=NAME,
            messages=messages,
            data=data,
            tools=wanted.tools if wanted.may_call else (),
        )
        return problem, told.is_all

    def stated(self, request: Mapping[str, Any]) -> Stated | None:
        """Read what a request states, its schemas held to be ones; None where any answer will do.

        Raises:
            TaskError: a field is damaged, or a schema is none.
        """
        wanted = stated(request)
        for place, schema in _schemas(wanted):
            if fault := self._checker.schema_fault(schema):
                raise TaskError(f"{place} is no JSON schema: {fault}")
        return wanted

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge one completion."""
        wanted = stated(problem.data)
        return right() if wanted is None else self.judged(wanted, said_in(text, wanted.tools))

    def judged(self, wanted: Stated, said: AnswerParts) -> Verdict:
        """Judge an answer by what a request states."""
        words = self._words(wanted, said.words)
        if not wanted.tools or (words.correct and wanted.schema is not None and not said.calls):
            return words
        if said.malformed:
            return wrong("malformed", f"The call cannot be read: {said.malformed}.", well_formed=False)
        if said.calls:
            return self._calls(wanted, said.calls)
        return words

    def _words(self, wanted: Stated, words: str) -> Verdict:
        if wanted.must_call:
            return wrong("no_call", "The answer calls no tool, and the request wants a call.")
        if not words.strip():
            return wrong("no_answer", "The answer is empty.", well_formed=False)
        return right() if wanted.schema is None else self._json(wanted.schema, words)

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return the calls, or else the JSON, of a completion in one form."""
        wanted = stated(problem.data)
        if wanted is None:
            return None
        if calls := said_in(text, wanted.tools).calls:
            return json.dumps([[call.name, dict(call.arguments)] for call in calls], sort_keys=True)
        try:
            value = None if wanted.schema is None else value_said(text)
        except BrokenCallError:
            return None
        return None if value is None else json.dumps(value[0], sort_keys=True)

    def gold(self, problem: Problem) -> str | None:
        """Return None: a request does not say what is right, only what may be."""
        return None

    def _calls(self, wanted: Stated, calls: tuple[Call, ...]) -> Verdict:
        tools = {tool["name"]: tool for tool in wanted.tools}
        if not wanted.may_call:
            return wrong("unwanted_call", "The answer calls a tool, and the request wants words.")
        if len(calls) > 1 and not wanted.several:
            return wrong("several_calls", "The answer makes several calls, and the request wants one.")
        for call in calls:
            if call.name not in tools:
                return wrong("unknown_tool", f"There is no tool {call.name!r}; there are {', '.join(tools)}.")
            if wanted.only not in (None, call.name):
                return wrong("other_tool", f"The answer calls {call.name}, and the request wants {wanted.only}.")
            schema = tools[call.name].get("parameters") or True
            if fault := self._checker.fault(schema, dict(call.arguments)):
                return wrong("bad_arguments", f"The arguments of {call.name} do not fit its schema: {fault}.")
        return right()

    def _json(self, schema: Any, text: str) -> Verdict:
        try:
            value = value_said(text)
        except BrokenCallError as error:
            return wrong("malformed", f"The answer is no JSON: {error}.", well_formed=False)
        if value is None:
            return wrong("no_answer", "The answer holds no JSON.", well_formed=False)
        if fault := self._checker.fault(schema, value[0]):
            return wrong("not_valid", f"The JSON does not fit the schema: {fault}.")
        return right()


def _request(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request that a row is, or that a stored failure holds."""
    within = row.get("data")
    return within if isinstance(within, Mapping) and "messages" not in row else row


def _schemas(wanted: Stated | None) -> list[tuple[str, Any]]:
    if wanted is None:
        return []
    own = [] if wanted.schema is None else [("'response_format'", wanted.schema)]
    return own + [(f"'parameters' of the tool {tool['name']}", tool.get("parameters") or {}) for tool in wanted.tools]


def instruction(schema: Any, words: str = INSTRUCTION) -> str:
    """Return the words that tell a model of a schema."""
    return words.replace("{schema}", json.dumps(schema, ensure_ascii=False))


def _instructed(messages: tuple[Message, ...], said: str) -> tuple[Message, ...]:
    """Add the instruction to what the user says last; a conversation without a user gets a message of its own."""
    last = max((place for place, message in enumerate(messages) if message.role == "user"), default=None)
    if not said or last is None:
        return (*messages, Message(role="user", content=said)) if said else messages
    content = f"{messages[last].content}\n{said}"
    return (*messages[:last], Message(role="user", content=content), *messages[last + 1 :])
