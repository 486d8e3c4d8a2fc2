"""What every task must do, as functions of a task. `test_task_contract.py` runs them for each registered one."""

from __future__ import annotations

import json
import math
import time

import pytest

from secondthought.errors import TaskError
from secondthought.protocols import Task
from secondthought.tasks.abilities import AnswerReader
from secondthought.types import SPLITS, Problem

CPU_LIMIT_S = 0.05

_TAG, _END = "<answer>", "</answer>"
HOSTILE = {
    "empty": "",
    "power": f"{_TAG}9**9**9{_END}",
    "power in box": f"{_TAG}\\boxed{{9**9**9}}{_END}",
    "open brackets": f"{_TAG}{'(' * 100_000}{_END}",
    "closed brackets": f"{_TAG}{')' * 100_000}{_END}",
    "nested brackets": f"{_TAG}{'(' * 100_000}1{')' * 100_000}{_END}",
    "open tags": _TAG * 100_000,
    "closing tags": _END * 100_000,
    "tags inside out": f"{_END}{_TAG}" * 100_000,
    "pairs of tags": f"{_TAG}{_END}" * 100_000,
    "half tags": "<answer" * 300_000,
    "half closing tags": _TAG + "</answer" * 300_000,
    "open boxes": "\\boxed{" * 100_000,
    "open boxes in tags": _TAG + "\\boxed{" * 100_000 + _END,
    "closed boxes": "\\boxed{" * 100_000 + "}" * 100_000,
    "braces": "{" * 2_000_000,
    "NUL": "\0" * 2_000_000,
    "NUL in tags": f"{_TAG}\0{_END}",
    "blanks in tags": f"{_TAG}{' ' * 2_000_000}{_END}",
    "digits": "9" * 2_000_000,
    "digits in tags": f"{_TAG}{'9' * 2_000_000}{_END}",
    "digits and commas": "1,234" * 400_000,
    "minus signs": f"{_TAG}{'-' * 2_000_000}1{_END}",
    "other digits": f"{_TAG}\u0663 + \uff17{_END}",
    "superscript": f"{_TAG}3\u00b2{_END}",
    "lone surrogate": f"{_TAG}\ud800{_END}",
    "names": f"{_TAG}__import__('os').system('true'){_END}",
    "fractions": _TAG + "\\boxed{" + "\\frac{" * 100_000 + "}" + _END,
    "line ends": "\n" * 2_000_000,
}


def check_protocol(task: Task) -> None:
    assert isinstance(task, Task)
    assert task.name
    assert task.reflection_request.strip()


def check_chance_level(task: Task) -> None:
    chance = task.chance_level  # type: ignore[attr-defined]
    assert math.isfinite(chance)
    assert 0 <= chance < 1


def check_accepts_gold(task: Task, problems: list[Problem]) -> None:
    golds = [task.gold(problem) for problem in problems]
    assert any(gold is not None for gold in golds)
    for problem, gold in zip(problems, golds, strict=True):
        if gold is not None:
            verdict = task.verify(problem, gold)
            assert (verdict.correct, verdict.reward, verdict.reason, verdict.well_formed) == (
                True,
                1.0,
                "correct",
                True,
            )
            assert task.verify(problem, f"Let me think.\n{gold}\nDone.").correct


def check_rejects_changed_gold(task: Task, problems: list[Problem]) -> None:
    for problem in problems:
        gold = task.gold(problem)
        if gold is None:
            continue
        for place, char in enumerate(gold):
            if char.isdigit():
                changed = gold[:place] + str((int(char) + 1) % 10) + gold[place + 1 :]
                verdict = task.verify(problem, changed)
                assert not verdict.correct, changed
                assert verdict.reward == 0
                assert verdict.reason != "correct"


def check_total(task: Task, problem: Problem, text: str) -> None:
    verdict = task.verify(problem, text)
    assert verdict.correct == (verdict.reason == "correct")
    assert not (verdict.correct and not verdict.well_formed)
    assert math.isfinite(verdict.reward)


def check_fast(task: Task, problem: Problem, text: str) -> None:
    """The best of three runs: another process on the machine must not fail this."""
    times = []
    for _ in range(3):
        start = time.process_time()
        verdict = task.verify(problem, text)
        times.append(time.process_time() - start)
        assert not verdict.correct
    assert min(times) < CPU_LIMIT_S


def check_answers(task: AnswerReader, problems: list[Problem], texts: list[str]) -> None:
    """One answer for all its surroundings; any text is read, quickly, and equal answers have equal verdicts."""
    for problem in problems:
        gold = task.gold(problem)
        if gold is not None:
            assert task.answer(problem, gold) is not None
            assert task.answer(problem, f"Let me think.\n{gold}\nDone.") == task.answer(problem, gold)
    found: dict[str | None, set[bool]] = {}
    for text in texts:
        start = time.process_time()
        answer = task.answer(problems[0], text)
        assert answer is None or isinstance(answer, str)
        assert time.process_time() - start < 5 * CPU_LIMIT_S, text[:40]
        found.setdefault(answer, set()).add(task.verify(problems[0], text).correct)
    assert all(len(verdicts) == 1 for verdicts in found.values())


def check_deterministic(task: Task, again: Task, count: int) -> None:
    for split in SPLITS:
        first = task.problems(split, count, seed=3)
        assert first == task.problems(split, count, seed=3) == again.problems(split, count, seed=3)
        assert first != task.problems(split, count, seed=4)
        assert len({problem.id for problem in first}) == count


def check_disjoint(task: Task, count: int, seeds: tuple[int, int, int]) -> None:
    held = [
        {problem.id for problem in task.problems(split, count, seed)} for split, seed in zip(SPLITS, seeds, strict=True)
    ]
    assert not held[0] & held[1]
    assert not held[0] & held[2]
    assert not held[1] & held[2]


def check_round_trip(task: Task, problems: list[Problem]) -> None:
    for problem in problems:
        assert task.parse(json.loads(json.dumps(dict(problem.data)))) == problem


def check_parse_refuses(task: Task, problem: Problem) -> None:
    """Each field, removed or of another type, is refused in a sentence that names it."""
    for field in problem.data:
        rest = {name: value for name, value in problem.data.items() if name != field}
        wrong: list[object] = [None, True, {}, [True], ["1"], [[]]]
        for data in [rest, *({**rest, field: value} for value in wrong)]:
            with pytest.raises(TaskError, match=field):
                task.parse(data)
