"""Replies of an OpenAI-compatible server are read here without trust: completions, errors, and how long to wait."""

from __future__ import annotations

import datetime
import email.utils
import json
import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from secondthought.tools.served_calls import calls_as_text

PASSING = frozenset({408, 409, 425, 429, *range(500, 600)})
"""Statuses that another attempt may change."""
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
"""What servers call it when an answer met the token limit."""
_FILTERED = frozenset({"content_filter", "safety"})
_TEXT_PARTS = frozenset({"text", "output_text"})
_THINKING = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Fields of a message in which servers put what a model thought before it answered."""
CUT_OFF = "the answer was cut off at the token limit; allow more tokens (--ask.max-tokens)"
EMPTY = "the answer is empty"
_REFUSED, _HELD_BACK = "the model refused", "the server's content filter held the answer back"


class ChatReply(NamedTuple):
    """A `ChatReply` is a chat completion, with the tokens that it cost (0 where the server does not tell)."""

    text: str
    prompt_tokens: int
    answer_tokens: int
    problem: str = ""
    """Why the text is no whole answer; empty if it is one."""
    is_refused: bool = False
    """The model refused to answer, or a filter of the server's held the answer back."""


def completion(body: bytes, *, may_call: bool = False) -> ChatReply | None:
    """Return the completion that a body holds, or None if it is something else.

    Where the model `may_call` tools, its calls follow its words as text, in `<tool_call>` tags.

    >>> completion(b'{"choices": [{"message": {"content": "Hi"}}]}').text
    'Hi'
    >>> completion(b'{"choices": [{"message": {"content": [{"type": "text", "text": "Hi"}]}}]}').text
    'Hi'
    >>> completion(b'{"choices": [{"message": {"content": "H"}, "finish_reason": "length"}]}').problem
    'the answer was cut off at the token limit; allow more tokens (--ask.max-tokens)'
    >>> completion(b"<html>")
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return completion_of(parsed, may_call=may_call)


def completion_of(parsed: Any, *, may_call: bool = False) -> ChatReply | None:
    """Return the completion that a body's JSON holds, or None if it is something else; see `completion`."""
    try:
        choice = parsed["choices"][0]
        message = choice["message"]
        text = _text(message["content"]) if message.get("content") is not None else ""
    except (LookupError, TypeError, AttributeError):
        return None
    if text is not None and may_call:
        text = "\n".join(filter(None, (text, calls_as_text(message.get("tool_calls")))))
    if text is None or not (message or choice.get("finish_reason")):
        return None
    usage = parsed.get("usage")
    problem = _problem(choice, message, text)
    counts = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    return ChatReply(text, *counts, problem, is_refused=problem.startswith((_REFUSED, _HELD_BACK)))


def words(body: bytes, most: int = 200) -> str:
    r"""Return what a server says is wrong, on one line.

    >>> words(b'{"error": {"message": "too long"}}'), words(b"<h1>Bad\n gateway</h1>"), words(b"")
    ('too long', '<h1>Bad gateway</h1>', 'no words')
    """
    return _line(_error_text(body, 64 * most), most)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the server asks to wait, by a number or a date; None if it asks for nothing readable."""
    value = (headers.get("Retry-After") or "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = email.utils.parsedate_to_datetime(value)
            zoned = date if date.tzinfo else date.replace(tzinfo=datetime.UTC)
            seconds = zoned.timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _text(content: Any) -> str | None:
    """Join the texts of a content, which is a text, a part, or a list of parts; None if it is something else."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [_text(part) if not isinstance(part, list) else None for part in content]
        return None if None in texts else "".join(text for text in texts if text)
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        return None
    text = content.get("text") if content["type"] in _TEXT_PARTS else ""
    return text if isinstance(text, str) else None


def _problem(choice: Mapping[str, Any], message: Mapping[str, Any], text: str) -> str:
    """Say why a completion is no whole answer; empty if it is one."""
    ended = str(choice.get("finish_reason") or "").lower()
    if ended in _CUT:
        return CUT_OFF
    if ended in _FILTERED:
        return _HELD_BACK
    if text.strip():
        return ""
    if refusal := _refusal(message):
        return f"{_REFUSED}: {_line(refusal, 100)}"
    if message.get("tool_calls") or message.get("function_call"):
        return "the model called a tool in place of an answer; send no tools"
    if any(message.get(name) for name in _THINKING) or isinstance(message.get("content"), list):
        return f"{EMPTY}: the model thought and said nothing; allow more tokens (--ask.max-tokens)"
    return EMPTY


def _refusal(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    parts = [message, *(content if isinstance(content, list) else ())]
    found = (part.get("refusal") for part in parts if isinstance(part, dict))
    return next((text for text in found if isinstance(text, str) and text.strip()), "")


def _error_text(body: bytes, most: int) -> str:
    """Return the message of an error as servers word it: OpenAI's `error`, FastAPI's `detail`, or the body itself."""
    try:
        parsed = json.loads(body)
        found = parsed["error"] if "error" in parsed else parsed.get("message") or parsed["detail"]
        return str(found["message"] if isinstance(found, dict) else found)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return body[:most].decode("utf-8", "replace")


def _line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return (line[:most] + "..." if len(line) > most else line) or "no words"


def _count(usage: object, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and count > 0 else 0
