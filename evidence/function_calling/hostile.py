"""Judges hostile completions and says whether any verdict failed or took long.

    python evidence/function_calling/hostile.py [COUNT]

Half are pieces of dialects put together at random, half are right completions that were cut, doubled and mixed. All
three modes judge in turn. Processor time counts, and of a slow verdict the best of three.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

import hostile_calls

from secondthought.rng import stream
from secondthought.tasks.function_calling import FunctionCalling

LIMIT_S = 0.05


def main() -> None:
    """Print the counts, the longest time, and each verdict that failed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    tasks = [FunctionCalling(mode=mode) for mode in ("exact", "strict", "bfcl")]
    problems = tasks[0].problems("train", 200, 0)
    golds = [tasks[0].gold(problem) or "" for problem in problems]
    rng = stream("hostile", count)
    found: dict[str, Any] = {
        "completions": count,
        "failed": 0,
        "over 50 ms": 0,
        "longest ms": 0.0,
        "reasons": Counter(),
    }
    for number in range(count):
        place = number % len(problems)
        text = hostile_calls.completion(rng) if number % 2 else hostile_calls.cut_and_mixed(rng, golds[place])
        _judge(tasks[number % 3], problems[place], text, found)
    sys.stdout.write(json.dumps(found) + "\n")


def _judge(task: FunctionCalling, problem: Any, text: str, found: dict[str, Any]) -> None:
    try:
        seconds = _seconds(task, problem, text)
        if seconds > LIMIT_S / 2:
            seconds = min(seconds, *(_seconds(task, problem, text) for _ in range(2)))
        found["reasons"][task.verify(problem, text).reason] += 1
    except Exception as error:
        found["failed"] += 1
        sys.stderr.write(f"{type(error).__name__}: {error}: {text[:200]!r}\n")
        return
    found["over 50 ms"] += seconds > LIMIT_S
    if 1000 * seconds > found["longest ms"]:
        found["longest ms"] = round(1000 * seconds, 2)


def _seconds(task: FunctionCalling, problem: Any, text: str) -> float:
    began = time.process_time()
    task.verify(problem, text)
    return time.process_time() - began


if __name__ == "__main__":
    main()
