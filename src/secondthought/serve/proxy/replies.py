"""Answers as clients read them: the chosen try's own completion, what it cost in all, and what became of the check."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from secondthought.serve.proxy.requests import OWN_FIELD
from secondthought.serve.thinking import Thoughts
from secondthought.tasks.chat_request.answers import AnswerParts
from secondthought.tasks.chat_request.stated import Stated
from secondthought.tasks.json_schema.checker import json_in
from secondthought.tools.served_calls import calls_as_objects

_KINDS = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}


def answer(thoughts: Thoughts, check: str, said: AnswerParts | None, wanted: Stated | None) -> dict[str, Any]:
    """Return the completion of the best try, with the tokens of all turns and the field `secondthought`.

    What passed is given in the form that clients read: JSON without the fence that a model put around it, and calls as
    `tool_calls` where they were read from the text.

    Args:
        thoughts: the turns.
        check: the name of what judged them.
        said: the best try, taken apart; None where a check by name judged it.
        wanted: what the request states; None likewise.
    """
    best = thoughts.best
    reply = dict(best.spoken.reply)
    if best.verdict is not None and best.verdict.correct:
        reply["choices"] = [_readable(reply["choices"][0], said, wanted), *reply["choices"][1:]]
    return {**reply, "usage": _usage(reply.get("usage"), thoughts), OWN_FIELD: told(thoughts, check)}


def told(thoughts: Thoughts, check: str) -> dict[str, Any]:
    """Return what a client is told of its second thought."""
    best = thoughts.best.verdict
    tries = [turn.verdict for turn in thoughts.tries]
    found: dict[str, Any] = {
        "check": check,
        "passed": None if best is None else best.correct,
        "tries": len(tries),
        "ending": thoughts.ending,
        "verdicts": [None if one is None else {"reason": one.reason, "feedback": one.feedback} for one in tries],
    }
    return {**found, "trouble": thoughts.trouble} if thoughts.trouble else found


def error(status: int, sentence: str) -> dict[str, Any]:
    """Return the body of a refusal, as OpenAI words one."""
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": sentence, "type": kind, "param": None, "code": None}}


def event(value: Mapping[str, Any]) -> bytes:
    """Return one event of a stream."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def events(reply: Mapping[str, Any], *, usage: bool) -> Iterator[bytes]:
    """Write a whole completion as the events of a stream; the one before the last holds what `secondthought` says."""
    for choice in reply["choices"]:
        for delta in _deltas(choice["message"]):
            yield event(_chunk(reply, [{"index": choice.get("index", 0), "delta": delta, "finish_reason": None}]))
    ends = [
        {"index": choice.get("index", 0), "delta": {}, "finish_reason": choice.get("finish_reason")}
        for choice in reply["choices"]
    ]
    yield event({**_chunk(reply, ends), OWN_FIELD: reply.get(OWN_FIELD)})
    if usage:
        yield event({**_chunk(reply, []), "usage": reply.get("usage")})
    yield b"data: [DONE]\n\n"


def _deltas(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    said = {name: value for name, value in message.items() if name not in ("role", "tool_calls") and value is not None}
    yield {"role": message.get("role", "assistant"), **({} if said else {"content": None})}
    for name, value in said.items():
        yield {name: value}
    for place, call in enumerate(message.get("tool_calls") or ()):
        yield {"tool_calls": [{"index": place, **call}]}


def _chunk(reply: Mapping[str, Any], choices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kept = {name: reply[name] for name in ("id", "created", "model", "system_fingerprint") if name in reply}
    return {**kept, "object": "chat.completion.chunk", "choices": choices}


def _usage(own: Any, thoughts: Thoughts) -> dict[str, Any]:
    """Sum the tokens of all turns; other fields are those of the answer's own turn."""
    prompt = sum(turn.spoken.prompt_tokens for turn in thoughts.turns)
    written = sum(turn.spoken.answer_tokens for turn in thoughts.turns)
    counts = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
    return {**(own if isinstance(own, Mapping) else {}), **counts}


def _readable(choice: Mapping[str, Any], said: AnswerParts | None, wanted: Stated | None) -> dict[str, Any]:
    message = choice["message"]
    if said is None or wanted is None or message.get("tool_calls"):
        return dict(choice)
    if said.calls:
        called = {**message, "content": None, "tool_calls": calls_as_objects(said.calls)}
        return {**choice, "message": called, "finish_reason": "tool_calls"}
    if wanted.schema is not None:
        return {**choice, "message": {**message, "content": json_in(said.words)}}
    return dict(choice)
