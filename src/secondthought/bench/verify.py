"""Count the completions that Countdown's verifier checks per second, called from Python on one core."""

from __future__ import annotations

import statistics
import time
from typing import Any

from secondthought import rng
from secondthought.tasks.countdown.task import Countdown
from secondthought.types import Problem

WANTED_PER_SECOND = 30_000


def run(*, problems: int = 200, rounds: int = 5, seed: int = 0) -> dict[str, Any]:
    """Return the median of `rounds` passes over right, wrong, malformed and missing answers to `problems` problems."""
    task = Countdown()
    pairs = [(p, text) for p in task.problems("train", int(problems), int(seed)) for text in completions(task, p)]
    seconds = [_pass(task, pairs) for _ in range(int(rounds))]
    reasons = [task.verify(problem, text).reason for problem, text in pairs]
    per_second = len(pairs) / statistics.median(seconds)
    return {
        "settings": {"completions": len(pairs), "rounds": int(rounds), "seed": int(seed)},
        "raw": {"seconds": seconds, "reasons": {reason: reasons.count(reason) for reason in sorted(set(reasons))}},
        "completions_per_second": per_second,
        "ratios": {"to_wanted": per_second / WANTED_PER_SECOND},
    }


def completions(task: Countdown, problem: Problem) -> list[str]:
    """Write what models typically write: some thought, then an answer that is right, wrong, cut short or missing."""
    gold = task.gold(problem) or ""
    numbers = list(problem.data["numbers"])
    rng.stream("bench", problem.id).shuffle(numbers)
    thought = f"I try {' + '.join(map(str, numbers))} = {sum(numbers)}, which is not {problem.data['target']}. Again.\n"
    wrong = " * ".join(map(str, numbers))
    return [
        thought + gold,
        f"{thought}<answer>{wrong}</answer>",
        f"{thought}<answer>({wrong}</answer>",
        f"{thought * 3}<answer>{wrong}",
        thought * 2,
    ]


def _pass(task: Countdown, pairs: list[tuple[Problem, str]]) -> float:
    start = time.perf_counter()
    for problem, text in pairs:
        task.verify(problem, text)
    return time.perf_counter() - start
