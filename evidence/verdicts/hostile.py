"""Judges hostile completions and says whether any verdict failed, took long, or left something behind.

    python evidence/verdicts/hostile.py pure 1000000        # verifiers that judge in this process
    python evidence/verdicts/hostile.py processes 10000     # formulas and JSON by schema: a process of their own
    python evidence/verdicts/hostile.py code 1000           # programs

Half are pieces put together at random, half are right completions that were cut, doubled and mixed. In this process
processor time counts, and of a slow verdict the best of three; elsewhere the time on the clock does. Code is judged in
an empty directory: what lies there afterwards, or runs, was left.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

import hostile_calls
import hostile_texts
from hostile_code import HOSTILE

from secondthought import tasks
from secondthought.protocols import Task
from secondthought.rng import stream
from secondthought.types import Problem

MODES = ("exact", "strict", "bfcl")
_LETTER = {"question": "Which is even?", "options": ["1", "2", "3"], "answer": "B", "answer_index": 1}
_ENDING = {
    "ind": 1,
    "activity_label": "Sums",
    "ctx_a": "One and one",
    "ctx_b": "",
    "endings": ["is 1", "is 2", "is 3", "is 4"],
    "label": "1",
}
_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
}
_OBJECT = {"question": "Ann is 30.", "schema": _SCHEMA, "answer": {"name": "Ann", "age": 30}}
_ADD = {
    "question": "Add.",
    "function": "add",
    "cases": [{"args": [1, 2], "expected": 3}],
    "solution": "def add(a, b):\n    return a + b",
}


class Attacked(NamedTuple):
    """A task under attack: its problems, what completions are made of, and the seconds that a verdict may take."""

    task: Task
    problems: Sequence[Problem]
    write: Callable[[Random, str], str]
    limit_s: float


def of_pieces(
    pieces: Sequence[str], opening: str = "<answer>", closing: str = "</answer>"
) -> Callable[[Random, str], str]:
    """Return what writes a completion of pieces, or damages a right one."""

    def write(rng: Random, gold: str) -> str:
        if rng.random() < 0.5:
            return hostile_texts.completion(rng, pieces, opening, closing)
        return hostile_texts.cut_and_mixed(rng, gold, pieces)

    return write


def of_calls(rng: Random, gold: str) -> str:
    """Write pieces of every dialect of calls, or damage a right call."""
    return hostile_calls.completion(rng) if rng.random() < 0.5 else hostile_calls.cut_and_mixed(rng, gold)


def of_programs(rng: Random, gold: str) -> str:
    """Write a hostile program, alone or inside a right one, or damage a right one."""
    here = os.getcwd()
    code = rng.choice(tuple(HOSTILE.values())).replace("SPOT", f"{here}/spot").replace("KEPT", f"{here}/kept")
    kind = rng.random()
    if kind < 0.4:
        return f"```python\n{code}\n```"
    if kind < 0.7:
        indented = "".join(f"    {line}\n" for line in code.splitlines())
        return f"```python\ndef add(a, b):\n{indented}    return a + b\n```"
    return hostile_texts.cut_and_mixed(
        rng, gold, (*hostile_texts.ANSWERS, code, "import os\n", "    ", "while True: pass\n")
    )


def attacked(kind: str) -> dict[str, Attacked]:
    """Return the tasks of a kind by name."""
    answers = of_pieces(hostile_texts.ANSWERS)

    def drawn(name: str, options: dict[str, Any], write: Callable[[Random, str], str] = answers) -> Attacked:
        task = tasks.load(name, options)
        return Attacked(task, task.problems("train", 50, 0), write, 0.05)

    def parsed(
        name: str,
        row: dict[str, Any],
        write: Callable[[Random, str], str] = answers,
        limit_s: float = 0.05,
        **options: Any,
    ) -> Attacked:
        task = tasks.load(name, options)
        return Attacked(task, [task.parse(row)], write, limit_s)

    if kind == "code":
        return {"python_code": parsed("python_code", _ADD, of_programs, 10.0, seconds=0.5)}
    if kind == "processes":
        return {
            "math": parsed(
                "math",
                {"problem": "Half of one?", "answer": "\\frac{1}{2}"},
                of_pieces(hostile_texts.FORMULAS, "\\boxed{", "}"),
                6.0,
            ),
            "json_schema": parsed("json_schema", _OBJECT, of_pieces(hostile_texts.JSON, "```json\n", "```"), 10.0),
        }
    return {
        "countdown": drawn("countdown", {}),
        "arithmetic": drawn("arithmetic", {}),
        "gsm8k": parsed("gsm8k", {"question": "Six by seven?", "answer": "6 * 7 = 42\n#### 42"}),
        "mmlu_pro": parsed("mmlu_pro", _LETTER),
        "hellaswag": parsed("hellaswag", _ENDING),
        **{f"function_calling, {mode}": drawn("function_calling", {"mode": mode}, of_calls) for mode in MODES},
    }


def main(kind: str, count: int) -> None:
    """Print for each task what was judged and how long it took."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        Path("kept").write_text("x", encoding="utf-8")
        targets = attacked(kind)
        for name, target in targets.items():
            found[name] = judged(target, -(-count // len(targets)), stream("hostile", kind, name))
            sys.stdout.write(json.dumps({name: found[name]}) + "\n")
            sys.stdout.flush()
        left = sorted(set(os.listdir(place)) ^ {"kept"})
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    # Tasks may keep a process to judge in; whatever else is there was left by a completion.
    running = [_command(pid) for pid in children.read_text(encoding="ascii").split()] if children.exists() else []
    running = [command for command in running if "secondthought.tasks.bounded.child" not in command]
    sys.stdout.write(json.dumps({"left in the directory": left, "still running": running}) + "\n")


def judged(target: Attacked, count: int, rng: Random) -> dict[str, Any]:
    """Judge so many completions."""
    reasons: Counter[str] = Counter()
    failed = over = right = 0
    longest = 0.0
    golds = [target.task.gold(problem) or "" for problem in target.problems]
    for number in range(count):
        place = number % len(golds)
        text = target.write(rng, golds[place])
        try:
            seconds, verdict = timed(target, target.problems[place], text)
        except Exception as error:
            failed += 1
            sys.stderr.write(f"{type(error).__name__}: {error}: {text[:200]!r}\n")
            continue
        reasons[verdict.reason] += 1
        right += verdict.correct
        longest = max(longest, seconds)
        over += seconds > target.limit_s
    return {
        "completions": count,
        "raised": failed,
        f"over {target.limit_s} s": over,
        "longest s": round(longest, 4),
        "right": right,
        "reasons": dict(reasons.most_common()),
    }


def timed(target: Attacked, problem: Problem, text: str) -> tuple[float, Any]:
    """Return the seconds of a verdict, and the verdict."""
    in_process = target.limit_s < 1
    clock = time.process_time if in_process else time.monotonic
    least = float("inf")
    for _ in range(3):
        began = clock()
        verdict = target.task.verify(problem, text)
        least = min(least, clock() - began)
        if least < target.limit_s / 2 or not in_process:
            break
    return least, verdict


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ").strip()
    except OSError:
        return "ended"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
