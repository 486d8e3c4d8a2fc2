"""A client's conversation as the upstream is asked to go on with it: its own body, and what was said since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secondthought.inference.chat.replies import CUT_OFF, completion_of
from secondthought.serve.proxy.requests import ChatCall
from secondthought.serve.proxy.upstream import Refused, Upstream
from secondthought.serve.thinking import NoAnswer, Spoken, Step
from secondthought.tasks.chat_request.stated import stated
from secondthought.tasks.chat_request.task import instruction
from secondthought.types import TurnKind

_ANSWER_ONLY = (
    *("response_format", "stop", "logprobs", "top_logprobs", "n", "functions", "function_call", "prediction"),
    *("store", "metadata"),
)
"""Fields of a request that say what an answer looks like, or what becomes of it; a reflection is none."""
_LENGTHS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflecting:
    """`Reflecting` says who writes reflections, and how long they may be."""

    model: str | None = None
    """The name of another model of the upstream, such as an adapter that learned to reflect; None: the client's."""
    max_tokens: int = 512


class ServedConversation:
    """A `ServedConversation` is the `Speaker` of one client's request."""

    def __init__(self, upstream: Upstream, call: ChatCall, reflecting: Reflecting, *, tells_schema: bool) -> None:
        """Begin; with `tells_schema` the model is told in words of the schema that its answer must fit."""
        self._upstream, self._call, self._reflecting = upstream, call, reflecting
        self._messages = list(call.body["messages"])
        wanted = stated(call.body)
        if tells_schema and wanted is not None and wanted.schema is not None and not wanted.must_call:
            self._messages = _noted(self._messages, instruction(wanted.schema), "\n")
        self.refused: Refused | None = None
        """Why the latest turn got no answer."""

    async def say(self, step: Step) -> Spoken:
        """Have a turn answered (`Speaker.say`)."""
        body = self.body(step)
        try:
            reply = await self._upstream.complete(body)
        except Refused as error:
            self.refused = error
            raise NoAnswer(str(error)) from None
        read = completion_of(reply, may_call=bool(body.get("tools")))
        assert read is not None, "an upstream returns completions alone"
        return Spoken(
            text=read.text,
            prompt_tokens=read.prompt_tokens,
            answer_tokens=read.answer_tokens,
            reply=reply,
            refused=read.problem if read.is_refused else "",
            is_cut=read.problem == CUT_OFF,
        )

    def body(self, step: Step) -> dict[str, Any]:
        """Return the body that asks for a turn."""
        messages = self._messages if step.note is None else _noted(self._messages, step.note, "\n\n")
        messages = messages + [{"role": said.role, "content": said.content} for said in step.said]
        body = {**self._call.body, "messages": messages}
        return _for_reflection(body, self._reflecting) if step.kind is TurnKind.REFLECTION else body


def _for_reflection(body: Mapping[str, Any], reflecting: Reflecting) -> dict[str, Any]:
    """Ask for words: tools stay in sight, since they are part of the conversation, and none may be called."""
    kept = {name: value for name, value in body.items() if name not in _ANSWER_ONLY}
    length = next((name for name in _LENGTHS if name in kept), _LENGTHS[0])
    kept[length] = reflecting.max_tokens
    if kept.get("tools"):
        kept["tool_choice"] = "none"
    if reflecting.model is not None:
        kept["model"] = reflecting.model
    return kept


def _noted(messages: list[Any], note: str, between: str) -> list[Any]:
    """Put a note after what the user asks last; after a content in parts it is a part of its own."""
    last = max((place for place, item in enumerate(messages) if _role(item) == "user"), default=None)
    if last is None:
        return [*messages, {"role": "user", "content": note}]
    content = messages[last].get("content")
    part = {"type": "text", "text": f"{between}{note}"}
    noted = [*content, part] if isinstance(content, list) else f"{content}{between}{note}"
    return [*messages[:last], {**messages[last], "content": noted}, *messages[last + 1 :]]


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None
