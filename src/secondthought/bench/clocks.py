"""The benches read two clocks beside each other: the wall clock, and the processor time of their process.

Other processes lengthen processor time less: on a busy machine, read that one. Peers' scripts import this module in
their own interpreters, so it needs the standard library alone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

SUFFIXES = {"wall": "", "cpu": "_cpu"}
"""Ends of the names of ratios, by clock."""
CLOCKS = tuple(SUFFIXES)


@dataclass(slots=True)
class Seconds:
    """`Seconds` hold how long each timed step took, by both clocks."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @classmethod
    def between(cls, start: tuple[float, float], end: tuple[float, float]) -> Seconds:
        """Return the seconds of one step that began at `start` and ended at `end`; both come from `now`."""
        return cls([end[0] - start[0]], [end[1] - start[1]])

    def __iadd__(self, other: Seconds) -> Seconds:
        self.wall += other.wall
        self.cpu += other.cpu
        return self

    def skip(self, count: int) -> Seconds:
        """Return the seconds of all steps but the first `count`."""
        return Seconds(self.wall[count:], self.cpu[count:])


def now() -> tuple[float, float]:
    """Read the wall clock and the processor time of this process."""
    return time.perf_counter(), time.process_time()


def medians(taken: Mapping[str, Seconds]) -> dict[str, dict[str, float]]:
    """Return the median over the steps of each name, first by clock, then by name.

    >>> medians({"ours": Seconds([1.0, 3.0, 2.0], [1.0])})
    {'wall': {'ours': 2.0}, 'cpu': {'ours': 1.0}}
    """
    return {
        clock: {name: statistics.median(getattr(seconds, clock)) for name, seconds in taken.items()} for clock in CLOCKS
    }


def ratios(found: Mapping[str, Mapping[str, float]], base: str) -> dict[str, float]:
    """Divide every median of `medians` by that of `base`.

    >>> ratios({"wall": {"ours": 2.0, "trl": 6.0}, "cpu": {"ours": 1.0, "trl": 5.0}}, "ours")
    {'trl_to_ours': 3.0, 'trl_to_ours_cpu': 5.0}
    """
    return {
        f"{name}_to_{base}{suffix}": value / found[clock][base]
        for clock, suffix in SUFFIXES.items()
        for name, value in found[clock].items()
        if name != base
    }
