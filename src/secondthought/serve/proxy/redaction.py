"""What is taken out of texts before they are stored: what names a person or opens a door.

Patterns read a text in time that grows with its length alone: texts are hostile. They do not find names of people.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from secondthought.errors import ConfigError, first_line

_PATTERNS: Mapping[str, str] = {
    "KEY": r"\b(?:sk|pk|rk|ghp|gho|ghs|hf|xox[abp]|github_pat)[-_][A-Za-z0-9_\-]{16,200}|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[A-Za-z0-9_]{10,4000}\.[A-Za-z0-9_]{10,8000}\.[A-Za-z0-9_\-]{10,1000}",
    "EMAIL": r"(?<![\w.+%\-])[\w.+%\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}",
    "IBAN": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
    "CARD": r"(?<!\d)\d(?:[ \-]?\d){12,}",
    "PHONE": r"(?<![\w.])(?:\+\d|\(\d{2,4}\)|0\d)(?:[ \-./()]{0,2}\d){6,14}(?!\d)",
    "ADDRESS": r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)|(?<![\w:])(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}(?![\w:])",
}
"""Patterns by what stands in the place of a find."""
_CARD_DIGITS = range(19, 12, -1)


class Redactor:
    """A `Redactor` replaces what it finds in a text by the find's name in brackets."""

    def __init__(self, own: Sequence[str] = ()) -> None:
        """Take patterns of the operator's own, `NAME=REGEX` each, beside those that are always looked for.

        Raises:
            ConfigError: one has another form, or is no regular expression.
        """
        self._patterns = [(name, re.compile(pattern)) for name, pattern in _PATTERNS.items()]
        for given in own:
            name, equals, pattern = given.partition("=")
            if not equals or not name.isidentifier() or not pattern:
                raise ConfigError(f"redact: {given!r} must be NAME=REGEX, such as CUSTOMER=C-[0-9]{{6}}")
            try:
                self._patterns.append((name.upper(), re.compile(pattern)))
            except re.error as error:
                raise ConfigError(f"redact: {given!r} is no regular expression: {first_line(error)}") from None

    def text(self, text: str) -> str:
        """Return a text without what was found in it; one that is JSON stays JSON.

        >>> Redactor().text("Mail ann@example.org, or +49 30 1234567.")
        'Mail [EMAIL], or [PHONE].'
        >>> Redactor().text('{"card": 4111111111111111}')
        '{"card": "[CARD]"}'
        """
        if text.lstrip()[:1] in ("{", "["):
            try:
                return json.dumps(self.within(json.loads(text)), ensure_ascii=False)
            except (ValueError, RecursionError):
                pass  # a text that only begins like JSON
        return self._plain(text)

    def within(self, value: Any) -> Any:
        """Return a value with all texts and numbers in its lists and mappings redacted; names of members stay."""
        if isinstance(value, str):
            return self._plain(value)
        if isinstance(value, int) and not isinstance(value, bool):
            said = self._plain(str(value))
            return value if said == str(value) else said
        if isinstance(value, Mapping):
            return {name: self.within(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.within(item) for item in value]
        return value

    def _plain(self, text: str) -> str:
        for name, pattern in self._patterns:
            text = pattern.sub(lambda found, name=name: _instead(name, found[0]), text)  # type: ignore[misc]
        return text


def _instead(name: str, found: str) -> str:
    return _without_cards(found) if name == "CARD" else f"[{name}]"


def _without_cards(found: str) -> str:
    """Replace what has the check sum of a card number (Luhn) within a run of digits; other digits are left."""
    places = [place for place, letter in enumerate(found) if letter.isdigit()]
    digits = [int(found[place]) for place in places]
    sums = [list(itertools.accumulate(_weights(digits, parity), initial=0)) for parity in (0, 1)]
    kept, begin, start = [], 0, 0
    while start + _CARD_DIGITS[-1] <= len(digits):
        ends = (start + size for size in _CARD_DIGITS if start + size <= len(digits) and digits[start])
        end = next((end for end in ends if (sums[(end - 1) % 2][end] - sums[(end - 1) % 2][start]) % 10 == 0), None)
        if end is None:
            start += 1
            continue
        kept += [found[begin : places[start]], "[CARD]"]
        begin, start = places[end - 1] + 1, end
    return "".join([*kept, found[begin:]])


def _weights(digits: Sequence[int], parity: int) -> list[int]:
    """Return what each digit adds to the check sum of a number whose last digit stands at a place of this parity."""
    return [digit if place % 2 == parity else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)]
