"""Writes the rows of `configs/functions-study.toml`: Python functions over a list of numbers, each with its tests.

    python evidence/reflections/functions.py data/functions.jsonl

A function keeps some numbers, changes each and joins them; every choice of the three is a row, so nothing is drawn at
random. What is expected of a case is what the row's own solution returns where answers are run, too.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

from secondthought.tasks.sandbox.runs import Program, run

KEEPS = {
    "the even numbers": "[x for x in numbers if x % 2 == 0]",
    "the odd numbers": "[x for x in numbers if x % 2 != 0]",
    "the positive numbers": "[x for x in numbers if x > 0]",
    "the negative numbers": "[x for x in numbers if x < 0]",
    "the numbers above 10": "[x for x in numbers if x > 10]",
    "the multiples of 3": "[x for x in numbers if x % 3 == 0]",
    "every second number, beginning with the first": "numbers[::2]",
    "each number once, in the order of first appearance": "list(dict.fromkeys(numbers))",
}
CHANGES = {
    "squares each": "[x * x for x in kept]",
    "doubles each": "[2 * x for x in kept]",
    "takes the absolute value of each": "[abs(x) for x in kept]",
    "takes the last decimal digit of each (3 for -13)": "[abs(x) % 10 for x in kept]",
    "adds to each its position among those kept (0 for the first)": "[x + i for i, x in enumerate(kept)]",
    "subtracts each from 100": "[100 - x for x in kept]",
}
JOINS = {
    "returns their sum": "sum(changed)",
    "returns the greatest, or None if there is none": "max(changed, default=None)",
    "returns the smallest, or 0 if there is none": "min(changed, default=0)",
    "returns how many different values there are": "len(set(changed))",
    "returns them as a list, greatest first": "sorted(changed, reverse=True)",
    "returns them as a string with a hyphen between": '"-".join(str(x) for x in changed)',
    "returns the difference between the greatest and the smallest, or 0 if there is none": (
        "max(changed) - min(changed) if changed else 0"
    ),
    "returns the last one, or -1 if there is none": "changed[-1] if changed else -1",
}
LISTS = ([4, -7, 12, 9, 4, 15], [], [-13, 28, 3, -6, 3, 0, 11], [5], [-2, -2, -9, -24], [30, 17, 6, 30, 21, -8, 1])


def solution(keep: str, change: str, join: str) -> str:
    """Write the function of three choices."""
    return f"def f(numbers):\n    kept = {KEEPS[keep]}\n    changed = {CHANGES[change]}\n    return {JOINS[join]}"


def row(keep: str, change: str, join: str) -> dict[str, Any]:
    """Ask for the function of three choices, with what each list gives."""
    code = solution(keep, change, join)
    inputs = [{"args": [numbers], "kwargs": {}} for numbers in LISTS]
    ran = run(Program(code=code, function="f", cases=inputs), seconds=2, memory=2**29)
    cases = [{**case, "expected": result["value"]} for case, result in zip(inputs, ran.results, strict=True)]
    question = f"Write a function f(numbers). Of a list of numbers it keeps {keep}, {change}, and {join}."
    return {"question": question, "function": "f", "cases": cases, "solution": code}


def main(out: Path) -> None:
    """Write a row for each choice of three."""
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = (row(*choice) for choice in itertools.product(KEEPS, CHANGES, JOINS))
    out.write_text("".join(f"{json.dumps(each)}\n" for each in rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
