"""Axes map values to pixels, with ticks at round numbers and texts that tell the ticks apart, whatever the range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST, SMALLEST = 1e290, 1e-290
"""Values beyond cannot be added up; ranges below cannot be divided. Neither is drawn."""

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_PLAIN_FROM, _UNITS_FROM, _POWERS_FROM = 1e-3, 1e5, 1e12
"""The largest tick of an axis from which on its ticks are written out, with a unit, with a power of ten."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An `Axis` maps values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> str:
        """Return the pixel of a value, as SVG writes it."""
        return f"{self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start):.1f}"


def can_be_drawn(value: float) -> bool:
    """Return True for a number that has a place on an axis: finite, and not absurdly large."""
    return math.isfinite(value) and abs(value) < LARGEST


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Return three to seven round numbers that enclose the range (`whole`: that lie within it, and are whole).

    >>> ticks(0, 0.37), ticks(0, 60, whole=True), ticks(0, 0)
    ([0.0, 0.1, 0.2, 0.3, 0.4], [0, 20, 40, 60], [0.0, 0.25, 0.5, 0.75, 1.0])
    """
    if not high - low > max(SMALLEST, 1e-9 * abs(low)):
        high = low + max(1.0, abs(low))
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough * 0.95)
    if whole:
        step = max(1, round(step))
        return [float(step * index) if step % 1 else step * index for index in range(int(high // step) + 1)]
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{step * index:.12g}") for index in range(first, last + 1)]


def tick_text(tick: float, all_ticks: Sequence[float], percent: bool = False) -> str:
    """Write a tick, short and with as many decimals as tell it from the others of its axis.

    >>> marks = [0.0, 2.5e-7, 5e-7]
    >>> [tick_text(mark, marks) for mark in marks], tick_text(0.25, [0.0, 0.25], percent=True)
    (['0', '2.5e-7', '5.0e-7'], '25%')
    >>> tick_text(1500.0, [0.0, 1500.0]), tick_text(1.5e6, [0.0, 1.5e6, 3e6]), tick_text(2e15, [0.0, 2e15])
    ('1,500', '1.5M', '2e15')
    """
    scale, sign = (100.0, "%") if percent else (1.0, "")
    if tick == 0 and not _is_plain(max(map(abs, all_ticks)) * scale):
        return f"0{sign}"
    unit, name = _unit(max(map(abs, all_ticks)) * scale)
    step = abs(all_ticks[1] - all_ticks[0]) * scale / unit if len(all_ticks) > 1 else 1.0
    return f"{tick * scale / unit:,.{_decimals(step)}f}{name}{sign}"


def _is_plain(largest: float) -> bool:
    return largest == 0 or _PLAIN_FROM <= largest < _UNITS_FROM


def _unit(largest: float) -> tuple[float, str]:
    """Return what ticks are divided by, and how that is written after them."""
    if _is_plain(largest):
        return 1.0, ""
    if _UNITS_FROM <= largest < _POWERS_FROM:
        return next((size, name) for size, name in _UNITS if largest >= size)
    power = math.floor(math.log10(largest))
    return 10.0**power, f"e{power}"


def _decimals(step: float) -> int:
    return next((count for count in range(6) if math.isclose(round(step, count), step, rel_tol=1e-6)), 6)
