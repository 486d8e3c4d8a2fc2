"""The functional detector: what a thought about a Countdown problem did, whatever words it used.

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
from secondthought.tasks.countdown.reading.checks import verdicts
from secondthought.tasks.countdown.reading.records import Operation, Story
from secondthought.tasks.countdown.reading.story import attempts, checks, distinct
from secondthought.tasks.countdown.reading.subgoals import subgoals
from secondthought.types import Reading, Span, Thought

BEHAVIORS = ("verification", "backtracking", "subgoal_setting", "backward_chaining")
_RESTART = re.compile(
    r"back to|start(?:ing)? (?:over|again|afresh|from)|begin again|try (?:again|another|something)|instead"
    r"|another (?:way|approach|try)"
    r"|no good|dead end|scrap|drop (?:that|this|it)|give (?:that|this|it) up",
    re.IGNORECASE,
)


def follow(text: str, numbers: Sequence[int], target: int) -> Story:
    """What happened in a text about making `target` from `numbers`.

    >>> story = follow("8 * 3 = 24, 24 + 7 = 31. Too low. 8 * 7 = 56, 56 - 24 = 32.", (3, 7, 8, 24), 32)
    >>> story.counts["backtracking"], story.counts["verification"], story.checks[0].holds
    (1, 1, True)
    """
    found = _worked_out(text)
    said = verdicts(text, found, target)
    given_up = {index for index, verdict in said.items() if verdict.claim != "equal"} | _given_up(text, found)
    course = trace(found, numbers, target, given_up)
    goals = subgoals(text, found, course, numbers, target)
    return Story(
        operations=found,
        roles=tuple(course.roles),
        attempts=tuple(attempts(course, found, target, given_up)),
        checks=tuple(checks(text, course, found, said, target)),
        subgoals=goals,
        backward_steps=distinct(course),
    )


def _worked_out(text: str) -> tuple[Operation, ...]:
    """The operations of a text, without the answer that it is to end in, where there is more than that."""
    found = operations(text)
    begin = text.rfind("<answer>")
    if begin < 0:
        return found
    end = text.find("</answer>", begin) % (len(text) + 1)
    return tuple(operation for operation in found if not begin < operation.start < end) or found


class FunctionalDetector:
    """Counts the four behaviours in thoughts about Countdown problems; all counts are missing for any other text."""

    name = "functional"
    behaviors = BEHAVIORS

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """One reading per thought, in order."""
        return [self._read(thought) for thought in thoughts]

    def _read(self, thought: Thought) -> Reading:
        problem = thought.problem
        if problem is None or problem.task != "countdown":
            return Reading(counts=dict.fromkeys(BEHAVIORS))
        story = follow(thought.text, problem.data["numbers"], problem.data["target"])
        return Reading(counts=story.counts, spans=spans(story, thought.text))


def spans(story: Story, text: str) -> tuple[Span, ...]:
    """Where each counted behaviour shows, in order; as many spans of a behaviour as its count."""
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
    """Operations after which the text says that it goes back; only asked where the numbers leave it open."""
    starts = [operation.start for operation in found]
    places = (bisect_right(starts, match.start()) - 1 for match in _RESTART.finditer(text))
    return {place for place in places if place >= 0}
