"""Measures verdicts a second on one core, on right and on changed calls of the shipped problems or of files.

python evidence/function_calling/speed.py [FILES ...] [--mode strict]
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

import changed_calls

from secondthought.tasks.function_calling import FunctionCalling
from secondthought.tasks.function_calling.gold import right_calls, written
from secondthought.types import SPLITS, Problem

ROUNDS = 5


def main() -> None:
    """Print the verdicts a second of each mode."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    files = parser.parse_args().files
    for mode in ("exact", "strict", "bfcl"):
        task = FunctionCalling(files=tuple(files), mode=mode)
        pairs = list(_pairs(task))
        rates = [_rate(task, pairs) for _ in range(ROUNDS)]
        sys.stdout.write(f"{mode:7} {len(pairs)} completions, {max(rates):,.0f} verdicts a second\n")


def _pairs(task: FunctionCalling) -> Any:
    """Yield problems with completions: the gold, with and without words around, and three changes of it."""
    for split in SPLITS:
        for problem in task.problems(split, min(200, task.held(split)), 0):
            right = right_calls(task.wanted(problem), "strict") or ()
            yield problem, written(right)
            yield problem, f"I need the function.\n{written(right)}\nThat is all."
            for _, calls in itertools.islice(changed_calls.wrong(right) if right else (), 3):
                yield problem, written(calls)


def _rate(task: FunctionCalling, pairs: list[tuple[Problem, str]]) -> float:
    began = time.process_time()
    for problem, text in pairs:
        task.verify(problem, text)
    return len(pairs) / (time.process_time() - began)


if __name__ == "__main__":
    main()
