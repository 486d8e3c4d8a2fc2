"""Probing failures: would reflections make a difference here? A few are written on each, and each is tried once.

A failure that every reflection rescues, or none, gives a flat group: it costs tokens and teaches nothing. Reflections
of the untrained model tell beforehand, at a price that is recorded with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from secondthought.rollout.mining import mine_one
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import group_of_reflections
from secondthought.rollout.scheduler import Course
from secondthought.stats import Interval, variance_between
from secondthought.types import Failure, Group, Problem

ProbeKeep: TypeAlias = Literal["mixed", "any", "all"]
"""Which probed failures are kept: those that some reflections rescue and some do not, that any rescues, or all."""

PROBE = "probe"
"""Where a failure's provenance holds its counts."""


class ProbeReflection(NamedTuple):
    """A `ProbeReflection` is a reflection of a probe, the retries that followed it, and which of them are right."""

    reflection: str
    retries: tuple[str, ...]
    correct: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A `Probed` is what came of one problem: what it cost to find a failure, and that failure with its counts."""

    problem_id: str
    failure: Failure | None
    reflections: tuple[ProbeReflection, ...] = ()
    """What was written about the failure: counts say that reflections differ, these say in what."""
    num_tries: int = 0
    num_sampled_tokens: int = 0
    """Tokens of the tries; those of the probe are in the failure's provenance."""

    @property
    def counts(self) -> dict[str, int] | None:
        """Return how many reflections were written on the failure, how many rescued it, and the tokens of all turns."""
        return None if self.failure is None else self.failure.provenance[PROBE]


def probe(player: Player, keys: Keys, failure: Failure, *, reflections: int, retries: int = 1) -> Course[Probed]:
    """Write reflections on a failure, retry after each, and record in its provenance how many were right.

    A reflection rescues a failure if at least half of its retries are right.
    """
    group: Group = yield from group_of_reflections(player, keys, failure, group_size=reflections, retries=retries)
    written = [
        ProbeReflection(
            branch.reflection.completion.text,
            tuple(turn.completion.text for turn in branch.tries),
            tuple(turn.verdict is not None and turn.verdict.correct for turn in branch.tries),
        )
        for branch in group.branches
        if branch.reflection is not None
    ]
    turns = [turn for branch in group.branches for turn in (branch.reflection, *branch.tries) if turn is not None]
    counts = {
        "reflections": reflections,
        "rescued": sum(2 * sum(item.correct) >= retries for item in written),
        "tokens": sum(len(turn.completion.token_ids) for turn in turns),
    }
    found = replace(failure, provenance={**failure.provenance, PROBE: counts})
    return Probed(problem_id=failure.problem.id, failure=found, reflections=tuple(written))


def find_and_probe(
    player: Player,
    keys: Keys,
    problem: Problem,
    *,
    tries: int,
    reflections: int,
    retries: int = 1,
    provenance: Mapping[str, Any],
) -> Course[Probed]:
    """Try a problem until a try fails, and probe that failure."""
    mined = yield from mine_one(player, problem, tries=tries, keys=keys, provenance=provenance)
    found = Probed(problem_id=problem.id, failure=None)
    if mined.failure is not None:
        found = yield from probe(player, keys, mined.failure, reflections=reflections, retries=retries)
    tokens = sum(len(turn.completion.token_ids) for turn in mined.tries)
    return replace(found, num_tries=len(mined.tries), num_sampled_tokens=tokens)


def noting(course: Course[Probed], note: Callable[[Probed], None]) -> Course[Probed]:
    """Play a course and pass its result on at once: what is written down then survives an interruption."""
    found = yield from course
    note(found)
    return found


def keeps(keep: ProbeKeep, found: Probed) -> bool:
    """Tell whether a failure with these counts is kept."""
    if found.counts is None:
        return False
    rescued, reflections = found.counts["rescued"], found.counts["reflections"]
    return keep == "all" or (rescued > 0 and (keep == "any" or rescued < reflections))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeStats:
    """`ProbeStats` count what probing found and cost."""

    num_problems: int
    num_failures: int
    num_kept: int
    num_tries: int
    num_sampled_tokens: int
    """Tokens of first tries; `num_probe_tokens` are those of reflections and retries."""
    num_probe_tokens: int
    rescued: dict[int, int]
    """Failures by how many of their reflections rescued them."""
    leverage: Interval
    """Share of the variance of retries, within a failure, that lies in which reflection they followed."""


def stats_of(found: Sequence[Probed], keep: ProbeKeep) -> ProbeStats:
    """Count what was found, kept and spent."""
    counts = [item.counts for item in found if item.counts is not None]
    return ProbeStats(
        num_problems=len(found),
        num_failures=len(counts),
        num_kept=sum(keeps(keep, item) for item in found),
        num_tries=sum(item.num_tries for item in found),
        num_sampled_tokens=sum(item.num_sampled_tokens for item in found),
        num_probe_tokens=sum(item["tokens"] for item in counts),
        rescued=dict(sorted(Counter(item["rescued"] for item in counts).items())),
        leverage=leverage(found),
    )


def leverage(found: Sequence[Probed]) -> Interval:
    """Return how much of a retry's outcome depends on which reflection was written: what training could raise.

    Where it is 0 each reflection on a failure helps as much as another, and advantages within a group are chance. NaN
    where there are not at least two reflections with two retries each.
    """
    outcomes = [np.array([item.correct for item in probed.reflections], dtype=np.float64) for probed in found]
    return variance_between([cluster for cluster in outcomes if cluster.ndim == 2 and min(cluster.shape) > 1])
