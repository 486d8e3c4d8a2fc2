"""The claims of Four Habits (Gandhi et al. 2025) are held against what these runs measured, by the rule of `claim`.

Arms are compared on the problems that they share, each with seeds of its own (`pooled.between_arms`).

Published values are from the authors' released curves (Qwen-2.5-3B and Llama-3.2-3B, one seed per arm).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from secondthought.habits.catalog import SHIPPED
from secondthought.report.numbers.gains import TEMPERATURE, Gain, ProblemTable, gain, gain_table, interval, level_table
from secondthought.report.numbers.pooled import between_arms, minus, over_seeds, total
from secondthought.report.numbers.primed_arms import base_of, dose_of, evaluated, level, presence, priming_of
from secondthought.report.numbers.runs import Arm, Run, get
from secondthought.report.papers.claim import Claim, Paper, claim_on
from secondthought.stats import Interval

KEPT, DROPPED = SHIPPED[:2], SHIPPED[2:4]
"""The four habits: those that the paper saw RL keep, and those that it saw RL drop."""

ALL, DIRECT, PLACEHOLDERS, NEUTRAL = "all-strategies", "direct", ("empty", "dots"), "neutral"
WRONG = {
    "own-wrong": "wrong tries of a primed model, as published",
    "incorrect-only": "wrong traces written by search",
}
"""Priming sets without right answers, and their origins."""


class ArmMeasure(NamedTuple):
    """An `ArmMeasure` is what arms are compared by: a number of one arm, and the same problem by problem."""

    of: Callable[[Arm], Gain]
    table: Callable[[Arm], ProblemTable | None]


GAIN = ArmMeasure(lambda arm: gain(arm, "first_try"), lambda arm: gain_table(arm, "first_try"))
LEVEL = ArmMeasure(level, lambda arm: level_table(arm, "first_try"))


def habit_claims(arms: Sequence[Arm]) -> list[Claim]:
    """Return all six claims, whatever is missing; that of wrong answers once for each origin of them."""
    arms = evaluated(arms)
    weak, strong = _weak_and_strong(arms)
    primed: dict[str, Arm] = {}
    for arm in arms:
        if weak is not None and base_of(arm) == base_of(weak) and priming_of(arm):
            primed.setdefault(priming_of(arm), arm)  # of several, that with most seeds
    wrong = [name for name in WRONG if name in primed] or [next(iter(WRONG))]
    return [
        _richer_base(weak, strong),
        _priming_catches_up(weak, primed.get(ALL)),
        *(_habits_not_answers(primed.get(name), WRONG[name], primed.get(DIRECT)) for name in wrong),
        _not_the_form(primed),
        _dose(arms),
        _selective(primed.get(ALL)),
    ]


PAPER = Paper(
    heading="The claims of Four Habits",
    published="Published values are from models of 3 billion parameters, one seed per arm "
    "(Gandhi et al. 2025, arXiv 2503.01307, released curves)",
    claims=habit_claims,
    remark=lambda arms: (
        "How much bases and primings differ is in an interval only where each seed had its own. "
        "Where a seed either takes off or does not, look at every seed."
    ),
)


def _richer_base(weak: Arm | None, strong: Arm | None) -> Claim:
    result = _difference(strong, weak, GAIN, "two bases of different habits, not primed, are needed")
    return _claim(
        "A base with more habits gains more from the same RL",
        "after 250 steps Qwen-2.5-3B .54 (best .61), Llama-3.2-3B .34; verification before: .62 and .10 a completion",
        _named("first-try gain, {} - {}", GAIN, (strong, "a base with many habits"), (weak, "one with few")),
        result,
    )


def _priming_catches_up(weak: Arm | None, primed: Arm | None) -> Claim:
    return _claim(
        "Priming with all four habits lifts what RL reaches",
        "Llama-3.2-3B after RL: .736 primed, .338 not; Qwen-2.5-3B .773 and .535",
        _named("first try after RL, {} - {}", LEVEL, (primed, f"primed with {ALL}"), (weak, "not primed")),
        _difference(primed, weak, LEVEL, f"the weaker base and the same primed with {ALL} are needed"),
    )


def _habits_not_answers(wrong: Arm | None, origin: str, direct: Arm | None) -> Claim:
    return _claim(
        f"Habits matter more than right answers: {origin}",
        "Llama-3.2-3B after RL: .735 primed with wrong answers only, .736 with all; no result for direct solutions",
        _named(
            "first try after RL, {} - {}",
            LEVEL,
            (wrong, "primed with wrong answers"),
            (direct, f"primed with {DIRECT}"),
        ),
        _difference(wrong, direct, LEVEL, f"arms primed with {' or '.join(WRONG)} and with {DIRECT} are needed"),
    )


def _not_the_form(primed: Mapping[str, Arm]) -> Claim:
    """Compare with the best placeholder: the published ones are needed, plain words count where they were run."""
    measured = {
        name: arm for name, arm in primed.items() if name in (*PLACEHOLDERS, NEUTRAL) and not level(arm).missing
    }
    is_whole = measured.keys() >= set(PLACEHOLDERS)
    best = max(measured.values(), key=lambda arm: level(arm).pooled.estimate) if is_whole else None
    return _claim(
        "Neither format nor length explains it",
        "Llama-3.2-3B after RL: .736 with habits, .410 with empty thoughts, .381 with dots of the same length",
        _named(
            "first try after RL, {} - {}",
            LEVEL,
            (primed.get(ALL), f"primed with {ALL}"),
            (best, "the best placeholder"),
        ),
        _difference(
            primed.get(ALL),
            best,
            LEVEL,
            f"arms primed with {ALL} and with {' and with '.join(PLACEHOLDERS)} are needed",
        ),
    )


def _dose(arms: Sequence[Arm]) -> Claim:
    known = [(dose, arm) for arm in arms if not priming_of(arm) and (dose := dose_of(arm)) is not None]
    bases = sorted(known, key=lambda pair: pair[0])
    least, most = (bases[0][1], bases[-1][1]) if len(bases) > 2 else (None, None)
    claim = _claim(
        "More habits in pretraining text, more gain",
        "Llama-3.2-3B after continued pretraining and RL: .489 with habits, .368 with few",
        _named("first-try gain, {} - {}", GAIN, (most, "the largest dose"), (least, "the least")),
        _difference(most, least, GAIN, "three bases that differ in `dose` alone are needed"),
    )
    doses = ", ".join(f"{100 * dose:g} %: {100 * gain(arm, 'first_try').pooled.estimate:+.1f}" for dose, arm in bases)
    return claim.explained(f"; gain by dose {doses}") if doses else claim


def _selective(primed: Arm | None) -> Claim:
    """Build the claim about two things at once, what RL keeps and what it drops; the less sure of them decides."""
    changes = None if primed is None else _kept_and_dropped(primed)
    missing = f"an arm primed with {ALL}, with habits counted, is needed"
    claim = claim_on(
        Gain.without(missing) if changes is None else min(changes, key=lambda one: one.pooled.low),
        title="RL keeps verification and backtracking and drops the other two",
        published="Llama-3.2-3B, all strategies, counts: 1.67 -> 3.82 and 2.60 -> 4.57; 3.43 -> .11 and 1.62 -> .04",
        measure="finds per try: the less sure of what the first two gain and the last two lose",
        unit="finds",
    )
    if changes is None:
        return claim
    kept, dropped = map(_finds, changes)
    return claim.explained(f"; the first two gain {kept}; the last two lose {dropped}")


def _kept_and_dropped(arm: Arm) -> tuple[Gain, Gain] | None:
    """Return what KEPT gain and what DROPPED lose; None where habits were not counted."""
    kept, dropped = _change(arm, KEPT, "before", "after"), _change(arm, DROPPED, "after", "before")
    return (kept, dropped) if kept.pooled.is_defined and dropped.pooled.is_defined else None


def _finds(change: Gain) -> str:
    found = change.pooled
    return f"{found.estimate:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


def _change(arm: Arm, habits: Sequence[str], old: str, new: str) -> Gain:
    """Return the finds per try of these habits together, the new side minus the old, each seed's and pooled."""
    changes = [minus(_finds_of(run, new, habits), _finds_of(run, old, habits)) for run in arm.runs]
    seeds = tuple((run.seed, one) for run, one in zip(arm.runs, changes, strict=True))
    return Gain(per_seed=seeds, pooled=over_seeds(changes), num_seeds=arm.num_seeds)


def _finds_of(run: Run, when: str, habits: Sequence[str]) -> Interval:
    return total([_count(run, when, name) for name in habits])


def _count(run: Run, when: str, habit: str) -> Interval:
    return interval(get(run.summary, when, TEMPERATURE, "habits", "behaviors", habit, "mean_count"))


def _weak_and_strong(arms: Sequence[Arm]) -> tuple[Arm | None, Arm | None]:
    """Choose two unprimed bases: the one that most arms prime (else that with least habits), and the richest."""
    bases = [arm for arm in arms if base_of(arm) and not priming_of(arm)]
    if not bases:
        return None, None
    weak = max(bases, key=lambda arm: (sum(base_of(other) == base_of(arm) for other in arms), -_habits_before(arm)))
    strong = max(bases, key=_habits_before)
    return weak, strong if strong is not weak else None


def _habits_before(arm: Arm) -> float:
    total = sum(presence(arm, "before", name).estimate for name in (*KEPT, *DROPPED))
    return -1.0 if math.isnan(total) else total


def _difference(first: Arm | None, second: Arm | None, measure: ArmMeasure, missing: str) -> Gain:
    if first is None or second is None:
        return Gain.without(missing)
    one, other = measure.of(first), measure.of(second)
    if one.missing or other.missing:
        return Gain.without(one.missing or other.missing)
    return Gain(
        per_seed=(),  # seeds of two arms are no pairs; the measure names them
        pooled=_apart(measure.table(first), measure.table(second)) or minus(one.pooled, other.pooled),
        num_seeds=min(one.num_seeds, other.num_seeds),
    )


def _apart(first: ProblemTable | None, second: ProblemTable | None) -> Interval | None:
    """Return one arm minus the other on the problems that they share; None where they were tested on different ones."""
    if first is None or second is None or first.problems != second.problems:
        return None
    found = between_arms(first.values, second.values)
    return found if found.is_defined else None


def _claim(title: str, published: str, measure: str, result: Gain) -> Claim:
    return claim_on(result, title=title, published=published, measure=measure)


def _named(text: str, measure: ArmMeasure, *arms: tuple[Arm | None, str]) -> str:
    """Put the measure in words: each arm with its seeds in percent or points, or what is wanted where there is none."""
    return text.format(*(wanted if arm is None else f"{arm.name} ({_seeds(measure.of(arm))})" for arm, wanted in arms))


def _seeds(found: Gain) -> str:
    return ", ".join(f"{100 * one.estimate:.1f}" for _, one in found.per_seed)
