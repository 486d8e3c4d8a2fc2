"""Time Countdown's exact solver on one problem."""

from __future__ import annotations

import statistics
import time
from typing import Any

from secondthought import rng
from secondthought.tasks.countdown.solver import solutions, solvable

WANTED_MS = 5.0
LARGEST_NUMBER, LARGEST_TARGET = 50, 100


def run(*, problems: int = 200, numbers: int = 4, seed: int = 0) -> dict[str, Any]:
    """Return milliseconds to decide a random problem, solvable or not, and to list all of its solutions."""
    numbers_stream = rng.stream("bench", "solve", int(seed))
    drawn = [
        (
            tuple(numbers_stream.randint(1, LARGEST_NUMBER) for _ in range(int(numbers))),
            numbers_stream.randint(1, LARGEST_TARGET),
        )
        for _ in range(int(problems))
    ]
    decide = [_milliseconds(solvable, *problem) for problem in drawn]
    enumerate_all = [_milliseconds(solutions, *problem) for problem in drawn]
    return {
        "settings": {"problems": int(problems), "numbers": int(numbers), "seed": int(seed)},
        "raw": {"decide_ms_max": max(decide), "all_solutions_ms_max": max(enumerate_all)},
        "decide_ms_median": statistics.median(decide),
        "all_solutions_ms_median": statistics.median(enumerate_all),
        "ratios": {
            "decide_to_wanted": statistics.median(decide) / WANTED_MS,
            "all_solutions_to_wanted": statistics.median(enumerate_all) / WANTED_MS,
        },
    }


def _milliseconds(solve: Any, numbers: tuple[int, ...], target: int) -> float:
    clear = getattr(solve, "cache_clear", None)
    if clear is not None:
        clear()
    start = time.perf_counter()
    solve(numbers, target)
    return 1000.0 * (time.perf_counter() - start)
