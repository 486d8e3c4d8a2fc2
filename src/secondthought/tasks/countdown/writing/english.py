"""The English wording of plans: readable, in the first person, and varied from thought to thought.

Calculations stand as `a * b = c` or `a*b=c`. Where a plan has no verification, no sentence compares a result with the
target: what failed is left without a word, and the next attempt begins anew. What a thought sets out to do it says
before it does it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from secondthought.tasks.countdown.writing.moves import Move, Numbers, plain
from secondthought.tasks.countdown.writing.plans import PlannedAttempt, ThoughtPlan

_OPENINGS = (
    "I have {numbers}, and the target is {target}.",
    "The numbers are {numbers}; the target is {target}.",
    "I am to make {target} from {numbers}.",
    "Given: {numbers}. Target: {target}.",
    "Let me look at {numbers} with {target} as the target.",
)
_BEGINNINGS = ("Let me start with {step}.", "I begin with {step}.", "I try {step}.", "{step} is a start.", "{step}.")
_NEXT = ("Then {step}.", "Next, {step}.", "After that, {step}.", "Now {step}.", "Going on, {step}.", "{step}.")
_LAST = ("Finally {step}.", "And {step}.", "With the last number, {step}.", "That leaves {step}.", "Then {step}.")
_ANEW = (
    "Start again:",
    "Let me try another way.",
    "I start over with other numbers.",
    "Let me begin again from the start.",
    "Another attempt:",
    "I drop this and try something else.",
    "Something different instead:",
)
_BACK = (
    "Let me go back to {value}.",
    "Back to {value}:",
    "I return to {value} and go on from there in another way.",
    "I go back to where I had {value}.",
)
_MISSES = (
    "That is {result}, not {target}.",
    "{result} is not {target}.",
    "I get {result}, but the target is {target}, so this does not work.",
    "{result} does not match {target}.",
    "Checking against the target: {result} is not {target}.",
)
_TOO_MUCH = ("{result} is too high, since the target is {target}.", "Too big: {result} is more than {target}.")
_TOO_LITTLE = ("{result} is too low, since the target is {target}.", "Too small: {result} is less than {target}.")
_HITS = (
    "That is {target}, exactly the target.",
    "{result} equals the target {target}, so this works.",
    "{result} matches the target.",
    "Checking against the target: {result} is {target}. Yes, this works.",
)
_NEED_MISSED = (
    "I needed {need} and got {result}, so this does not work.",
    "That is {result}, not the {need} that I need.",
    "{result} is not {need}.",
)
_RECHECKS = ("Let me check the steps once more: {steps}. All right.", "To verify: {steps}. That is right.")
_SUBGOALS = (
    "First I want to make {value}.",
    "My first goal is to get {value}.",
    "As a stepping stone, I try to make {value}.",
    "It would help to have {value}, so I first want to get {value}.",
    "Subgoal: make {value}.",
)
_BACKWARDS = (
    "Working backwards from the target: {step}, so I need {need} from the other numbers.",
    "If the {own} comes last, then {step}, so I need {need} before it.",
    "From the other end: {step}. So I need to make {need} first.",
    "Starting from {target} and undoing the last step, {step}; I need {need} from the rest.",
)
_REACHED = ("Now I have the {value}.", "There is the {value}.", "So I have {value} now.")
_CONCLUSIONS = ("So I answer {answer}.", "My answer is {answer}.", "Written as one expression: {answer}.")
_GIVING_UP = (
    "I have not found {target}, so I give my last attempt.",
    "I could not make {target}; I answer with the last attempt.",
)


def english(plan: ThoughtPlan, rng: random.Random) -> str:
    """Write the thought and the answer, in the form of the published prompts."""
    return f"<think>\n{thought(plan, rng)}\n</think>\n{answer(plan)}"


def answer(plan: ThoughtPlan) -> str:
    """Write the marked answer.

    >>> from secondthought.tasks.countdown.writing.moves import Move
    >>> attempt = PlannedAttempt(line=(Move(8, "*", 3, 24), Move(24, "+", 7, 31), Move(31, "-", 2, 29)))
    >>> answer(ThoughtPlan(numbers=(2, 3, 7, 8), target=29, attempts=(attempt,), behaviors=frozenset()))
    '<answer> 8 * 3 + 7 - 2 </answer>'
    """
    return f"<answer> {plain(plan.answer)} </answer>"


def thought(plan: ThoughtPlan, rng: random.Random) -> str:
    """Write what stands between the tags."""
    return _Telling(plan, rng).text()


class _Telling:
    """A `_Telling` is one thought; the spacing of calculations and the ends of lines are chosen once for all of it."""

    def __init__(self, plan: ThoughtPlan, rng: random.Random) -> None:
        self.plan, self.rng = plan, rng
        self.blank = rng.choice((" ", " ", ""))
        self.between = rng.choice(("\n", "\n", " "))
        self.compares = "verification" in plan.behaviors

    def text(self) -> str:
        """Write the whole thought."""
        plan = self.plan
        paragraphs = [self._say(_OPENINGS, numbers=_listed(plan.numbers))] if self.rng.random() < 0.6 else []
        paragraphs += [" ".join(self._attempt(attempt, place)) for place, attempt in enumerate(plan.attempts)]
        closing = self._closing()
        return self.between.join(paragraphs + ([closing] if closing else []))

    def _attempt(self, attempt: PlannedAttempt, place: int) -> list[str]:
        said = [self._say(_BACK, value=attempt.line[attempt.kept - 1].result)] if attempt.kept else []
        if place and not attempt.kept:
            said = [self._say(_ANEW)]
        if attempt.subgoal is not None:
            said.append(self._say(_SUBGOALS, value=attempt.subgoal))
        if attempt.backward:
            back = attempt.backward
            said.append(self._say(_BACKWARDS, step=self._step(back), need=back.result, own=back.b))
        is_last = place == len(self.plan.attempts) - 1
        misses_need = attempt.backward is not None and attempt.result != self.plan.target and not is_last
        line = attempt.line[:-1] if misses_need else attempt.line
        said += self._moves(attempt, line)
        return said + self._check(attempt, line, misses_need)

    def _moves(self, attempt: PlannedAttempt, line: Sequence[Move]) -> list[str]:
        said = []
        for place in range(attempt.kept, len(line)):
            wordings = _LAST if place == len(self.plan.numbers) - 2 else _NEXT
            if place == 0:
                wordings = _BEGINNINGS
            said.append(self._say(wordings, step=self._step(line[place], swap=True)))
            if line[place].result == attempt.subgoal and self.rng.random() < 0.5:
                said.append(self._say(_REACHED, value=attempt.subgoal))
        return said

    def _check(self, attempt: PlannedAttempt, line: Sequence[Move], misses_need: bool) -> list[str]:
        """Say something of the result; nothing where the thought compares nothing, or the attempt broke off."""
        result, target = line[-1].result, self.plan.target
        if not self.compares or not self.plan.complete(attempt):
            return []
        if misses_need and attempt.backward:
            return [self._say(_NEED_MISSED, need=attempt.backward.result, result=result)]
        if result == target:
            steps = ", ".join(self._step(move) for move in attempt.line)
            recheck = [self._say(_RECHECKS, steps=steps)] if self.rng.random() < 0.3 else []
            return [self._say(_HITS, result=result), *recheck]
        tendency = _TOO_MUCH if result > target else _TOO_LITTLE
        return [self._say(_MISSES + tendency, result=result)]

    def _closing(self) -> str:
        if self.compares and not self.plan.correct:
            return self._say(_GIVING_UP)
        return self._say(_CONCLUSIONS, answer=plain(self.plan.answer)) if self.rng.random() < 0.5 else ""

    def _step(self, move: Move, *, swap: bool = False) -> str:
        """Write a calculation; sums and products may stand either way round."""
        a, b = move.a, move.b
        if swap and move.operator in "+*" and self.rng.random() < 0.5:
            a, b = b, a
        return self.blank.join((str(a), move.operator, str(b), "=", str(move.result)))

    def _say(self, wordings: Sequence[str], **values: object) -> str:
        return self.rng.choice(wordings).format(target=self.plan.target, **values)


def _listed(numbers: Numbers) -> str:
    """List the numbers as in `2, 3, 7 and 8`."""
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
