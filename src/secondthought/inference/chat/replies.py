"""Replies of an OpenAI-compatible server are read here without trust: completions, errors, and how long to wait."""

from __future__ import annotations

import email.utils
import json
import math
import time
from email.message import Message
from typing import NamedTuple


class ChatReply(NamedTuple):
    """A `ChatReply` is a chat completion, with the tokens that it cost (0 where the server does not tell)."""

    text: str
    prompt_tokens: int
    answer_tokens: int


def completion(body: bytes) -> ChatReply | None:
    """Return the completion that a body holds, or None if it is something else.

    A model that declined, or spent all its tokens on thinking, gives an empty text: that is an answer too.

    >>> completion(b'{"choices": [{"message": {"content": "Hi"}}]}')
    ChatReply(text='Hi', prompt_tokens=0, answer_tokens=0)
    >>> completion(b"<html>")
    """
    try:
        parsed = json.loads(body)
        text = parsed["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    if not isinstance(text, str | None):
        return None
    usage = parsed.get("usage")
    return ChatReply(text or "", _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))


def words(body: bytes, most: int = 200) -> str:
    r"""Return what a server says is wrong, on one line.

    >>> words(b'{"error": {"message": "too long"}}'), words(b"<h1>Bad\n gateway</h1>"), words(b"")
    ('too long', '<h1>Bad gateway</h1>', 'no words')
    """
    try:
        found = json.loads(body)["error"]
        text = str(found["message"] if isinstance(found, dict) else found)
    except (ValueError, RecursionError, LookupError, TypeError):
        text = body[: 64 * most].decode("utf-8", "replace")
    line = " ".join(text.split())
    return (line[:most] + "..." if len(line) > most else line) or "no words"


def retry_after(headers: Message) -> float | None:
    """Return the seconds that the server asks to wait, by a number or a date; None if it asks for nothing readable."""
    value = (headers.get("Retry-After") or "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _count(usage: object, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and count > 0 else 0
