"""Amounts, times and days are put in words here, as a person would say them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date

_AMOUNTS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_TIMES = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"))


def amount(value: float) -> str:
    """Write a number of tokens, with three figures.

    >>> amount(1391853), amount(830), amount(float("nan"))
    ('1.39M', '830', '')
    """
    if math.isnan(value):
        return ""
    for size, name in _AMOUNTS:
        if value >= 0.9995 * size:
            return f"{value / size:.3g}{name}"
    return f"{value:.0f}"


def duration(seconds: float) -> str:
    """Write a time in the largest unit that leaves at least two of it.

    >>> duration(629.9), duration(7200), duration(62), duration(float("nan"))
    ('10.5 minutes', '2 hours', '62 seconds', '')
    """
    if math.isnan(seconds):
        return ""
    for size, name in _TIMES:
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.0f} seconds"


def days(found: Iterable[date | None]) -> str:
    """Write the days, or the first and the last of them; empty where none is known.

    >>> days([date(2026, 11, 28), None]), days([date(2026, 11, 30), date(2026, 11, 28)])
    ('28 Nov 2026', '28 Nov 2026 to 30 Nov 2026')
    """
    known = sorted(day for day in found if day is not None)
    return " to ".join(dict.fromkeys(_day(day) for day in (known[:1] + known[-1:])))


def plural(number: int, noun: str) -> str:
    """Write a number of things.

    >>> plural(1, "step"), plural(1200, "problem")
    ('1 step', '1,200 problems')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 3, between: str = ", ") -> str:
    """Name some things, and count those beyond `most`.

    >>> listed(["a", "a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    each = list(dict.fromkeys(names))
    more = f" and {len(each) - most} more" if len(each) > most else ""
    return between.join(each[:most]) + more


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
