"""Rules about retries: which way to play them, whether they listen, and what own reflections are worth today.

Where thresholds come from is said beside each; they are where to start from, not laws.
"""

from __future__ import annotations

from collections.abc import Callable

from secondthought.preflight.diagnose.measure import ModelDiagnosis
from secondthought.preflight.diagnose.rule import AdviceRule, Remedy
from secondthought.preflight.diagnose.ways import RetryWay
from secondthought.stats import Interval


def _way(number: Callable[[RetryWay], Interval | None]) -> Callable[[ModelDiagnosis], Interval | None]:
    """Return a number of the recommended way of retries, from a number of a way."""

    def of(found: ModelDiagnosis) -> Interval | None:
        way = found.both_ways.best
        return None if way is None else number(way)

    return of


def _reflecting(found: ModelDiagnosis) -> tuple[str, ...]:
    """Return the flags that set the recommended way of retries."""
    way = found.both_ways.recommended
    return () if way == "all" else ("--episode.retry-sees", way)


_LISTENING = "both shipped organisms listen by more than .5 and learn; one that listened by about .2 did not"
_TWO_WAYS = "models of 0.5 and 1.5 billion parameters copied a failed try that they saw, whatever the reflection said"

RETRY_UNSEEN = AdviceRule(
    name="retry sees",
    what="right retries without the failed try in sight, minus those with it",
    number=lambda found: found.both_ways.unseen,
    side="above",
    threshold=0.0,
    remedies=(
        Remedy(
            says="Show the retry the reflection and not the failed try: this model copies what it sees.",
            commands=lambda found: (found.subject.train("reflect-retry", "--episode.retry-sees", "reflection"),),
        ),
    ),
    source=_TWO_WAYS,
    objects=False,
)
LISTENS = AdviceRule(
    name="listens",
    what="listening",
    number=_way(lambda way: way.listening),
    side="above",
    threshold=0.25,
    remedies=(
        Remedy(
            says="Reflect, Retry, Reward can work: retries use what a good reflection says.",
            commands=lambda found: (found.subject.train("reflect-retry", *_reflecting(found)),),
        ),
    ),
    source=_LISTENING,
    objects=False,
)
DOES_NOT_LISTEN = AdviceRule(
    name="does not listen",
    what="listening",
    number=_way(lambda way: way.listening),
    side="below",
    threshold=0.25,
    remedies=(
        Remedy(
            says="Train the first try, not reflections: retries take little notice of what they say.",
            commands=lambda found: (found.subject.train("grpo"),),
        ),
    ),
    source=_LISTENING,
    objects=False,
)
RARE_RESCUE = AdviceRule(
    name="rare rescue",
    what="right after own reflections",
    number=_way(lambda way: way.right.get("own")),
    side="below",
    threshold=0.15,
    remedies=(
        Remedy(
            says="If reflections are trained, look for failures beforehand on which they make a difference: of most"
            " failures, all reflections would fail alike.",
            commands=lambda found: (
                found.subject.ask("failures", "--out", "failures.jsonl", "--probe", "8", *_reflecting(found)),
                found.subject.train("reflect-retry", "--train.failures", "failures.jsonl", *_reflecting(found)),
            ),
        ),
    ),
    source="at .15 a group of 8 reflections is flat more often than one time in four",
    objects=False,
)
BELOW_SECOND_SAMPLE = AdviceRule(
    name="below a second sample",
    what="rescue",
    number=_way(lambda way: way.rescue),
    side="below",
    threshold=0.0,
    remedies=(
        Remedy(
            says="Judge training by the controls: today this model's reflections are worth less than a second sample,"
            " so it could gain by learning to write nothing that matters.",
            commands=lambda found: (found.subject.ask("eval", "--controls", *_reflecting(found)),),
        ),
    ),
    source="a retry that draws again without any reflection is the least that a reflection must beat",
    objects=False,
)
