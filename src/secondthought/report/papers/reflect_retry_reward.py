"""The six claims of Reflect, Retry, Reward (Bensal et al. 2025) are held against what these runs measured.

The rule is that of `claim`; the boundary is zero, except for "other skills are kept", where it is a loss of one point,
the published bound. Other arms than Reflect-Retry-Reward with credit on reflections say nothing about these claims;
only the permuted-rewards control enters the sixth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from secondthought.report.numbers.gains import Gain, gain, interval, rate
from secondthought.report.numbers.pooled import minus, over_seeds
from secondthought.report.numbers.runs import MAIN_ARM, PERMUTED_ARM, Arm, get
from secondthought.report.papers.claim import Claim, Paper, claim_on
from secondthought.stats import UNDEFINED, Interval

LARGE = "large"
"""The name of the larger untrained model among a run's peers."""

KEPT = 0.01
"""A skill is kept if at most this much of it is lost: the paper reports losses under 1 % in nearly all cases.

That is a margin of non-inferiority: the whole interval must lie above it. Where no failure changes, that takes about
850 of them in each of three seeds.
"""


def claims(arms: Sequence[Arm]) -> list[Claim]:
    """Return all six claims in the paper's order, whatever is missing."""
    main = main_arm(arms)
    permuted = next((arm for arm in arms if arm.runs[0].arm == PERMUTED_ARM), None)
    return [
        _accuracy(main),
        _small_beats_large(main),
        _first_try(main),
        _shorter(main),
        _kept(main),
        _sparse_reward(main, permuted),
    ]


def main_arm(arms: Sequence[Arm]) -> Arm | None:
    """Return the arm that the claims are about: of several, the one with most seeds."""
    return next((arm for arm in arms if arm.runs[0].arm == MAIN_ARM), None)


def _remark(arms: Sequence[Arm]) -> str:
    main = main_arm(arms)
    return "" if main is None else f"They are judged on {main.name}."


PAPER = Paper(
    heading="The six claims",
    published="Published values are from models of 1.5 to 8 billion parameters (Bensal et al. 2025, arXiv 2505.24726)",
    claims=claims,
    remark=_remark,
)


def _accuracy(main: Arm | None) -> Claim:
    return claim_on(
        _of(main, lambda arm: gain(arm, "second_try")),
        title="Accuracy rises",
        published="second try, average gain: +9.0 points (function calling), +16.0 (Countdown); largest +18.1, +34.7",
        measure="second try, after - before",
    )


def _small_beats_large(main: Arm | None) -> Claim:
    claim = claim_on(
        _of(main, lambda arm: gain(arm, "second_try", old=LARGE, new="after")),
        title="A small trained model beats an untrained one ten times larger",
        published="function calling, second try: Qwen2-7B trained 77.3 %, Qwen2-72B untrained 76.6 %",
        measure="second try, small trained - large untrained",
    )
    weak = "" if main is None or claim.result.missing else _large_not_better(main)
    return replace(claim, verdict="cannot tell", why=weak) if weak else claim


def _first_try(main: Arm | None) -> Claim:
    return claim_on(
        _of(main, lambda arm: gain(arm, "first_try")),
        title="The first try improves too, though it is never trained",
        published="function calling: Qwen2-1.5B 32.6 -> 48.6 %, Qwen2-7B 66.4 -> 72.2 %, Llama-3.1-8B 64.9 -> 68.7 %; "
        "Countdown: Qwen2.5-1.5B 6.0 -> 34.9 %, Qwen2.5-7B 31.7 -> 41.6 %, Llama-3.1-8B 2.2 -> 8.8 %",
        measure="first try, after - before",
    )


def _shorter(main: Arm | None) -> Claim:
    claim = claim_on(
        _of(main, _length_change),
        title="Reflections get shorter and clearer",
        published="stated in words, with examples; no numbers were published",
        measure="mean tokens of a reflection, after - before",
        unit="tokens",
        falls=True,
    )
    return claim.explained("; only length is measured here, clearness is not")


def _kept(main: Arm | None) -> Claim:
    claim = claim_on(
        _of(main, _worst_skill),
        title="Other skills are kept",
        published="MMLU-Pro, GSM8K, HellaSwag, MATH: losses under 1 % in nearly all cases; "
        "Qwen2.5-1.5B +0.6 on MMLU-Pro, +0.8 on MATH",
        measure="the other skill that may have fallen most, after - before",
        boundary=-KEPT,
    )
    return claim if claim.result.missing else claim.explained(" (boundary: a loss of one point)")


def _sparse_reward(main: Arm | None, permuted: Arm | None) -> Claim:
    return claim_on(
        _of(main, lambda arm: _above_permuted(arm, permuted)),
        title="A sparse binary reward suffices",
        published="the only feedback is that the try failed, the only reward whether the retry is right",
        measure="second-try gain, true rewards - rewards permuted within the group",
    )


def _of(main: Arm | None, measure: Callable[[Arm], Gain]) -> Gain:
    if main is None:
        return Gain.without(f"no run of {MAIN_ARM} with credit on reflections only")
    return measure(main)


def _large_not_better(main: Arm) -> str:
    """Return why the larger model is no fair opponent: it must itself beat the small one before training."""
    for run in main.runs:
        for name in ("first_try", "second_try"):
            ahead = minus(rate(run, LARGE, name), rate(run, "before", name))
            if not ahead.low > 0:
                words = name.replace("_", " ")
                return f"untrained, the large model is not surely better than the small one ({words}, {run.label})"
    return ""


def _length_change(main: Arm) -> Gain:
    name = "reflection_length"
    return _from_seeds(
        main,
        [minus(rate(run, "after", name), rate(run, "before", name)) for run in main.runs],
        "no reflection lengths before and after",
    )


def _worst_skill(main: Arm) -> Gain:
    worst: list[Interval] = []
    for run in main.runs:
        skills = get(run.summary, "other_skills")
        changes = [_skill_change(skill) for skill in skills.values()] if isinstance(skills, dict) else []
        worst.append(min(changes, key=_least) if changes else UNDEFINED)
    return _from_seeds(main, worst, "other skills were not measured")


def _least(change: Interval) -> float:
    """Return what may be left at least; of a skill that was hardly measured that is least of all."""
    return change.low if change.is_bounded else -math.inf


def _skill_change(skill: object) -> Interval:
    paired = interval(get(skill, "paired"))
    if paired.is_bounded:
        return paired
    return minus(interval(get(skill, "after")), interval(get(skill, "before")))


def _above_permuted(main: Arm, permuted: Arm | None) -> Gain:
    if permuted is None:
        missing = "no run with permuted rewards: a gain alone does not show that it comes from the reward"
        return Gain.without(missing, main.num_seeds)
    true, control = gain(main, "second_try"), gain(permuted, "second_try")
    if true.missing or control.missing:
        return Gain.without(true.missing or control.missing, main.num_seeds)
    return Gain(
        per_seed=true.per_seed,
        pooled=minus(true.pooled, control.pooled),
        num_seeds=min(true.num_seeds, control.num_seeds),
    )


def _from_seeds(main: Arm, changes: Sequence[Interval], missing: str) -> Gain:
    undefined = not all(change.is_defined for change in changes)
    return Gain(
        per_seed=tuple((run.seed, change) for run, change in zip(main.runs, changes, strict=True)),
        pooled=UNDEFINED if undefined else over_seeds(changes),
        num_seeds=main.num_seeds,
        missing=missing if undefined else "",
    )
