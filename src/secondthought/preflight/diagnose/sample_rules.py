"""Rules about samples: whether answers can be read, how often they are right, and whether they differ.

Where thresholds come from is said beside each; they are where to start from, not laws.
"""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.preflight.diagnose.measure import ModelDiagnosis
from secondthought.preflight.diagnose.rule import AdviceRule, Commands, Remedy, answered, primed
from secondthought.stats import Interval

SEARCH = ("verification", "backtracking")
"""The habits that stay where RL works (Gandhi et al. 2025): what a base must show now and then."""


def _most_searching(found: ModelDiagnosis) -> Interval | None:
    """Return the share of the commoner of the two habits: both must be rare for a base to be called terse."""
    known = [found.habits[name].presence for name in SEARCH if name in found.habits]
    return max(known, key=lambda one: one.estimate) if known else None


def _flat(found: ModelDiagnosis) -> Interval | None:
    """Return the share of flat groups of the largest size that the samples allow."""
    return found.flat_groups[max(found.flat_groups)] if found.flat_groups else None


def _best(found: ModelDiagnosis) -> Interval:
    return found.passes[max(found.passes)]


def _sft_on(kind: str) -> Commands:
    """Return the commands that prime with a set of a kind."""
    return lambda found: (found.subject.prime(kind, f"{kind}.jsonl"), found.subject.learn(f"{kind}.jsonl"))


def _show_task(found: ModelDiagnosis) -> Sequence[str]:
    return (found.subject.look("show"),)


FORMAT = AdviceRule(
    name="format",
    what="format valid",
    number=lambda found: found.format_valid,
    side="below",
    threshold=0.5,
    remedies=(
        Remedy(
            says="Format first: prime with a few hundred traces in the right format that show no habits, or show one in"
            " the prompt. RL would spend its steps on format, and every comparison of arms would be one of format.",
            commands=_sft_on("direct"),
            applies=primed,
        ),
        Remedy(
            says="Format first: fine-tune briefly on right answers of training problems, or say in the prompt more"
            " plainly how to answer. RL would spend its steps on format.",
            commands=lambda found: (
                found.subject.look("sample", "--count", "300", "--out", "gold.jsonl"),
                found.subject.learn("gold.jsonl"),
            ),
            applies=answered,
        ),
        Remedy(
            says="Format first: look at what the prompt asks for, and say more plainly how to answer. RL would spend"
            " its steps on format.",
            commands=lambda found: (found.subject.look("sample"),),
        ),
    ),
    source="base models of the Four Habits paper began near 0 % right because answers could not be read",
    stops=True,
)
TRUNCATED = AdviceRule(
    name="truncated",
    what="cut off at the token limit",
    number=lambda found: found.truncated,
    side="above",
    threshold=0.2,
    remedies=(
        Remedy(
            says="Allow longer answers and look again: what is cut off cannot be right.",
            commands=lambda found: (
                found.subject.ask("diagnose", "--episode.max-attempt-tokens", str(2 * found.max_attempt_tokens)),
            ),
        ),
    ),
    source="a fifth of the samples lost is more than most differences between arms",
)
TOO_HARD = AdviceRule(
    name="too hard",
    what="pass@k of the largest k",
    number=_best,
    side="below",
    threshold=0.05,
    remedies=(
        Remedy(
            says="Take easier problems (the task's options are below), or a larger model: what is never right is never"
            " rewarded.",
            commands=_show_task,
        ),
    ),
    source="below one solved problem in twenty, nearly every group is flat at any affordable size",
    stops=True,
)
TOO_EASY = AdviceRule(
    name="too easy",
    what="first try",
    number=lambda found: found.first_try,
    side="above",
    threshold=0.9,
    remedies=(
        Remedy(
            says="Take harder problems (the task's options are below): there is little left to gain here.",
            commands=_show_task,
        ),
    ),
    source="a gain of more than ten points is no longer possible",
    stops=True,
)
FLAT_GROUPS = AdviceRule(
    name="flat groups",
    what="flat groups of the largest size",
    number=_flat,
    side="above",
    threshold=0.7,
    remedies=(
        Remedy(
            says="Use larger groups or problems nearer to the model's reach: from flat groups nothing is learned.",
            commands=lambda found: (
                found.subject.train("grpo", "--algorithm.group-size", str(2 * max(found.flat_groups))),
            ),
        ),
    ),
    source="with less than three groups in ten left, a step costs more than three times as much",
)
NO_SEARCH = AdviceRule(
    name="no search",
    what="share that shows the commoner of verification and backtracking",
    number=_most_searching,
    side="below",
    threshold=0.1,
    remedies=(
        Remedy(
            says="Prime first, with the set `backtracking-verification`, then RL: this model seldom checks or starts"
            " again. `all-strategies` did as well in our study; sets without verification did not help there.",
            commands=_sft_on("backtracking-verification"),
            applies=primed,
        ),
    ),
    source="Four Habits: Llama-3.2-3B showed .10 verifications and .20 backtracks a completion and stalled at 34 %;"
    " Qwen-2.5-3B showed .62 and .65 and reached 54 %",
)
ONE_ANSWER = AdviceRule(
    name="one answer",
    what="pairs of samples that differ",
    number=lambda found: found.distinct,
    side="below",
    threshold=0.3,
    remedies=(
        Remedy(
            says="Look at a higher temperature, or prime with varied traces: samples of a problem are mostly alike.",
            commands=lambda found: (
                found.subject.ask("diagnose", "--temperature", f"{found.temperature + 0.3:g}"),
                *_sft_on("all-strategies")(found),
            ),
            applies=primed,
        ),
        Remedy(
            says="Look at a higher temperature: samples of a problem are mostly alike.",
            commands=lambda found: (found.subject.ask("diagnose", "--temperature", f"{found.temperature + 0.3:g}"),),
        ),
    ),
    source="groups of equal samples are flat",
)
TRAIN_NOW = AdviceRule(
    name="train now",
    what="first try",
    number=lambda found: found.first_try,
    side="below",
    threshold=0.9,
    remedies=(
        Remedy(
            says="Train now (or with PPO, as the Four Habits paper did): nothing above stands in the way.",
            commands=lambda found: (found.subject.train("grpo"), found.subject.train("ppo")),
        ),
    ),
    source="no other rule speaks",
)
"""Said where no rule objects."""
