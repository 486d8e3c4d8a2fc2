"""Probing failures: would reflections make a difference here? A few are written on each, and each is tried once.

A failure that every reflection rescues, or none, gives a flat group: it costs tokens and teaches nothing. Reflections
of the untrained model tell beforehand, at a price that is recorded with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

from secondthought.rollout.mining import mine_one
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import group_of_reflections
from secondthought.rollout.scheduler import Course
from secondthought.types import Failure, Group, Problem, Turn

ProbeKeep: TypeAlias = Literal["mixed", "any", "all"]
"""Which probed failures are kept: those that some reflections rescue and some do not, that any rescues, or all."""

PROBE = "probe"
"""Where a failure's provenance holds its counts."""


class ProbeRetry(NamedTuple):
    """A `ProbeRetry` is a reflection of a probe, the retry that followed it, and whether that is right."""

    reflection: str
    retry: str
    correct: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A `Probed` is what came of one problem: what it cost to find a failure, and that failure with its counts."""

    problem_id: str
    failure: Failure | None
    retries: tuple[ProbeRetry, ...] = ()
    """What was written about the failure: counts say that reflections differ, these say in what."""
    num_tries: int = 0
    num_sampled_tokens: int = 0
    """Tokens of the tries; those of the probe are in the failure's provenance."""

    @property
    def counts(self) -> dict[str, int] | None:
        """Return how many reflections were written on the failure, how many rescued it, and the tokens of all turns."""
        return None if self.failure is None else self.failure.provenance[PROBE]


def probe(player: Player, keys: Keys, failure: Failure, *, reflections: int) -> Course[Probed]:
    """Write reflections on a failure, retry once after each, and record in its provenance how many were right."""
    group: Group = yield from group_of_reflections(player, keys, failure, group_size=reflections, retries=1)
    retries = [
        ProbeRetry(branch.reflection.completion.text, branch.tries[0].completion.text, _is_right(branch.tries[0]))
        for branch in group.branches
        if branch.reflection is not None
    ]
    turns = [turn for branch in group.branches for turn in (branch.reflection, *branch.tries) if turn is not None]
    counts = {
        "reflections": reflections,
        "rescued": sum(item.correct for item in retries),
        "tokens": sum(len(turn.completion.token_ids) for turn in turns),
    }
    found = replace(failure, provenance={**failure.provenance, PROBE: counts})
    return Probed(problem_id=failure.problem.id, failure=found, retries=tuple(retries))


def _is_right(retry: Turn) -> bool:
    return retry.verdict is not None and retry.verdict.correct


def find_and_probe(
    player: Player, keys: Keys, problem: Problem, *, tries: int, reflections: int, provenance: Mapping[str, Any]
) -> Course[Probed]:
    """Try a problem until a try fails, and probe that failure."""
    mined = yield from mine_one(player, problem, tries=tries, keys=keys, provenance=provenance)
    found = Probed(problem_id=problem.id, failure=None)
    if mined.failure is not None:
        found = yield from probe(player, keys, mined.failure, reflections=reflections)
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
    )
