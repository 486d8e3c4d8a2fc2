"""What a detector says where there is nothing to find. Counters are known to be fooled by these texts.

| texts | what they are | more than this is wrong |
|---|---|---|
| empty | nothing, or white space and punctuation | 0 |
| list | results of sums, one a line, nothing said about them | 0 |
| rejected | sums with `(not 29)` behind each, again and again | 0 |
| loop | one sentence without any habit, repeated | 0 |
| repeated habit | one sentence that shows a habit, repeated: text repeated in a loop counts once | 1 |

A detector that follows what was done, not how it is worded, may have grounds to see more in `rejected`: trying sums
until one hits is a search. The table says what each detector does; it judges none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secondthought import rng
from secondthought.protocols import Detector
from secondthought.stats import Interval, wilson
from secondthought.types import Problem, Reading, Thought

_HABITS = {
    "verification": "Let me check this: 6 * 4 = 24, so that is right.",
    "backtracking": "Wait, that does not work, so let me go back and try another way.",
    "subgoal_setting": "First I want to get to 20, and then I can deal with the rest.",
    "backward_chaining": "Working backwards from the target, 24 divided by 4 leaves 6 to be made.",
}
_PLAIN = (
    "The numbers are 3, 8 and 13. ",
    "The sum of two and two is four and ",
    "I am thinking about the numbers. ",
    "x = 1, ",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRow:
    """One kind of text and one behaviour."""

    texts: str
    """Kind of text, a word of the module's table."""
    behavior: str
    allowed: int
    """The highest right count."""
    wrong: Interval
    """Share of texts that could be told, whose count is above `allowed`; it should be 0."""
    missing: int
    """Texts of which the detector could not tell."""
    highest: int | None
    """The highest count."""


def calibrate(
    detector: Detector, *, copies: int = 20, seed: int = 0, problem: Problem | None = None
) -> tuple[CalibrationRow, ...]:
    """What a detector says of every kind of text, one row per kind and behaviour; each kind has about `copies` texts.

    `problem` goes with every text, for detectors that read nothing without one. In `repeated habit`, each of the four
    habits is asked about the loop of its own sentence; other behaviours have no such row.
    """
    kinds = {"empty": _empty(), "list": _lists(copies, seed, ""), "rejected": _lists(copies, seed, " (not {})")}
    kinds["loop"] = _loops(copies, _PLAIN)
    plain = [(kind, name, 0, texts) for kind, texts in kinds.items() for name in detector.behaviors]
    habits = [
        ("repeated habit", name, 1, _loops(copies, (_HABITS[name] + " ",)))
        for name in detector.behaviors
        if name in _HABITS
    ]
    # One call for all: a detector that asks an endpoint asks about everything at once, and about no text twice.
    distinct = list(dict.fromkeys(text for _, _, _, texts in plain + habits for text in texts))
    readings = detector.detect([Thought(text=text, problem=problem) for text in distinct])
    found = dict(zip(distinct, readings, strict=True))
    return tuple(
        _row(kind, name, allowed, [found[text] for text in texts]) for kind, name, allowed, texts in plain + habits
    )


def _row(kind: str, behavior: str, allowed: int, readings: Sequence[Reading]) -> CalibrationRow:
    counts = [reading.counts[behavior] for reading in readings]
    told = [count for count in counts if count is not None]
    return CalibrationRow(
        texts=kind,
        behavior=behavior,
        allowed=allowed,
        wrong=wilson(sum(count > allowed for count in told), len(told)),
        missing=len(counts) - len(told),
        highest=max(told, default=None),
    )


def _empty() -> list[str]:
    return ["", " ", "\n\n\n", "...", "\t\r\n", "- - -"]


def _lists(copies: int, seed: int, rejected: str) -> list[str]:
    """Sums with their results, 5 to 40 of them, in one of several layouts."""
    layouts = ("{sum}\n", "- {sum}\n", "{sum}. ", "{number}. {sum}\n", "{sum}, ")
    texts = []
    for copy in range(copies):
        dice = rng.stream("calibration", seed, copy)
        target, layout = dice.randrange(20, 100), layouts[copy % len(layouts)]
        sums = []
        for number in range(1, dice.randrange(5, 41)):
            a, b = dice.randrange(1, 60), dice.randrange(1, 60)
            result = a + b if a + b != target else a + b + 1
            sums.append(layout.format(number=number, sum=f"{result - b} + {b} = {result}{rejected.format(target)}"))
        texts.append("".join(sums).strip())
    return texts


def _loops(copies: int, sentences: Sequence[str]) -> list[str]:
    """Sentences repeated, ever more often, the last one cut off as samples are."""
    return [(sentences[i % len(sentences)] * (3 + 5 * i)).rstrip()[: -(i % 7) or None] for i in range(copies)]
