"""A script that plays Countdown badly, reflects and sometimes listens: the walking skeleton's model.

It cheats: it reads the problem from the prompt and asks the solver. What it shows is the shape of the data (wrong first
tries, right and wrong reflections, retries that depend on them), never how well anything learns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from secondthought import rng
from secondthought.tasks.countdown import solver
from secondthought.types import Message

_PROBLEM = re.compile(r"Using the numbers \[([0-9, ]+)\], create an equation that equals (-?[0-9]+)")
_STEP = re.compile(r"Start with ([0-9]+) ?([-+*/]) ?([0-9]+)\.")


def countdown_answers(
    *, first_try: float = 0.2, good_reflection: float = 0.3, listening: float = 0.8, malformed: float = 0.05
) -> Callable[[Sequence[Message], int], str]:
    """Return a player's answers to conversations; its ways of playing are probabilities.

    Args:
        first_try: a try that follows no reflection is right.
        good_reflection: a reflection names a right first operation; else one that leads nowhere.
        listening: a retry does what the reflection before it says; else it is another first try.
        malformed: a wrong answer has no closing tag.

    >>> say = countdown_answers(first_try=1.0)
    >>> say([Message(role="user", content="Using the numbers [2, 3], create an equation that equals 6.")], 0)
    '<answer> 2 * 3 </answer>'
    """

    def say(messages: Sequence[Message], key: int) -> str:
        dice = rng.stream(key, len(messages))
        numbers, target = _problem(messages)
        if "reflect" in messages[-1].content.lower():
            return _reflection(numbers, target, dice, good_reflection)
        chance = first_try
        # A reflection before the request, or a note below the problem.
        advice = _STEP.search(messages[-2 if len(messages) > 2 else -1].content)
        if advice and dice.random() < listening:
            chance = float(_leads_on(numbers, target, *advice.groups()))
        return _try(numbers, target, dice, chance, malformed)

    return say


def _problem(messages: Sequence[Message]) -> tuple[tuple[int, ...], int]:
    found = [match for message in messages if message.role == "user" and (match := _PROBLEM.search(message.content))]
    if not found:
        return (1, 1), 3
    return tuple(sorted(int(number) for number in found[0][1].split(","))), int(found[0][2])


def _leads_on(numbers: tuple[int, ...], target: int, a: str, operator: str, b: str) -> bool:
    right = {(str(x), sign, str(y)) for x, sign, y in solver.first_steps(numbers, target)}
    return (a, operator, b) in right or (operator in "+*" and (b, operator, a) in right)


def _try(numbers: tuple[int, ...], target: int, dice: Random, chance: float, malformed: float) -> str:
    solutions = solver.solutions(numbers, target)
    if solutions and dice.random() < chance:
        return f"<answer> {dice.choice(solutions)} </answer>"
    # One number is used twice, which no verifier of this task accepts.
    wrong = " + ".join(str(number) for number in (*numbers, dice.choice(numbers)))
    return f"<answer> {wrong}" + ("" if dice.random() < malformed else " </answer>")


def _reflection(numbers: tuple[int, ...], target: int, dice: Random, good: float) -> str:
    right, dead = solver.first_steps(numbers, target), solver.dead_steps(numbers, target)
    steps = sorted(right if right and (dice.random() < good or not dead) else dead)
    if not steps:
        return "I used a number twice."
    a, operator, b = dice.choice(steps)
    return f"I used a number twice. Start with {a}{operator}{b}."
