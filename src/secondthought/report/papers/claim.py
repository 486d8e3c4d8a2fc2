"""A claim is what a paper says, held against what these runs measured.

The rule, the same for every claim of every paper (also printed in the report):

    same direction at this scale   the 95 % interval lies wholly on the claimed side
    not                            it lies wholly on the other side
    cannot tell                    it covers the boundary, or something that the claim needs is missing

The interval is over seeds and problems together, so one seed can never tell. It has width also where nothing changed
(`pooled`), so a claim that something is kept needs as many problems as it takes to see a loss. The boundary is zero
unless a claim names another. Each claim is judged by itself: of many, some may come out by chance. Published values are
only those that were seen in published text or files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from secondthought.report.numbers.gains import Gain
from secondthought.report.numbers.runs import Arm

ClaimVerdict: TypeAlias = Literal["same direction at this scale", "not", "cannot tell"]
ClaimUnit: TypeAlias = Literal["points", "tokens", "finds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A `Claim` says what was published, what we measured, and what follows."""

    title: str
    published: str
    measure: str
    unit: ClaimUnit
    result: Gain
    verdict: ClaimVerdict
    why: str

    def explained(self, more: str) -> Claim:
        """Return this claim with more said after its reason."""
        return replace(self, why=f"{self.why}{more}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A `Paper` gives the report its claims, and what the page says above them."""

    heading: str
    published: str
    """The sentence that says where published values come from."""
    claims: Callable[[Sequence[Arm]], list[Claim]]
    remark: Callable[[Sequence[Arm]], str]
    """Sentences that a reader must know besides; may be empty."""


def claim_on(
    result: Gain,
    *,
    title: str,
    published: str,
    measure: str,
    unit: ClaimUnit = "points",
    boundary: float = 0.0,
    falls: bool = False,
) -> Claim:
    """Build a claim with the verdict that the rule gives to its result; `boundary` and `falls` as for `verdict_on`."""
    verdict, why = verdict_on(result, boundary=boundary, falls=falls)
    return Claim(title=title, published=published, measure=measure, unit=unit, result=result, verdict=verdict, why=why)


def verdict_on(result: Gain, *, boundary: float = 0.0, falls: bool = False) -> tuple[ClaimVerdict, str]:
    """Apply the rule and return its verdict with the reason; `falls` where the claim is that the number goes down."""
    low, high = result.pooled.low - boundary, result.pooled.high - boundary
    if falls:
        low, high = -high, -low
    if result.missing:
        return "cannot tell", result.missing
    if math.isnan(low) or math.isnan(high):
        return "cannot tell", "the interval is undefined"
    if not low < high:
        return "cannot tell", "the interval has no width: outcomes that agree are no evidence"
    if result.num_seeds < 2:
        return "cannot tell", "one seed: the interval leaves out how much seeds differ"
    if low > 0:
        return "same direction at this scale", "the interval lies wholly on the claimed side"
    if high < 0:
        return "not", "the interval lies wholly on the other side"
    return "cannot tell", "the interval covers the boundary"
