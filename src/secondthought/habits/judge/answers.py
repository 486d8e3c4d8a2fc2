"""A judge's answers are read here without trust: they hold quotes as evidence, or they cannot be read."""

from __future__ import annotations

import json
import re
from typing import Any

_MOST_CHARACTERS = 200_000
"""Longer answers are nonsense, and searching one for JSON would take long."""
_MOST_OBJECTS = 100
"""Beginnings of objects that are tried: each failure costs as much as the answer is long."""
_OBJECT = re.compile(r'\{\s*"')
_DECODER = json.JSONDecoder(strict=False)
_STRAY_BACKSLASH = re.compile(r'\\(?:u(?![0-9a-fA-F]{4})|(?!["\\/bfnrtu]))|(\\.)')


def quotes_in(answer: str) -> tuple[str, ...] | None:
    """Return the quotes of the JSON object with an `evidence` list that an answer holds; None if it cannot be told.

    Thinking, prose and code fences around the object are passed over. With two objects that say different things, one
    may come from the judged text itself: None. An entry that is no quote becomes an empty one.

    >>> quotes_in('Here: {"evidence": ["Wait", {"quote": "let me check"}]}')
    ('Wait', 'let me check')
    >>> quotes_in('{"evidence": []}'), quotes_in("No evidence.")
    ((), None)
    """
    if len(answer) > _MOST_CHARACTERS:
        return None
    spoken = answer.rpartition("</think>")[2]
    found = _evidence(spoken) or _evidence(_STRAY_BACKSLASH.sub(lambda match: match[1] or "\\" + match[0], spoken))
    return found[0] if len(set(found)) == 1 else None


def _evidence(text: str) -> list[tuple[str, ...]]:
    """Return the lists of evidence of the text's objects, in order; nothing if there are too many objects."""
    found: list[tuple[str, ...]] = []
    begins = _OBJECT.search(text)
    for _ in range(_MOST_OBJECTS):
        if begins is None:
            return found
        value, end = _object(text, begins.start())
        if value is not None and isinstance(value.get("evidence"), list):
            found.append(tuple(_quote(entry) for entry in value["evidence"]))
        else:
            end = begins.end()
        begins = _OBJECT.search(text, end)
    return []


def _object(text: str, at: int) -> tuple[dict[str, Any] | None, int]:
    try:
        value, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at
    return (value, end) if isinstance(value, dict) else (None, at)


def _quote(entry: object) -> str:
    quote = entry.get("quote") if isinstance(entry, dict) else entry
    return quote if isinstance(quote, str) else ""
