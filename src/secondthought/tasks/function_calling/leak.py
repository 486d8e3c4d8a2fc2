"""The leak of a reflection is how much of the right calls it states: their values, a name of theirs, or nothing.

The text is taken as written: what it warns of is stated too. Names of arguments that are ordinary words count only
where they are marked as names, by quotes or by an underscore of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from secondthought.protocols import Leak
from secondthought.tasks.function_calling.values import fold
from secondthought.tools.calls import Call

MAX_CHARS = 20_000
"""Only so much of a text is read: a reflection is far shorter, and it bounds the work."""
_NONE_FITS = re.compile(
    r"\b(?:no|none of the|not any)\s+(?:available\s+)?(?:function|tool|api)s?\b|\bcall(?:ed|ing)?\s+(?:no|none)\b"
    r"|\bnot\s+(?:have\s+)?call(?:ed)?\b"
)


def leak(right: Sequence[Call], text: str) -> Leak:
    """Tell how much of the right calls the text gives away.

    >>> call = Call("get_weather", {"city": "Oslo", "days": 3})
    >>> leak([call], "Read the request again."), leak([call], "I forgot 'days'."), leak([call], "Oslo, for 3 days.")
    ('none', 'first_step', 'solution')
    """
    text = text[:MAX_CHARS]
    folded = fold(text)
    if not right:
        return "solution" if _NONE_FITS.search(text.lower()) else "none"
    if all(_states(call, folded) for call in right):
        return "solution"
    named = any(_names_it(call, text) for call in right)
    return "first_step" if named or any(_is_in(value, folded) for call in right for value in _values(call)) else "none"


def _states(call: Call, folded: str) -> bool:
    """Tell whether a text states a call: all its values, or its name where it takes none."""
    values = list(_values(call))
    return all(_is_in(value, folded) for value in values) if values else _is_in(call.name, folded)


def _values(call: Call) -> Iterator[str]:
    """Yield the values of a call as texts, those of lists and objects one by one."""
    for value in call.arguments.values():
        yield from _parts(value)


def _parts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner)
    elif isinstance(value, str):
        if value.strip():
            yield value
    else:
        yield json.dumps(value)


def _is_in(value: str, folded: str) -> bool:
    """Tell whether a text holds a value as a word or a number of its own."""
    return re.search(rf"(?<!\w)(?<!\d\.){re.escape(fold(value))}(?!\w)(?!\.\d)", folded) is not None


def _names_it(call: Call, text: str) -> bool:
    """Tell whether a text names the tool, or an argument of it as a name."""
    if _is_in(call.name, fold(text)):
        return True
    return any(_marked(name, text) for name in call.arguments)


def _marked(name: str, text: str) -> bool:
    if "_" in name:
        return _is_in(name, fold(text))
    return any(f"{mark}{name}{mark}" in text for mark in "'\"`")
