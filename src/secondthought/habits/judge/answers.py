"""What a judge said, read without trust: the quotes that it gives as evidence, or that its answer cannot be read."""

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
    """The quotes of the JSON object with an `evidence` list that an answer holds; None if it cannot be told.

    Thinking, prose and code fences around the object are passed over. Two objects that say different things cannot be
    told apart from one that the judged text brought with it: None. An entry that is no quote is an empty one.

    >>> quotes_in('Here: {"evidence": ["Wait", {"quote": "let me check"}]}')
    ('Wait', 'let me check')
    >>> quotes_in('{"evidence": []}'), quotes_in("No evidence.")
    ((), None)
    """
    if len(answer) > _MOST_CHARACTERS:
        return None
    said = answer.rpartition("</think>")[2]
    found = _evidence(said) or _evidence(_STRAY_BACKSLASH.sub(lambda match: match[1] or "\\" + match[0], said))
    return found[0] if len(set(found)) == 1 else None


def _evidence(text: str) -> list[tuple[str, ...]]:
    """Of every object in the text that has a list of evidence, what it lists."""
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
