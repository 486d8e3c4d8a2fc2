"""The functional detector, which says what a thought about a Countdown problem did, whatever words it used.

It reads the calculations, follows which numbers each of them uses, and sees attempts given up, results checked,
subgoals reached and steps from the target backwards. It is exact about numbers and knows few words; the definitions,
and what it cannot see, are in `docs/habits.md`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from secondthought.tasks.countdown.reading.attempts import trace
from secondthought.tasks.countdown.reading.calculations import operations
from secondthought.tasks.countdown.reading.checks import remarks
from secondthought.tasks.countdown.reading.records import Operation, Story
from secondthought.tasks.countdown.reading.story import attempts, checks, distinct_steps
from secondthought.tasks.countdown.reading.subgoals import subgoals
from secondthought.types import HABITS, Reading, Span, Thought

_RESTART = re.compile(
    r"back to|start(?:ing)? (?:over|again|afresh|from)|begin again|try (?:again|another|something)|instead"
    r"|another (?:way|approach|try)"
    r"|no good|dead end|scrap|drop (?:that|this|it)|give (?:that|this|it) up",
    re.IGNORECASE,
)


def follow(text: str, numbers: Sequence[int], target: int) -> Story:
    """Tell what happened in a text about making `target` from `numbers`.

    >>> story = follow("8 * 3 = 24, 24 + 7 = 31. Too low. 8 * 7 = 56, 56 - 24 = 32.", (3, 7, 8, 24), 32)
    >>> story.counts["backtracking"], story.counts["verification"], story.checks[0].holds
    (1, 1, True)
    """
    found = _worked_out(text)
    said = remarks(text, found, target)
    given_up = {index for index, remark in said.items() if remark.claim != "equal"} | _given_up(text, found)
    traced = trace(found, numbers, target, given_up)
    return Story(
        operations=found,
        roles=tuple(traced.roles),
        attempts=tuple(attempts(traced, target, given_up)),
        checks=tuple(checks(text, traced, said, target)),
        subgoals=subgoals(text, traced, numbers, target),
        backward_steps=distinct_steps(traced),
    )


def _worked_out(text: str) -> tuple[Operation, ...]:
    """Return the operations of a text, without the answer that it is to end in, where there is more than that."""
    found = operations(text)
    begin = text.rfind("<answer>")
    if begin < 0:
        return found
    end = text.find("</answer>", begin) % (len(text) + 1)
    return tuple(operation for operation in found if not begin < operation.start < end) or found


class FunctionalDetector:
    """A `FunctionalDetector` counts the four habits in thoughts about Countdown problems.

    All counts of any other text are missing.
    """

    name = "functional"
    behaviors = HABITS

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """Return one reading per thought, in order."""
        return [self._read(thought) for thought in thoughts]

    def _read(self, thought: Thought) -> Reading:
        problem = thought.problem
        if problem is None or problem.task != "countdown":
            return Reading(counts=dict.fromkeys(HABITS))
        story = follow(thought.text, problem.data["numbers"], problem.data["target"])
        return Reading(counts=story.counts, spans=spans(story, thought.text))


def spans(story: Story, text: str) -> tuple[Span, ...]:
    """Return where each counted behaviour shows, in order; as many spans of a behaviour as its count."""
    places = [("verification", check.start, check.end) for check in story.checks]
    for attempt in story.restarts:
        first = story.operations[attempt.operations[0]]
        places.append(("backtracking", first.start, first.end))
    places += [("subgoal_setting", goal.start, goal.end) for goal in story.reached_subgoals]
    steps = [story.operations[step.operation] for step in story.backward_steps]
    places += [("backward_chaining", step.start, step.end) for step in steps]
    places.sort(key=lambda place: (place[1], place[2], place[0]))
    return tuple(Span(behavior=name, start=start, end=end, text=text[start:end]) for name, start, end in places)


def _given_up(text: str, found: Sequence[Operation]) -> set[int]:
    """Return the operations after which the text says that it goes back; asked where the numbers leave it open."""
    starts = [operation.start for operation in found]
    places = (bisect_right(starts, match.start()) - 1 for match in _RESTART.finditer(text))
    return {place for place in places if place >= 0}
