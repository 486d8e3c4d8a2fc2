"""What is taken out of texts before they are stored: what names a person or opens a door."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from secondthought.errors import ConfigError, first_line

_PATTERNS: Mapping[str, str] = {
    "KEY": r"\b(?:sk|pk|rk|ghp|gho|xox[abp])[-_][A-Za-z0-9_\-]{16,200}|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[\w\-]{10,2000}\.[\w\-]{10,4000}\.[\w\-]{10,1000}",
    "EMAIL": r"\b[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}\b",
    "IBAN": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
    "CARD": r"\b\d(?:[ \-]?\d){12,18}\b",
    "PHONE": r"(?<![\w.])\+\d{1,3}(?:[ \-./]?\(?\d{1,5}\)?){2,6}\b",
    "ADDRESS": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
}
"""Patterns by what stands in the place of a find; all are bounded, since texts are hostile."""


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
        """Return a text without what was found in it.

        >>> Redactor().text("Mail ann@example.org, or +49 30 1234567.")
        'Mail [EMAIL], or [PHONE].'
        """
        for name, pattern in self._patterns:
            text = pattern.sub(lambda found, name=name: _instead(name, found[0]), text)  # type: ignore[misc]
        return text

    def within(self, value: Any) -> Any:
        """Return a value with every text in its lists and mappings redacted; names of members stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {name: self.within(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.within(item) for item in value]
        return value


def _instead(name: str, found: str) -> str:
    return found if name == "CARD" and not _is_card(found) else f"[{name}]"


def _is_card(found: str) -> bool:
    """Tell whether the digits have the check sum of card numbers (Luhn); other long numbers are left."""
    digits = [int(letter) for letter in found if letter.isdigit()]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
