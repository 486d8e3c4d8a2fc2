r"""Numbers as people and models write them are read as exact fractions, in bounded time, or not at all.

Read are thousands separators, currencies, percent, scientific notation, fractions and mixed numbers, `\frac`, Unicode's
minus signs and digits, units behind and marks around. An expression, a range, a date or a time is no number: its last
digits would be another one. Values of more than `MAX_DIGITS` digits are none either.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

MAX_DIGITS = 300
MAX_TAIL = 5000
"""The last number is looked for in so many final characters: it bounds the work."""
MAX_WHOLE = 200
"""A longer text is not one number and its unit."""
_NESTED = 4
_NO_NUMBER = " 0:0 "
"""Stands for what is not read: a run of digits that fits no form below."""

_MINUS = dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d\u207b", "-")
_BLANKS = dict.fromkeys("\u00a0\u2007\u2008\u2009\u202f", "\u2009")
_OTHER = {"\u00d7": "*", "\u2044": "/", "\u2215": "/", "\uff05": "%", "\uff0c": ",", "\uff0e": ".", "\uff0b": "+"}
_SUPERSCRIPTS = dict(zip("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "0123456789", strict=True))
_RAISED = re.compile("\u207b?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{1,20}")
_FRACTION = re.compile(r"\\[dt]?frac\s?(?:\{([^{}]{0,120})\}|(\d))\s?(?:\{([^{}]{0,120})\}|(\d))")
_REWRITTEN = [
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,!;: ](?=\d{3})"), ","),
    (re.compile(r"\\(?:left|right|[,!;: ])"), ""),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"\\(?:times|cdot)"), "*"),
    (re.compile(r"\\(?:text|textbf|mathbf|mathrm|mbox|boxed)\{([^{}]{0,120})\}"), r" \1 "),
    (re.compile(r"\^\s?\{\s?([-+]?\d{1,20})\s?\}"), r"^\1"),
    (re.compile(r"(?<![\w)*])(\*\*|__)(?=[^\s*_])([^*_\n]{1,120})(?<=[^\s*_])\1"), r"\2"),
    (re.compile(r"(?<=[A-Za-z)\]}])(?:\^|\*\*)[-+]?\d{1,20}"), ""),  # cm^2 is a unit
    (re.compile(r"(?:\\sqrt|\u221a|\u00b1)\s?(?:\{[^{}]{0,120}\}|[\d.]{1,20})?"), _NO_NUMBER),
    (re.compile(r"(?<!\d)[\d.]{1,20}\s?(?:\\pi|\u03c0)"), _NO_NUMBER),
]
_RUN = re.compile(
    r"\.?\d(?:[\d.,:/^'_\u2009]|[eE][-+]?(?=\d)| {0,2}(?:\*\*|[-*x/^+]{1,2}) {0,2}(?=\.?\d)| (?=\d{1,9} ?/ ?\d))*"
)
_WHOLE = r"(?:\d{1,3}(?:([,_'\u2009])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}|\d+)"
_DECIMAL = re.compile(rf"(?:{_WHOLE}(?:\.\d*)?|\.\d+)")
_CONTINENTAL = re.compile(r"\d{1,3}(?:\.\d{3})+,\d{1,20}|\d{1,3}(?:\.\d{3}){2,}")
_SCIENTIFIC = re.compile(r"(.+?)(?:[eE]| ?[*x] ?10 ?(?:\^|\*\*) ?)([-+]?\d{1,9})")
_POWER_OF_TEN = re.compile(r"10(?:\^|\*\*)([-+]?\d{1,9})")
_QUOTIENT = re.compile(r"(?:(\d+) )?([\d.,]+) ?/ ?(-?[\d.,]+)")
_AFTER = re.compile(r"(k)\b| ?(hundred|thousand|million|billion|trillion)\b| ?(%)", re.IGNORECASE)
_TIMES = {"k": 3, "hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_BEFORE = re.compile(r"[\s$\u20ac\u00a3\u00a5+\-(\[\"'`*_=]*")
_UNIT = re.compile(r"[\s$\u20ac\u00a3\u00a5.)\]\"'`*_\u00b0A-Za-z/]*")


class Number(NamedTuple):
    """A `Number` is an exact value, whether a percent sign followed it, and the unit in words, if any."""

    value: Fraction
    percent: bool = False
    unit: str = ""


def last(text: str) -> Number | None:
    """Return the last number of a text; None where there is none, or where the last digits are no number.

    >>> last("12 eggs, so $1,200.50.").value, last("It is 3/4 of 2, that is 1 1/2").value, last("3-4")
    (Fraction(2401, 2), Fraction(3, 2), None)
    """
    tail = text[-MAX_TAIL:]
    if len(text) > MAX_TAIL:
        tail = tail.lstrip("0123456789.,:/^'_+-*xeE$")  # which may be the rest of a number
    plain = _plain(tail)
    runs = list(_RUN.finditer(plain))
    return _number(plain, runs[-1]) if runs else None


def whole(text: str) -> Number | None:
    """Return the number that a text is, but for its unit, a currency and marks around it; None where it is none.

    >>> whole(" **$1,200** ").value, whole("1e-05").value, whole("12 apples").unit, whole("12 or 13")
    (Fraction(1200, 1), Fraction(1, 100000), 'apples', None)
    """
    if len(text) > MAX_WHOLE:
        return None
    plain = _plain(text.strip())
    runs = list(_RUN.finditer(plain))
    if len(runs) != 1:
        return None
    after = _AFTER.match(plain, _end(runs[0]))
    rest = plain[after.end() if after else _end(runs[0]) :]
    if not _BEFORE.fullmatch(plain[: runs[0].start()]) or not _UNIT.fullmatch(rest):
        return None
    found = _number(plain, runs[0], alone=True)
    return None if found is None else found._replace(unit=_unit(rest))


def same(one: Number, other: Number) -> bool:
    """Tell whether two numbers have one value. Where one of them has a percent sign, 50 % is 50, and it is .5 too."""
    if one.percent == other.percent:
        return one.value == other.value
    share, plain = (one, other) if one.percent else (other, one)
    return plain.value in (share.value, share.value / 100)


def _plain(text: str) -> str:
    """Rewrite what has several spellings to one: marks of Unicode, LaTeX and Markdown."""
    if not text.isascii():
        text = _RAISED.sub(lambda raised: "^" + "".join(_SUPERSCRIPTS.get(c, "-") for c in raised[0]), text)
        text = "".join(map(_ascii, text))
    if "\\" in text:
        for _ in range(_NESTED):
            text = _FRACTION.sub(_quotient, text)
        text = re.sub(r"\\[dt]?frac", _NO_NUMBER, text)
    for pattern, plain in _REWRITTEN:
        text = pattern.sub(plain, text)
    return text


def _ascii(character: str) -> str:
    if character.isascii():
        return character
    found = _MINUS.get(character) or _BLANKS.get(character) or _OTHER.get(character)
    if found:
        return found
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    parts = unicodedata.decomposition(character).split()
    if parts[:1] == ["<fraction>"]:
        written = "".join(chr(int(part, 16)) for part in parts[1:]).replace("\u2044", "/")
        return f" {written}"
    return character


def _quotient(found: re.Match[str]) -> str:
    above, below = whole(found[1] or found[2] or ""), whole(found[3] or found[4] or "")
    if above is None or below is None or not below.value or above.unit or below.unit:
        return _NO_NUMBER
    value = above.value / below.value
    joined = " " if found.start() and found.string[found.start() - 1].isdigit() else ""
    return f"{joined}{value.numerator}/{value.denominator}"


def _end(run: re.Match[str]) -> int:
    return run.start() + len(run[0].rstrip(".,:'/^_\u2009"))


def _number(text: str, run: re.Match[str], *, alone: bool = False) -> Number | None:
    sign = _sign(text[: run.start()], alone)
    value = _value(text[run.start() : _end(run)])
    if sign is None or value is None:
        return None
    after = _AFTER.match(text, _end(run))
    if after and not after[3]:
        value *= 10 ** _TIMES[(after[1] or after[2]).casefold()]
    return Number(sign * value, percent=bool(after and after[3]))


def _sign(before: str, alone: bool) -> int | None:
    """Return -1 after a minus sign that takes nothing away from anything; None where there are several."""
    before = before[-20:]
    money = before.rstrip("$\u20ac\u00a3\u00a5")
    if not money.endswith("-"):
        bare = money.rstrip(" ")
        spaced = bare.endswith("-") and (alone or bare[:-1].rstrip(" ").endswith(("=", ":", "(")))
        return -1 if spaced else 1
    rest = money[:-1]
    if rest.endswith("-"):
        return None
    return 1 if rest[-1:].isalnum() or rest.endswith((")", "]", "}")) else -1


def _value(text: str) -> Fraction | None:
    if sum(map(str.isdigit, text)) > MAX_DIGITS:
        return None
    power = _POWER_OF_TEN.fullmatch(text)
    if power:
        return _scaled(Fraction(1), power[1])
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific:
        mantissa = _decimal(scientific[1])
        return None if mantissa is None else _scaled(mantissa, scientific[2])
    quotient = _QUOTIENT.fullmatch(text)
    if quotient:
        return _divided(quotient)
    return _decimal(text)


def _divided(found: re.Match[str]) -> Fraction | None:
    above, below = _decimal(found[2]), _decimal(found[3].removeprefix("-"))
    if above is None or not below:
        return None
    value = above / (-below if found[3].startswith("-") else below)
    return value + int(found[1]) if found[1] else value


def _decimal(text: str) -> Fraction | None:
    if _CONTINENTAL.fullmatch(text):
        return Fraction(text.replace(".", "").replace(",", "."))
    if not _DECIMAL.fullmatch(text):
        return None
    return Fraction(re.sub(r"[,_'\u2009]", "", text).rstrip(".") or "0")


def _scaled(value: Fraction, exponent: str) -> Fraction | None:
    power = int(exponent)
    return value * Fraction(10) ** power if abs(power) <= MAX_DIGITS else None


def _unit(rest: str) -> str:
    return " ".join(re.sub(r"[^A-Za-z\u00b0/ ]", " ", rest).casefold().split())
