"""The six claims of Reflect, Retry, Reward (Bensal et al. 2025) against what these runs measured.

The rule, the same for every claim (also printed in the report):

    same direction at this scale   the 95 % interval lies wholly on the claimed side
    not                            it lies wholly on the other side
    cannot tell                    it covers the boundary, or something that the claim needs is missing

The interval is over seeds and problems together, so one seed can never tell. The boundary is zero, except for "other
skills are kept", where it is a loss of one point, the published bound. Published values are only those that were seen
in published text. Other arms than Reflect-Retry-Reward with credit on reflections say nothing about its claims; only
the permuted-rewards control enters the sixth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from secondthought.report.numbers.gains import Gain, gain, interval, rate
from secondthought.report.numbers.pooled import minus, over_seeds
from secondthought.report.numbers.runs import MAIN_ARM, PERMUTED_ARM, Arm, get
from secondthought.stats import UNDEFINED, Interval

ClaimVerdict: TypeAlias = Literal["same direction at this scale", "not", "cannot tell"]

LARGE = "large"
"""The name of the larger untrained model among a run's peers."""

KEPT = 0.01
"""A skill is kept if at most this much of it is lost: the paper reports losses under 1 % in nearly all cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim: what was published, what we measured, and what follows."""

    title: str
    published: str
    measure: str
    unit: Literal["points", "tokens", "finds"]
    result: Gain
    verdict: ClaimVerdict
    why: str


def claims(arms: Sequence[Arm]) -> list[Claim]:
    """All six, in the paper's order, whatever is missing."""
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
    """The arm that the claims are about: of several, the one with most seeds."""
    return next((arm for arm in arms if arm.runs[0].arm == MAIN_ARM), None)


def judge(result: Gain, *, boundary: float = 0.0, falls: bool = False) -> tuple[ClaimVerdict, str]:
    """The rule. `falls` where the claim is that the number goes down."""
    low, high = result.pooled.low - boundary, result.pooled.high - boundary
    if falls:
        low, high = -high, -low
    if result.missing:
        return "cannot tell", result.missing
    if low != low or high != high:
        return "cannot tell", "the interval is undefined"
    if result.num_seeds < 2:
        return "cannot tell", "one seed: the interval leaves out how much seeds differ"
    if low > 0:
        return "same direction at this scale", "the interval lies wholly on the claimed side"
    if high < 0:
        return "not", "the interval lies wholly on the other side"
    return "cannot tell", "the interval covers the boundary"


def _accuracy(main: Arm | None) -> Claim:
    result = _missing_arm() if main is None else gain(main, "second_try")
    verdict, why = judge(result)
    return Claim(
        title="Accuracy rises",
        published="second try, average gain: +9.0 points (function calling), +16.0 (Countdown); largest +18.1, +34.7",
        measure="second try, after - before",
        unit="points",
        result=result,
        verdict=verdict,
        why=why,
    )


def _small_beats_large(main: Arm | None) -> Claim:
    result = _missing_arm() if main is None else gain(main, "second_try", old=LARGE, new="after")
    verdict, why = judge(result)
    weak = "" if main is None or result.missing else _large_not_better(main)
    if weak:
        verdict, why = "cannot tell", weak
    return Claim(
        title="A small trained model beats an untrained one ten times larger",
        published="function calling, second try: Qwen2-7B trained 77.3 %, Qwen2-72B untrained 76.6 %",
        measure="second try, small trained - large untrained",
        unit="points",
        result=result,
        verdict=verdict,
        why=why,
    )


def _first_try(main: Arm | None) -> Claim:
    result = _missing_arm() if main is None else gain(main, "first_try")
    verdict, why = judge(result)
    return Claim(
        title="The first try improves too, though it is never trained",
        published="function calling: Qwen2-1.5B 32.6 -> 48.6 %, Qwen2-7B 66.4 -> 72.2 %, Llama-3.1-8B 64.9 -> 68.7 %; "
        "Countdown: Qwen2.5-1.5B 6.0 -> 34.9 %, Qwen2.5-7B 31.7 -> 41.6 %, Llama-3.1-8B 2.2 -> 8.8 %",
        measure="first try, after - before",
        unit="points",
        result=result,
        verdict=verdict,
        why=why,
    )


def _shorter(main: Arm | None) -> Claim:
    result = _missing_arm() if main is None else _length_change(main)
    verdict, why = judge(result, falls=True)
    return Claim(
        title="Reflections get shorter and clearer",
        published="stated in words, with examples; no numbers were published",
        measure="mean tokens of a reflection, after - before",
        unit="tokens",
        result=result,
        verdict=verdict,
        why=f"{why}; only length is measured here, clearness is not",
    )


def _kept(main: Arm | None) -> Claim:
    result = _missing_arm() if main is None else _worst_skill(main)
    verdict, why = judge(result, boundary=-KEPT)
    return Claim(
        title="Other skills are kept",
        published="MMLU-Pro, GSM8K, HellaSwag, MATH: losses under 1 % in nearly all cases; "
        "Qwen2.5-1.5B +0.6 on MMLU-Pro, +0.8 on MATH",
        measure="the other skill that fell most, after - before",
        unit="points",
        result=result,
        verdict=verdict,
        why=f"{why} (boundary: a loss of one point)" if main is not None and not result.missing else why,
    )


def _sparse_reward(main: Arm | None, permuted: Arm | None) -> Claim:
    result = _missing_arm() if main is None else _above_permuted(main, permuted)
    verdict, why = judge(result)
    return Claim(
        title="A sparse binary reward suffices",
        published="the only feedback is that the try failed, the only reward whether the retry is right",
        measure="second-try gain, true rewards - rewards permuted within the group",
        unit="points",
        result=result,
        verdict=verdict,
        why=why,
    )


def _missing_arm() -> Gain:
    return _nothing(None, f"no run of {MAIN_ARM} with credit on reflections only")


def _nothing(arm: Arm | None, missing: str) -> Gain:
    return Gain(per_seed=(), pooled=UNDEFINED, num_seeds=0 if arm is None else arm.num_seeds, missing=missing)


def _large_not_better(main: Arm) -> str:
    """Why the larger model is no fair opponent: it must itself beat the small one before training."""
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
        worst.append(min(changes, key=lambda change: change.estimate) if changes else UNDEFINED)
    return _from_seeds(main, worst, "other skills were not measured")


def _skill_change(skill: object) -> Interval:
    paired = interval(get(skill, "paired"))
    if paired.estimate == paired.estimate:
        return paired
    return minus(interval(get(skill, "after")), interval(get(skill, "before")))


def _above_permuted(main: Arm, permuted: Arm | None) -> Gain:
    if permuted is None:
        return _nothing(main, "no run with permuted rewards: a gain alone does not show that it comes from the reward")
    true, control = gain(main, "second_try"), gain(permuted, "second_try")
    if true.missing or control.missing:
        return _nothing(main, true.missing or control.missing)
    return Gain(
        per_seed=true.per_seed,
        pooled=minus(true.pooled, control.pooled),
        num_seeds=min(true.num_seeds, control.num_seeds),
    )


def _from_seeds(main: Arm, changes: Sequence[Interval], missing: str) -> Gain:
    undefined = any(change.estimate != change.estimate for change in changes)
    return Gain(
        per_seed=tuple((run.seed, change) for run, change in zip(main.runs, changes, strict=True)),
        pooled=UNDEFINED if undefined else over_seeds(changes),
        num_seeds=main.num_seeds,
        missing=missing if undefined else "",
    )
