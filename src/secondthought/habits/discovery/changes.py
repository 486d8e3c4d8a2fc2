"""Changes of a rate between two sets of texts: exact tests of problems, and intervals that know how many were tried.

Texts of one problem are not independent, so problems are what is counted. Where both sides wrote about the same
problems, the test is of signs: in as many problems the rate went up as down. Else it is Fisher's, of how many problems
of either side lie above a rate that halves them all (Mood's median test; with one text a problem, simply of texts).
Neither assumes anything but that the sides could be exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from secondthought.habits.discovery.matching import matched
from secondthought.habits.discovery.texts import WrittenText
from secondthought.habits.discovery.words import Numbers
from secondthought.habits.rates import share
from secondthought.stats import (
    Interval,
    Ratio,
    fisher,
    mean_difference,
    mean_share,
    share_of_clusters,
    sign_test,
    unpaired_difference,
)

FEWEST_PROBLEMS = 10
"""With fewer problems on a side nothing is tested: next to no change could show."""
_ROUNDING = 1e-9

Shares: TypeAlias = npt.NDArray[np.float64]


class ExactTest(NamedTuple):
    """An `ExactTest` is a two-sided p-value, and the least that it could have been, whoever is on which side."""

    p: float
    least: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChange:
    """A `RateChange` is the rate of one thing before and after: shares of texts, with intervals over problems."""

    texts_before: int
    texts_after: int
    before: Interval
    after: Interval
    difference: Interval
    """After minus before, at a level that allows for how many were chosen of how many."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sides:
    """`Sides` are the texts that are compared, and of which side and problem each is."""

    texts: tuple[WrittenText, ...]
    is_after: npt.NDArray[np.bool_]
    problem: Numbers
    """Numbers of problems; if sides are not paired, a problem of both sides is two."""
    is_paired: bool
    left_out: int
    """Texts that the other side has no match for; see `matching`."""

    @classmethod
    def of(cls, before: Sequence[WrittenText], after: Sequence[WrittenText]) -> Sides:
        """Return the two sides as far as they can be compared; see `matching`."""
        both = matched(before, after)
        kept, is_paired = (both.before, both.after), both.is_paired
        known: dict[tuple[str, int], int] = {}
        numbers = [
            known.setdefault((text.problem, 0 if is_paired else side), len(known))
            for side, texts in enumerate(kept)
            for text in texts
        ]
        return cls(
            texts=(*kept[0], *kept[1]),
            is_after=np.repeat([False, True], [len(kept[0]), len(kept[1])]),
            problem=np.array(numbers, dtype=np.int64),
            is_paired=is_paired,
            left_out=len(before) + len(after) - len(kept[0]) - len(kept[1]),
        )

    @property
    def num_texts(self) -> tuple[int, int]:
        """Return how many texts there are before and after."""
        after = int(self.is_after.sum())
        return len(self.texts) - after, after

    @property
    def num_problems(self) -> tuple[int, int]:
        """Return how many problems they are about, before and after."""
        before, after = (len(np.unique(self.problem[side])) for side in (~self.is_after, self.is_after))
        return before, after

    def test(self, holders: Numbers) -> ExactTest:
        """Test if as many texts of either side hold something.

        The p-value is 1 where most problems changed in one way and the mean over them in the other: nothing is said.
        """
        before, after = self._shares(holders)
        if self.is_paired:
            more, fewer = int((after - before > _ROUNDING).sum()), int((before - after > _ROUNDING).sum())
            p, least, rise = _signs(more, fewer), _signs(more + fewer, 0), more - fewer
        else:
            cut = _halving(np.concatenate([before, after]))
            above, below = int((after > cut).sum()), int((before > cut).sum())
            p = _fisher(above, len(after), below, len(before))
            least = _least_fisher(above + below, len(after), len(before))
            rise = above * len(before) - below * len(after)
        return ExactTest(p=p if rise * (after.mean() - before.mean()) > 0 else 1.0, least=least)

    def rise(self, holders: Numbers) -> float:
        """Return by how much the share of texts that hold something rose, as a mean over problems."""
        before, after = self._shares(holders)
        return float(after.mean() - before.mean())

    def change(self, holders: Numbers, level: float) -> RateChange:
        """Return the rates of something before and after, and their difference at this level of confidence."""
        point = NormalDist().inv_cdf((1 + level) / 2)
        num_after = int(self.is_after[holders].sum())
        if self.is_paired:
            before, after = self._shares(holders)
            rates = (mean_share(before), mean_share(after))
            difference = mean_difference(after - before, point=point)
        else:
            ratios = [self._ratio(holders, side) for side in (False, True)]
            rates = (share(ratios[0]), share(ratios[1]))
            wide = [share_of_clusters(each.y / each.x, each.deviation, each.n, point=point) for each in ratios]
            difference = unpaired_difference(wide[1], wide[0])
        return RateChange(
            texts_before=len(holders) - num_after,
            texts_after=num_after,
            before=rates[0],
            after=rates[1],
            difference=difference,
        )

    def _shares(self, holders: Numbers) -> tuple[Shares, Shares]:
        """Return for each problem of either side the share of its texts that hold something."""
        before, after = (self._counts(holders, side) for side in (False, True))
        return before[0] / before[1], after[0] / after[1]

    def _ratio(self, holders: Numbers, is_after: bool) -> Ratio:
        pairs = Ratio()
        for held, texts in zip(*self._counts(holders, is_after), strict=True):
            pairs.add(float(held), float(texts))
        return pairs

    def _counts(self, holders: Numbers, is_after: bool) -> tuple[Numbers, Numbers]:
        """Return for each problem of a side how many of its texts hold something, and how many there are."""
        size = int(self.problem.max()) + 1
        texts = np.bincount(self.problem[self.is_after == is_after], minlength=size)
        held = np.bincount(self.problem[holders[self.is_after[holders] == is_after]], minlength=size)
        return held[texts > 0], texts[texts > 0]


def level_for(chosen: int, tried: int, alpha: float) -> float:
    """Return the level at which the intervals of what was chosen miss the truth at a rate of at most alpha.

    1 - alpha * chosen / tried (Benjamini and Yekutieli 2005): what stands out of thousands does so partly by luck.

    >>> level_for(5, 100, 0.05)
    0.9975
    """
    return 1 - alpha * chosen / tried


def _halving(values: Shares) -> float:
    """Return the value above which the number of values is nearest to a half of them, and neither none nor all."""
    levels, counts = np.unique(np.round(values, 9), return_counts=True)
    if len(levels) < 2:
        return float("inf")
    at_most = np.cumsum(counts)[:-1]
    return float(levels[np.abs(at_most - len(values) / 2).argmin()]) + _ROUNDING


@lru_cache(maxsize=100_000)
def _least_fisher(together: int, n_a: int, n_b: int) -> float:
    """Return the least p-value of Fisher's test, given how many both samples have together."""
    ends = max(0, together - n_b), min(n_a, together)
    return min(fisher(a, n_a, together - a, n_b) for a in ends)


_signs = lru_cache(maxsize=100_000)(sign_test)
_fisher = lru_cache(maxsize=100_000)(fisher)
