"""`<start_function_call>call:f{a:<escape>text<escape>,n:5}<end_function_call>`: FunctionGemma."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from secondthought.tools.calls import Call, Unwritable
from secondthought.tools.json_values import MAX_DEPTH, Unreadable, integer, real
from secondthought.tools.schemas import Tool

MARK = r"<start_function_call>"
MAX_CHARACTERS = 20_000
"""An answer with such calls that is longer is malformed."""
_BEGIN, _END, _ESCAPE = "<start_function_call>", "<end_function_call>", "<escape>"
_NAME = re.compile(r"\s*+call:\s*+([^\s{}<>,:\[\]]++)\s*+(?=\{)")
_KEY = re.compile(r"\s*+([^\s{}<>,:\[\]]++)\s*+:")
_NUMBER = re.compile(r"-?\d++(\.\d++)?([eE][+-]?\d++)?(?![\w.])")
_WORD = re.compile(r"(?:true|false|null|none|True|False|None)(?!\w)")
_WORDS = {"true": True, "false": False, "null": None, "none": None}
_BLANK = re.compile(r"\s*+")


def write(calls: Sequence[Call]) -> str:
    """Return the calls, each between tokens of its own.

    Raises:
        Unwritable: a name or key holds a sign of this dialect, or a text the token that ends a text.
    """
    return "".join(f"{_BEGIN}call:{_bare(call.name)}{_written(dict(call.arguments))}{_END}" for call in calls)


def read(text: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """Yield the calls after each token that begins one; the last may lack its end.

    Raises:
        Unreadable: no name and arguments follow the token.
    """
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"an answer with FunctionGemma's calls is longer than {MAX_CHARACTERS} characters")
    at = text.find(_BEGIN)
    while at >= 0:
        found = _NAME.match(text, at + len(_BEGIN))
        if found is None:
            raise Unreadable("<start_function_call> is not followed by call:NAME{...}")
        source = _Source(text, found.end())
        yield Call(name=found[1], arguments=source.value())
        source.skip()
        if not text.startswith(_END, source.at) and source.at < len(text):
            raise Unreadable("something follows a call before <end_function_call>")
        at = text.find(_BEGIN, source.at)


class _Source:
    """A `_Source` reads values of this dialect from left to right."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at

    def skip(self) -> None:
        self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]

    def value(self, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise Unreadable(f"a call holds lists or objects more than {MAX_DEPTH} deep")
        self.skip()
        if self._take("{"):
            return self._object(depth)
        if self._take("["):
            return self._list(depth)
        if self._take(_ESCAPE):
            return self._escaped()
        if found := _NUMBER.match(self.text, self.at):
            self.at = found.end()
            return real(found[0]) if found[1] or found[2] else integer(found[0])
        if found := _WORD.match(self.text, self.at):
            self.at = found.end()
            return _WORDS[found[0].lower()]
        raise Unreadable("a value in a call is neither a text between <escape> tokens, a number, a list nor an object")

    def _take(self, sign: str) -> bool:
        taken = self.text.startswith(sign, self.at)
        self.at += len(sign) if taken else 0
        return taken

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.skip()
        while not self._take("}"):
            key = self._key()
            if key in found:
                raise Unreadable(f"a call names {key!r:.80} twice in one object")
            found[key] = self.value(depth + 1)
            self._separate("}")
        return found

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.skip()
        while not self._take("]"):
            found.append(self.value(depth + 1))
            self._separate("]")
        return found

    def _separate(self, closing: str) -> None:
        self.skip()
        if not self._take(",") and not self.text.startswith(closing, self.at):
            raise Unreadable(f"a call breaks off where ',' or '{closing}' should stand")
        self.skip()

    def _key(self) -> str:
        found = _KEY.match(self.text, self.at)
        if found is None:
            raise Unreadable("a call breaks off where the name of an argument should stand")
        self.at = found.end()
        return found[1]

    def _escaped(self) -> str:
        end = self.text.find(_ESCAPE, self.at)
        if end < 0:
            raise Unreadable("a text in a call is not closed by <escape>")
        begin, self.at = self.at, end + len(_ESCAPE)
        return self.text[begin:end]


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_bare(key)}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, str):
        if _ESCAPE in value:
            raise Unwritable("a text holds <escape>, which ends a text in FunctionGemma's dialect")
        return f"{_ESCAPE}{value}{_ESCAPE}"
    return "null" if value is None else str(value).lower()


def _bare(name: str) -> str:
    if not re.fullmatch(r"[^\s{}<>,:\[\]]++", name):
        raise Unwritable(f"{name!r:.80} cannot be a name in FunctionGemma's dialect")
    return name
