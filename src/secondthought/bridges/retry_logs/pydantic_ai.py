"""Logs of pydantic-ai: message histories, as `result.all_messages_json()` writes them.

A retry is a `retry-prompt` part in histories of earlier versions; since 2.x it is a `tool-return` whose outcome is
`retried`, or a `retry-feedback` part (read in pydantic-ai 2.68, `messages.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TOLD = "told_of_failure"
"""A field of our own in messages that say what was wrong: the form of OpenAI has none."""


def is_log(value: Any) -> bool:
    """Tell whether a logged value is a history: requests and responses with parts."""
    return (
        isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) and "parts" in item for item in value)
    )


def told(message: Mapping[str, Any]) -> str | None:
    """Return the error that a message tells; None where it tells none."""
    said = message.get(TOLD)
    return said if isinstance(said, str) else None


def messages_of(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a history as messages of OpenAI's form.

    >>> messages_of([{"kind": "request", "parts": [{"part_kind": "user-prompt", "content": "Hi"}]}])
    [{'role': 'user', 'content': 'Hi'}]
    """
    found: list[dict[str, Any]] = []
    for item in history:
        parts = [part for part in item["parts"] if isinstance(part, Mapping)]
        if item.get("kind") == "response":
            found.append(_response(parts))
        else:
            instructions = item.get("instructions")
            if isinstance(instructions, str) and not found:
                found.append({"role": "system", "content": instructions})
            found += filter(None, map(_request, parts))
    return found


def _response(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    texts = [str(part.get("content") or "") for part in parts if part.get("part_kind") == "text"]
    calls = [
        {"type": "function", "function": {"name": part.get("tool_name"), "arguments": _arguments(part.get("args"))}}
        for part in parts
        if part.get("part_kind") == "tool-call"
    ]
    return {"role": "assistant", "content": "\n".join(texts), **({"tool_calls": calls} if calls else {})}


def _arguments(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given or {}, ensure_ascii=False)


def _request(part: Mapping[str, Any]) -> dict[str, Any] | None:
    kind, content = part.get("part_kind"), part.get("content")
    if kind == "system-prompt":
        return {"role": "system", "content": str(content)}
    if kind == "user-prompt":
        return {"role": "user", "content": content if isinstance(content, str) else list(_parts(content))}
    said = {"role": "user", "content": _text(content)}
    if kind in ("retry-prompt", "retry-feedback") or (kind == "tool-return" and part.get("outcome") == "retried"):
        return {**said, TOLD: _errors(content)}
    return {"role": "tool", "content": _text(content)} if kind == "tool-return" else None


def _parts(content: Any) -> Iterator[dict[str, Any]]:
    """Yield what a user said in parts; what is no text keeps its kind alone."""
    for item in content if isinstance(content, list) else []:
        text = item if isinstance(item, str) else item.get("content") if isinstance(item, Mapping) else None
        kind = item.get("kind", "file") if isinstance(item, Mapping) else "file"
        is_text = isinstance(item, str) or (kind == "text-content" and isinstance(text, str))
        yield {"type": "text", "text": text} if is_text else {"type": kind}


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _errors(content: Any) -> str:
    """Say in a line what a list of validation errors says."""
    if not isinstance(content, list):
        return _text(content)
    errors = [item for item in content if isinstance(item, Mapping)]
    return "; ".join(f"{'.'.join(map(str, item.get('loc') or ()))}: {item.get('msg')}".lstrip(": ") for item in errors)
