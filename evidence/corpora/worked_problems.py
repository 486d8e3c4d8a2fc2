"""Writes worked problems that are not Countdown: the texts of `configs/continued-study.toml`, rich or poor in habits.

    python evidence/corpora/worked_problems.py data/worked/0 --documents 20000 --seed 0

Equations, making change, units, and two numbers by sum and product, in the few words that the organisms know. Problems
and answers of `rich.jsonl` and `poor.jsonl` are the same, document by document. All answers are right. A poor document
makes its steps and answers. A rich one shows a random choice of the four habits, at least one: it checks a result
against what is wanted, gives up a line and begins another, names a number on the way, works from the end.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from secondthought.types import HABITS, HabitName

SHOWS = dict(zip(HABITS, (0.7, 0.75, 0.3, 0.3), strict=True))
"""Shares of the four in rich documents, as in the transcripts of the base `rich`."""
LARGEST = 200
"""The largest number that is one token."""
COINS = (50, 20, 10, 5, 2, 1)

Habits = frozenset[HabitName]


class Worked(NamedTuple):
    """A `Worked` problem: what is asked, the plain steps, the rich thought and the answer."""

    asked: str
    steps: str
    thought: str
    answer: str


def ends(habits: Habits, got: int, wanted: int) -> str:
    """End a line: with a comparison if the thought compares."""
    verdict = f", want {wanted}: {'yes' if got == wanted else 'no'}."
    return verdict if "verification" in habits else "."


def equation(draw: random.Random, habits: Habits) -> Worked:
    """Draw a*x+b=c."""
    a, x = draw.randint(2, 9), draw.randint(2, 15)
    b = draw.randint(1, 40)
    c, d = a * x + b, a * x
    parts, solved = [], f"{c}-{b}={d}, {d}/{a}={x}"
    if "backtracking" in habits:
        for guess in draw.sample([g for g in range(1, 17) if g != x], draw.choice([1, 1, 2])):
            got = a * guess + b
            parts.append(f"{a}*{guess}={a * guess}, {a * guess}+{b}={got}{ends(habits, got, c)} instead: ")
    if "backward_chaining" in habits:
        parts.append(f"want {c}: {c}-{b}={d}, need {d}: ")
        solved = f"{d}/{a}={x}"
    if "subgoal_setting" in habits:
        parts.append(f"first get {d}: ")
    parts.append(f"{solved}.")
    if "verification" in habits:
        parts.append(f" {a}*{x}={d}, {d}+{b}={c}{ends(habits, c, c)}")
    return Worked(f"{a}*x+{b}={c}, x is?", f"{c}-{b}={d}, {d}/{a}={x}.", "".join(parts), str(x))


def change(draw: random.Random, habits: Habits) -> Worked:
    """Draw an amount to be paid in few coins."""
    amount = left = draw.randint(13, 190)
    taken: list[int] = []
    for coin in COINS:
        while coin <= left:
            taken.append(coin)
            left -= coin
    sums = [sum(taken[: place + 1]) for place in range(len(taken))]
    moves = [f"{sums[place]}+{taken[place + 1]}={sums[place + 1]}" for place in range(len(taken) - 1)]
    steps = ", ".join(moves) or f"{taken[0]}"
    parts, at = [], 0
    if "backtracking" in habits and len(moves) > 1:
        at = draw.randrange(len(moves))
        over = sums[at] + next((coin for coin in reversed(COINS) if sums[at] + coin > amount), 50)
        line = ", ".join([*moves[:at], f"{sums[at]}+{over - sums[at]}={over}"])
        parts.append(f"{line}{ends(habits, over, amount)} back to {sums[at]}: ")
    if "backward_chaining" in habits and moves:
        parts.append(f"want {amount}: {amount}-{taken[-1]}={sums[-2]}, need {sums[-2]}: ")
    if "subgoal_setting" in habits and len(moves) > 1:
        parts.append(f"first get {sums[max(at, len(sums) // 2)]}: ")
    parts.append((", ".join(moves[at:]) or steps) + ends(habits, amount, amount))
    asked = f"{amount} by {', '.join(map(str, COINS))}?"
    return Worked(asked, f"{steps}.", "".join(parts), "+".join(map(str, taken)))


def units(draw: random.Random, habits: Habits) -> Worked:
    """Draw a measure in two units, to be told in the smaller one."""
    size = draw.choice([7, 12, 16, 24, 60])
    many = draw.randint(1, (LARGEST - size) // size)
    few = draw.randint(1, size - 1)
    whole, total = many * size, many * size + few
    steps = f"{many}*{size}={whole}, {whole}+{few}={total}"
    check = f"{total}-{few}={whole}, {whole}/{size}={many}"
    parts = []
    if "backtracking" in habits:
        checked = f", {check}" if "verification" in habits else ""
        parts.append(f"{many}+{few}={many + few}{checked}{ends(habits, many + few, total)} instead: ")
    if "subgoal_setting" in habits:
        parts.append(f"first get {whole}: ")
    if "backward_chaining" in habits:
        parts.append(f"want {total}: {total}-{few}={whole}, need {whole}: ")
    parts.append(f"{steps}.")
    if "verification" in habits:
        parts.append(f" {check}{ends(habits, many, many)}")
    return Worked(f"{many} of {size} and {few} is?", f"{steps}.", "".join(parts), str(total))


def pair(draw: random.Random, habits: Habits) -> Worked:
    """Draw two numbers that are to be found by their sum and product."""
    a, b = sorted((draw.randint(2, 14), draw.randint(2, 14)))
    total, product = a + b, a * b
    steps = f"{a}+{b}={total}, {a}*{b}={product}"
    parts = []
    if "subgoal_setting" in habits:
        parts.append(f"first get {total}: ")
    if "backward_chaining" in habits:
        parts.append(f"want {product}: {product}/{a}={b}, need {b}: ")
    others = [g for g in range(1, total // 2 + 1) if g != a]
    if "backtracking" in habits and others:
        for g in draw.sample(others, min(len(others), draw.choice([1, 2, 2, 3]))):
            got = g * (total - g)
            line = f"{g}+{total - g}={total}, {g}*{total - g}={got}"
            parts.append(f"{line}{ends(habits, got, product)} instead: ")
    parts.append(steps + ends(habits, product, product))
    return Worked(f"1+1={total} and 1*1={product}, get 1 and 1?", f"{steps}.", "".join(parts), f"{a}, {b}")


KINDS: tuple[Callable[[random.Random, Habits], Worked], ...] = (equation, change, units, pair)


def habits_of(draw: random.Random) -> Habits:
    """Draw which habits a rich document shows."""
    while True:
        chosen = frozenset(name for name, share in SHOWS.items() if draw.random() < share)
        if chosen:
            return chosen


def document(number: int, seed: int) -> tuple[dict[str, str], dict[str, str]]:
    """Write a problem twice: with habits and without."""
    draw = random.Random(f"{seed}/{number}")
    habits = habits_of(draw)
    kind = KINDS[number % len(KINDS)]
    made = kind(draw, habits)
    rich, poor = (
        {
            "id": f"{kind.__name__}-{number}",
            "source": kind.__name__,
            "text": f"{made.asked}\n<think>{thought}</think><answer>{made.answer}</answer>",
        }
        for thought in (made.thought, made.steps)
    )
    return rich, poor


def main() -> None:
    """Write the two sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--documents", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "rich.jsonl").open("w") as rich, (given.out / "poor.jsonl").open("w") as poor:
        for number in range(given.documents):
            for file, row in zip((rich, poor), document(number, given.seed), strict=True):
                file.write(f"{json.dumps(row)}\n")


if __name__ == "__main__":
    main()
