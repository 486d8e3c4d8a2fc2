"""Python-call syntax, as BFCL asks for it: `[f(a=1, b="x"), math.sqrt(n=4)]`, or one such call without the brackets.

A small parser reads it; nothing is compiled or executed. Arguments are named, and their values are literals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from secondthought.tools.calls import Call, Unwritable
from secondthought.tools.json_values import Unreadable
from secondthought.tools.python_literals import PythonSource, written
from secondthought.tools.schemas import Tool

MAX_CHARACTERS = 20_000
"""A text of calls that is longer is malformed."""
_NAME = r"[^\W\d]\w*+(?:\.[^\W\d]\w*+)*+"
_BEGUN = re.compile(
    rf"\[\s*+{_NAME}\(|{_NAME}\(\s*+(?:[^\W\d]\w*+\s*+=(?!=)|\)\s*+\Z)|{_NAME}\(\s*+[\"'\d\[{{].*\)\Z", re.DOTALL
)
_WORD = re.compile(_NAME)
_KEY = re.compile(r"[^\W\d]\w*+")


def is_begun(text: str) -> bool:
    """Tell whether a text begins as a call in this syntax does, and not as prose or mathematics do.

    >>> [is_begun(text) for text in ('[f(a=1)]', 'f(a=1', 'f("x")', 'f(x) grows', '[1, 2]')]
    [True, True, True, False, False]
    """
    return _BEGUN.match(text) is not None


def write(calls: Sequence[Call]) -> str:
    """Return the calls as a list in this syntax.

    Raises:
        Unwritable: a name or a key is no Python name.
    """
    return "[" + ", ".join(map(_one, calls)) + "]"


def read(text: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """Yield the calls of a text that holds nothing else: a list, or calls one after the other.

    Raises:
        Unreadable: something in it is no call with named arguments that are literals.
    """
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"calls in Python syntax are longer than {MAX_CHARACTERS} characters")
    source = PythonSource(text)
    listed = source.take("[")
    while not (listed and source.take("]")):
        yield _call(source)
        separated = source.take(",") or (not listed and source.take(";"))
        if listed and not separated:
            source.require("]")
            break
        if not listed and source.is_at_end():
            return
    if not source.is_at_end():
        raise Unreadable("something follows the list of calls")


def _call(source: PythonSource) -> Call:
    name = source.word(_WORD, "the name of a function")
    source.require("(")
    arguments: dict[str, object] = {}
    while not source.take(")"):
        key = source.word(_KEY, f"a named argument of {name!r:.80}")
        if not source.take("="):
            raise Unreadable(f"an argument of {name!r:.80} has no name")
        if key in arguments:
            raise Unreadable(f"the call of {name!r:.80} names an argument twice")
        arguments[key] = source.value()
        if not source.take(","):
            source.require(")")
            break
    return Call(name=name, arguments=arguments)


def _one(call: Call) -> str:
    for pattern, name in ((_WORD, call.name), *((_KEY, key) for key in call.arguments)):
        if not pattern.fullmatch(name):
            raise Unwritable(f"{name!r:.80} is no Python name, so the call cannot be written in Python syntax")
    return f"{call.name}({', '.join(f'{key}={written(value)}' for key, value in call.arguments.items())})"
