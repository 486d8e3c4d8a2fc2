"""PythonSource of Python syntax are read by a small bounded parser, and written: nothing is compiled or executed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from secondthought.text import whole
from secondthought.tools.json_values import MAX_DEPTH, Unreadable, integer, real

_BLANK = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(
    r"[uUrR]?(?:"
    r"'''(?:[^'\\]++|\\.|'(?!''))*+'''|"
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"""|'
    r"'(?:[^'\\]++|\\.)*+'|"
    r'"(?:[^"\\]++|\\.)*+")',
    re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*+(\.[\d_]*+)?|(\.\d[\d_]*+))([eE][+-]?\d++)?(?![\w.])")
_WORDS = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None}
_WORD = re.compile(r"(?:True|False|None|true|false|null)(?!\w)")
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|U(0010[0-9a-fA-F]{4}|000[0-9a-fA-F]{5})|x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL
)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\n": ""}
_CLOSING = {"[": "]", "(": ")"}


class PythonSource:
    """A `PythonSource` reads a text of Python syntax from left to right."""

    def __init__(self, text: str) -> None:
        """Begin at the start of the text."""
        self.text, self.at = text, 0

    def is_at_end(self) -> bool:
        """Tell whether only blanks are left."""
        self._skip()
        return self.at == len(self.text)

    def take(self, sign: str) -> bool:
        """Go past a sign if it comes next, and tell whether it did."""
        self._skip()
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def require(self, sign: str) -> None:
        """Go past a sign that must come next."""
        if not self.take(sign):
            raise self._expected(f"'{sign}'")

    def word(self, pattern: re.Pattern[str], what: str) -> str:
        """Go past a word of a pattern, and return it."""
        self._skip()
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self._expected(what)
        self.at = found.end()
        return found[0]

    def value(self, depth: int = 0) -> Any:
        """Read one literal.

        Raises:
            Unreadable: there is none, or it is too deep.
        """
        if depth > MAX_DEPTH:
            raise Unreadable(f"a call holds lists or objects more than {MAX_DEPTH} deep")
        self._skip()
        sign = self.text[self.at : self.at + 1]
        if sign in _CLOSING:
            return self._list(_CLOSING[sign], depth)
        if sign == "{":
            return self._object(depth)
        for pattern, read in ((_STRING, self._string), (_NUMBER, _number), (_WORD, _named)):
            if found := pattern.match(self.text, self.at):
                self.at = found.end()
                return read(found)
        raise self._expected("a literal")

    def _list(self, closing: str, depth: int) -> Any:
        self.at += 1
        items: list[Any] = []
        commas = 0
        while not self.take(closing):
            items.append(self.value(depth + 1))
            if not self.take(","):
                self.require(closing)
                break
            commas += 1
        return items[0] if closing == ")" and len(items) == 1 and not commas else items

    def _object(self, depth: int) -> dict[str, Any]:
        self.at += 1
        found: dict[str, Any] = {}
        while not self.take("}"):
            key = self.value(depth + 1)
            if not isinstance(key, str) or key in found:
                raise Unreadable("a key of an object in a call is no text, or is there twice")
            self.require(":")
            found[key] = self.value(depth + 1)
            if not self.take(","):
                self.require("}")
                break
        return found

    def _string(self, found: re.Match[str]) -> str:
        """Return a text; texts that stand side by side are one, as in Python."""
        parts = [_unquoted(found[0])]
        while (more := _STRING.match(self.text, self._after_blanks())) is not None:
            parts.append(_unquoted(more[0]))
            self.at = more.end()
        return whole("".join(parts))

    def _after_blanks(self) -> int:
        return _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]

    def _skip(self) -> None:
        self.at = self._after_blanks()

    def _expected(self, what: str) -> Unreadable:
        shown = self.text[self.at : self.at + 20]
        found = f"has {shown!r}" if shown else "breaks off"
        return Unreadable(f"a call in Python syntax {found} where {what} should stand")


def written(value: Any) -> str:
    """Return a JSON value as a Python literal."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(written, value)) + "]"
    return repr(value)


def _number(found: re.Match[str]) -> int | float:
    digits = found[0].replace("_", "")
    return real(digits) if found[1] is not None or found[2] is not None or found[3] is not None else integer(digits)


def _named(found: re.Match[str]) -> bool | None:
    return _WORDS[found[0]]


def _unquoted(token: str) -> str:
    prefix = token[0] if token[0] in "uUrR" else ""
    token = token[len(prefix) :]
    size = 3 if token[:3] in ("'''", '"""') and len(token) >= 6 else 1
    inner = token[size:-size]
    return inner if prefix in ("r", "R") else _ESCAPE.sub(_escaped, inner)


def _escaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code is not None:
        return chr(int(code, 16))
    if found[4] is not None:
        return chr(int(found[4], 8))
    return _LETTERS.get(found[5], found[5] if found[5] in "'\"\\" else found[0])
