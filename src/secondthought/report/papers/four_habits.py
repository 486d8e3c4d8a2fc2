"""The claims of Four Habits (Gandhi et al. 2025) against what these runs measured; the rule is that of `claims`.

Arms are compared on the problems that they share, each with seeds of its own (`pooled.between_arms`).

Published values are from the authors' released curves (Qwen-2.5-3B and Llama-3.2-3B, one seed per arm).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from secondthought.report.numbers.gains import TEMPERATURE, Gain, Table, gain, gain_table, interval, level_table
from secondthought.report.numbers.pooled import (
    UNDEFINED,
    Interval,
    around,
    between_arms,
    minus,
    over_seeds,
)
from secondthought.report.numbers.runs import Arm, Run, get
from secondthought.report.page.habit_table import BEHAVIORS, base_of, evaluated, level, presence, priming_of
from secondthought.report.papers.reflect_retry_reward import Claim, judge

ALL, DIRECT, PLACEHOLDERS = "all-strategies", "direct", ("empty", "dots")
WRONG = {
    "own-wrong": "wrong tries of a primed model, as published",
    "incorrect-only": "wrong traces written by search",
}
"""Sets without right answers, and where they come from."""


def habit_claims(arms: Sequence[Arm]) -> list[Claim]:
    """All six, whatever is missing; that of wrong answers once for each origin of them."""
    arms = evaluated(arms)
    weak, strong = _weak_and_strong(arms)
    primed: dict[str, Arm] = {}
    for arm in arms:
        if weak is not None and base_of(arm) == base_of(weak) and priming_of(arm):
            primed.setdefault(priming_of(arm), arm)  # of several, that with most seeds
    wrong = [name for name in WRONG if name in primed] or [next(iter(WRONG))]
    return [
        _richerbase_of(weak, strong),
        _priming_catches_up(weak, primed.get(ALL)),
        *(_behaviors_not_answers(primed.get(name), WRONG[name], primed.get(DIRECT)) for name in wrong),
        _not_the_form(primed.get(ALL), [primed.get(name) for name in PLACEHOLDERS]),
        _dose(arms),
        _selective(primed.get(ALL)),
    ]


class Measured(NamedTuple):
    """What arms are compared by: of one arm, and problem by problem."""

    of: Callable[[Arm], Gain]
    table: Callable[[Arm], Table | None]


GAIN = Measured(lambda arm: gain(arm, "first_try"), lambda arm: gain_table(arm, "first_try"))
LEVEL = Measured(level, lambda arm: level_table(arm, "first_try"))


def _richerbase_of(weak: Arm | None, strong: Arm | None) -> Claim:
    result = _difference(strong, weak, GAIN, "two bases of different habits, not primed, are needed")
    return _claim(
        "A base with more habits gains more from the same RL",
        "after 250 steps Qwen-2.5-3B .54 (best .61), Llama-3.2-3B .34; verification before: .62 and .10 a completion",
        _named("first-try gain, {} - {}", GAIN, strong, weak),
        result,
    )


def _priming_catches_up(weak: Arm | None, primed: Arm | None) -> Claim:
    return _claim(
        "Priming with all four habits lifts what RL reaches",
        "Llama-3.2-3B after RL: .736 primed, .338 not; Qwen-2.5-3B .773 and .535",
        _named("first try after RL, {} - {}", LEVEL, primed, weak),
        _difference(primed, weak, LEVEL, f"the weaker base and the same primed with {ALL} are needed"),
    )


def _behaviors_not_answers(wrong: Arm | None, origin: str, direct: Arm | None) -> Claim:
    return _claim(
        f"Habits matter more than right answers: {origin}",
        "Llama-3.2-3B after RL: .735 primed with wrong answers only, .736 with all; no result for direct solutions",
        _named("first try after RL, {} - {}", LEVEL, wrong, direct),
        _difference(wrong, direct, LEVEL, f"arms primed with {' or '.join(WRONG)} and with {DIRECT} are needed"),
    )


def _not_the_form(primed: Arm | None, placeholders: Sequence[Arm | None]) -> Claim:
    measured = [arm for arm in placeholders if arm is not None and not level(arm).missing]
    best = max(measured, key=lambda arm: level(arm).pooled.estimate) if len(measured) == len(PLACEHOLDERS) else None
    return _claim(
        "Neither format nor length explains it",
        "Llama-3.2-3B after RL: .736 with habits, .410 with empty thoughts, .381 with dots of the same length",
        _named("first try after RL, {} - {}, the better placeholder", LEVEL, primed, best),
        _difference(
            primed, best, LEVEL, f"arms primed with {ALL} and with {' and with '.join(PLACEHOLDERS)} are needed"
        ),
    )


def _dose(arms: Sequence[Arm]) -> Claim:
    bases = [(dose, arm) for arm in arms if (dose := arm.declared.dose) is not None]
    bases = sorted(((float(dose), arm) for dose, arm in bases if not priming_of(arm)), key=lambda pair: pair[0])
    least, most = (bases[0][1], bases[-1][1]) if len(bases) > 2 else (None, None)
    doses = ", ".join(f"{100 * dose:g} %: {100 * gain(arm, 'first_try').pooled.estimate:+.1f}" for dose, arm in bases)
    claim = _claim(
        "More habits in pretraining text, more gain",
        "Llama-3.2-3B after continued pretraining and RL: .489 with habits, .368 with few",
        _named("first-try gain, {} - {}", GAIN, most, least),
        _difference(most, least, GAIN, "three bases that differ in `dose` alone are needed"),
    )
    return claim if not doses else replace(claim, why=f"{claim.why}; gain by dose {doses}")


def _selective(primed: Arm | None) -> Claim:
    """Two things at once: what the first two gain, and what the last two lose; judged by that which is less sure."""
    missing = f"an arm primed with {ALL}, with habits counted, is needed"
    result, which = Gain(per_seed=(), pooled=UNDEFINED, num_seeds=0, missing=missing), ""
    if primed is not None:
        kept, dropped = (_change(primed, names, sign) for names, sign in ((BEHAVIORS[:2], 1), (BEHAVIORS[2:], -1)))
        if kept.pooled.estimate == kept.pooled.estimate and dropped.pooled.estimate == dropped.pooled.estimate:
            result = min(kept, dropped, key=lambda one: one.pooled.low)
            which = "; ".join(
                f"{what} {one.pooled.estimate:+.2f} [{one.pooled.low:+.2f}, {one.pooled.high:+.2f}]"
                for what, one in (("the first two gain", kept), ("the last two lose", dropped))
            )
    claim = _claim(
        "RL keeps verification and backtracking and drops the other two",
        "Llama-3.2-3B, all strategies, counts: 1.67 -> 3.82 and 2.60 -> 4.57; 3.43 -> .11 and 1.62 -> .04",
        "finds per try: the less sure of what the first two gain and the last two lose",
        result,
        unit="finds",
    )
    return replace(claim, why=f"{claim.why}; {which}") if which else claim


def _change(arm: Arm, names: Sequence[str], sign: int) -> Gain:
    """Finds per try of these behaviours together, after minus before (times `sign`), each seed's and over seeds."""
    changes = []
    for run in arm.runs:
        before, after = (sum(_count(run, when, name).estimate for name in names) for when in ("before", "after"))
        spread = sum(_count(run, when, name).deviation ** 2 for when in ("before", "after") for name in names)
        changes.append(around(sign * (after - before), spread, 1))
    seeds = tuple((run.seed, one) for run, one in zip(arm.runs, changes, strict=True))
    return Gain(per_seed=seeds, pooled=over_seeds(changes), num_seeds=arm.num_seeds)


def _count(run: Run, when: str, behavior: str) -> Interval:
    return interval(get(run.summary, when, TEMPERATURE, "habits", "behaviors", behavior, "mean_count"))


def _weak_and_strong(arms: Sequence[Arm]) -> tuple[Arm | None, Arm | None]:
    """Of the bases that were not primed: the one that most arms prime (else with least habits), and the richest."""
    bases = [arm for arm in arms if base_of(arm) and not priming_of(arm)]
    if not bases:
        return None, None
    weak = max(bases, key=lambda arm: (sum(base_of(other) == base_of(arm) for other in arms), -_habits_before(arm)))
    strong = max(bases, key=_habits_before)
    return weak, strong if strong is not weak else None


def _habits_before(arm: Arm) -> float:
    total = sum(presence(arm, "before", name).estimate for name in BEHAVIORS)
    return total if total == total else -1.0


def _difference(first: Arm | None, second: Arm | None, measure: Measured, missing: str) -> Gain:
    if first is None or second is None:
        return Gain(per_seed=(), pooled=UNDEFINED, num_seeds=0, missing=missing)
    one, other = measure.of(first), measure.of(second)
    if one.missing or other.missing:
        return Gain(per_seed=(), pooled=UNDEFINED, num_seeds=0, missing=one.missing or other.missing)
    return Gain(
        per_seed=(),  # seeds of two arms are no pairs; the measure names them
        pooled=_apart(measure.table(first), measure.table(second)) or minus(one.pooled, other.pooled),
        num_seeds=min(one.num_seeds, other.num_seeds),
    )


def _apart(first: Table | None, second: Table | None) -> Interval | None:
    """One arm minus the other on the problems that they share; None where they were tested on different ones."""
    if first is None or second is None or first.problems != second.problems:
        return None
    found = between_arms(first.values, second.values)
    return None if found.estimate != found.estimate else found


def _claim(
    title: str, published: str, measure: str, result: Gain, unit: Literal["points", "finds"] = "points"
) -> Claim:
    verdict, why = judge(result)
    return Claim(title=title, published=published, measure=measure, unit=unit, result=result, verdict=verdict, why=why)


def _named(text: str, measure: Measured, *arms: Arm | None) -> str:
    """The measure in words, with each arm's seeds in percent or points."""
    return text.format(*("?" if arm is None else f"{arm.name} ({_seeds(measure.of(arm))})" for arm in arms))


def _seeds(found: Gain) -> str:
    return ", ".join(f"{100 * one.estimate:.1f}" for _, one in found.per_seed)
