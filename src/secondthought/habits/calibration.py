"""Calibration shows a detector texts that are known to fool counters: there is nothing, or one thing, to find.

| texts | what they are | more than this is wrong |
|---|---|---|
| empty | nothing, or white space and punctuation | 0 |
| list | sums of given numbers with their results, nothing said about them | 0 |
| rejected | sums with `(not 29)` behind each, again and again | 0 |
| loop | one sentence without any habit, repeated | 0 |
| repeated habit | one sentence that shows a habit, repeated: text repeated in a loop counts once | 1 |

The texts are about Countdown problems, whose numbers they use. A detector that follows what was done, not how it is
worded, has grounds to see more in `list` and `rejected`: trying sums until one hits is a search. The table says what
each detector does; it judges none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from secondthought import rng, tasks
from secondthought.protocols import Detector
from secondthought.stats import Interval, wilson
from secondthought.types import Problem, Reading, Thought

_NUMBERS, _TARGET = (3, 4, 6, 30), 24
_SENTENCES = {
    "verification": "Let me check this: 6 * 4 = 24, so that is right.",
    "backtracking": "After 30 + 6 = 36, wait, that does not work, so let me go back and try another way: 6 * 4 = 24.",
    "subgoal_setting": "My first goal is to make 18: 3 * 6 = 18.",
    "backward_chaining": "Working backwards from the target, 24 / 3 = 8 is what is left to be made.",
}
"""Sentences about making 24 from 3, 4, 6 and 30. Each is found once, both by its wording and by what was done."""
_PLAIN = (
    "The numbers are 3, 8 and 13. ",
    "The sum of two and two is four and ",
    "I am thinking about the numbers. ",
    "x = 1, ",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRow:
    """A `CalibrationRow` holds the counts of one habit in one kind of text."""

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
    """Show a detector about `copies` texts of each kind; return one row per kind and habit.

    A text goes with the Countdown problem that it is about, unless `problem` is given. In `repeated habit`, each of
    the four habits is asked about the loop of its own sentence; other habits have no such row.
    """
    kinds = {"empty": _about(_empty()), "list": _lists(copies, seed, ""), "rejected": _lists(copies, seed, " (not {})")}
    kinds["loop"] = _about(_loops(copies, _PLAIN))
    plain = [(kind, name, 0, texts) for kind, texts in kinds.items() for name in detector.behaviors]
    habits = [
        ("repeated habit", name, 1, _about(_loops(copies, (_SENTENCES[name] + " ",))))
        for name in detector.behaviors
        if name in _SENTENCES
    ]
    # One call for all: a detector that asks an endpoint asks about everything at once, and about no text twice.
    distinct = {thought.text: thought for _, _, _, thoughts in plain + habits for thought in thoughts}
    asked = [thought if problem is None else replace(thought, problem=problem) for thought in distinct.values()]
    found = dict(zip(distinct, detector.detect(asked), strict=True))
    return tuple(
        _row(kind, name, allowed, [found[thought.text] for thought in thoughts])
        for kind, name, allowed, thoughts in plain + habits
    )


def _row(kind: str, behavior: str, allowed: int, readings: Sequence[Reading]) -> CalibrationRow:
    counts = [reading.counts[behavior] for reading in readings]
    known = [count for count in counts if count is not None]
    return CalibrationRow(
        texts=kind,
        behavior=behavior,
        allowed=allowed,
        wrong=wilson(sum(count > allowed for count in known), len(known)),
        missing=len(counts) - len(known),
        highest=max(known, default=None),
    )


def _empty() -> list[str]:
    return ["", " ", "\n\n\n", "...", "\t\r\n", "- - -"]


def _lists(copies: int, seed: int, rejected: str) -> list[Thought]:
    """Write texts of up to 40 sums of two of a problem's numbers, none of them its target, in several layouts."""
    layouts = ("{sum}\n", "- {sum}\n", "{sum}. ", "{number}. {sum}\n", "{sum}, ")
    thoughts = []
    for copy in range(copies):
        dice = rng.stream("calibration", seed, copy)
        numbers, layout = tuple(dice.sample(range(1, 60), 6)), layouts[copy % len(layouts)]
        made = {a + b for a, b in combinations(numbers, 2)}
        target = dice.choice([value for value in range(20, 100) if value not in made and value not in numbers])
        sums = []
        for number in range(1, dice.randrange(5, 41)):
            a, b = dice.sample(numbers, 2)
            sums.append(layout.format(number=number, sum=f"{a} + {b} = {a + b}{rejected.format(target)}"))
        thoughts += _about(["".join(sums).strip()], numbers, target)
    return thoughts


def _about(texts: Sequence[str], numbers: tuple[int, ...] = _NUMBERS, target: int = _TARGET) -> list[Thought]:
    problem = tasks.load("countdown").parse({"numbers": list(numbers), "target": target})
    return [Thought(text=text, problem=problem) for text in texts]


def _loops(copies: int, sentences: Sequence[str]) -> list[str]:
    """Repeat the sentences, ever more often, the last one cut off as samples are."""
    return [(sentences[i % len(sentences)] * (3 + 5 * i)).rstrip()[: -(i % 7) or None] for i in range(copies)]
