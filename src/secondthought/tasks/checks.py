"""Any task must pass these checks, which try it on a few problems and on text that nobody should write."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

from secondthought.errors import SecondthoughtError, TaskError
from secondthought.protocols import ChanceTask, RepeatingTask, Task
from secondthought.tasks.abilities import ChangingTask
from secondthought.tasks.judging import judge
from secondthought.tasks.rows.pool import asked
from secondthought.types import LARGE_REWARD, SPLITS, Problem, Split, Verdict

CPU_LIMIT_S = 0.05
_MORE_TRIES = 4
HOSTILE: Mapping[str, str] = {
    "empty text": "",
    "a tower of powers": "<answer>9**9**9</answer>",
    "a call": "<answer>__import__('os').system('true')</answer>",
    "100,000 brackets": f"<answer>{'(' * 100_000}1{')' * 100_000}</answer>",
    "100,000 opened tags": "<answer>" * 100_000,
    "100,000 pairs of tags": "<answer></answer>" * 100_000,
    "100,000 opened boxes": "\\boxed{" * 100_000,
    "NUL": "<answer>\0</answer>" + "\0" * 1_000_000,
    "two million digits": f"<answer>{'9' * 2_000_000}</answer>",
    "two million blanks": f"<answer>{' ' * 2_000_000}</answer>",
    "digits of other scripts": "<answer>\u0663 + \uff17</answer>",
    "half a character": "<answer>\ud800</answer>",
}


class CheckResult(NamedTuple):
    """A `CheckResult` says what one check found."""

    check: str
    status: Literal["passed", "failed", "skipped"]
    detail: str


class _Failed(Exception):
    """A `_Failed` ends a check that failed; its text says how."""


class _Skipped(Exception):
    """A `_Skipped` ends a check that has nothing to check; its text says why."""


Problems = Mapping[Split, Sequence[Problem]]


def run_checks(load: Callable[[], Task], count: int) -> list[CheckResult]:
    """Run all checks, in order; one that fails does not stop the others.

    Args:
        load: makes the task anew, so that two of them can be compared.
        count: problems per split; fewer are taken where a split holds fewer.

    Raises:
        TaskError: the task has no problem at all, and says why.
    """
    task = load()
    found = {split: draw(task, split, count) for split in SPLITS}
    if not any(found.values()):
        task.problems("train", 1, 0)  # says itself why there is none
    checks: dict[str, Callable[[], str]] = {
        "problems": lambda: _problems(task, found, count),
        "gold accepted": lambda: _gold(task, found),
        "changed gold rejected": lambda: _changed(task, found),
        "chance level": lambda: _chance(task),
        "rewards": lambda: _rewards(task, found),
        "JSON round trip": lambda: _round_trip(task, found),
        "deterministic": lambda: _deterministic(load(), found),
        "splits apart": lambda: _disjoint(task, found),
        "any text judged": lambda: _total(task, found),
    }
    return [_run(name, check) for name, check in checks.items()]


def draw(task: Task, split: Split, count: int, seed: int = 0) -> list[Problem]:
    """Draw up to `count` problems of a split: half as many, again and again, where it holds fewer."""
    while count:
        try:
            return task.problems(split, count, seed)
        except TaskError:
            count //= 2
    return []


def _run(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, "passed", check())
    except _Failed as error:
        return CheckResult(name, "failed", str(error))
    except _Skipped as error:
        return CheckResult(name, "skipped", str(error))
    except SecondthoughtError as error:
        return CheckResult(name, "failed", str(error))
    except Exception as error:  # the task is somebody's code: what it raises is the finding
        return CheckResult(name, "failed", f"raised {type(error).__name__}: {error}")


def _all(found: Problems) -> list[Problem]:
    return [problem for problems in found.values() for problem in problems]


def _problems(task: Task, found: Problems, count: int) -> str:
    empty = [split for split in SPLITS if not found[split]]
    if "train" in empty or "test" in empty:
        raise _Failed(f"no problems in: {', '.join(empty)}")
    for problems in found.values():
        if len({problem.id for problem in problems}) < len(problems):
            raise _Failed("an id occurs twice in one draw")
    few = [f"{split} {len(found[split])}" for split in SPLITS if len(found[split]) < count]
    repeated = f", {task.repeated} repeated rows left out" if isinstance(task, RepeatingTask) and task.repeated else ""
    return f"asked for {count} per split{repeated}" + (f", got fewer: {', '.join(few)}" if few else "")


def _gold(task: Task, found: Problems) -> str:
    golds = [(problem, task.gold(problem)) for problem in _all(found)]
    known = [(problem, gold) for problem, gold in golds if gold is not None]
    if not known:
        raise _Skipped("the task knows no right answers")
    for problem, gold in known:
        verdict = judge(task, problem, gold)
        if not verdict.correct:
            raise _Failed(f"{problem.id}: gold {gold[:80]!r} is judged {verdict.reason}")
    return f"{len(known)} of {len(golds)} problems have one"


def _changed(task: Task, found: Problems) -> str:
    """Judge answers that are nearly right: the task's own, where it makes some."""
    if not isinstance(task, ChangingTask):
        raise _Skipped("the task makes no nearly right answers; offer changed_golds(problem)")
    changed = [(problem, text) for problem in _all(found) for text in task.changed_golds(problem)]
    for problem, text in changed:
        if judge(task, problem, text).correct:
            raise _Failed(f"{problem.id}: {text[:80]!r}, a changed gold, is judged correct")
    if not changed:
        raise _Skipped("no right answer could be changed")
    return f"{len(changed)} answers"


def _chance(task: Task) -> str:
    if not isinstance(task, ChanceTask):
        raise _Skipped("the task states none; give it a chance_level")
    level = float(task.chance_level)
    if not 0 <= level <= 1:
        raise _Failed(f"{level} is no share")
    return f"{100 * level:.1f} %" + ("; nothing can be learned" if level == 1 else "")


def _rewards(task: Task, found: Problems) -> str:
    """Judge right answers, other problems' and what is left of them when cut: numbers that tell right from wrong."""
    verdicts = [_twice(task, problem, text) for problem, text in _answers(task, _all(found))]
    if not verdicts:
        raise _Skipped("no problems")
    right, wrong = ([item.reward for item in verdicts if item.correct is kind] for kind in (True, False))
    if right and wrong and min(right) <= max(wrong):
        raise _Failed(
            f"a right answer earns {min(right):g} and a wrong one {max(wrong):g}: the wrong one would be learned"
        )
    rewards = right + wrong
    told = f"{min(rewards):g} to {max(rewards):g}, of {len(verdicts)} answers"
    if max(map(abs, rewards)) > LARGE_REWARD:
        told += f"; above {LARGE_REWARD:g} in size set algorithm.scale_by_std, or make them smaller"
    return told


def _answers(task: Task, problems: Sequence[Problem]) -> list[tuple[Problem, str]]:
    golds = [task.gold(problem) or "" for problem in problems]
    others = zip(problems, golds[1:] + golds[:1], strict=True)
    return [
        *zip(problems, golds, strict=True),
        *others,
        *((p, gold[: len(gold) // 2]) for p, gold in zip(problems, golds, strict=True)),
    ]


def _twice(task: Task, problem: Problem, text: str) -> Verdict:
    first, again = judge(task, problem, text), judge(task, problem, text)
    if first != again:
        raise _Failed(
            f"{problem.id}: {text[:80]!r} is judged {first.reason}, then {again.reason}: verify must not change"
        )
    return first


def _round_trip(task: Task, found: Problems) -> str:
    for problem in _all(found):
        again = task.parse(json.loads(json.dumps(dict(problem.data))))
        if (again.id, again.messages) != (problem.id, problem.messages):
            raise _Failed(f"{problem.id}: parse(data) gives another problem, {again.id}")
    return f"{len(_all(found))} problems"


def _deterministic(again: Task, found: Problems) -> str:
    for split, problems in found.items():
        if problems and [p.id for p in again.problems(split, len(problems), 0)] != [p.id for p in problems]:
            raise _Failed(f"{split}: the same seed gave other problems")
    return "the same seed, twice"


def _disjoint(task: Task, found: Problems) -> str:
    seeds = (0, 1)
    ids = {split: {p.id for seed in seeds for p in draw(task, split, len(found[split]), seed)} for split in SPLITS}
    texts = {
        split: {asked(p) for seed in seeds for p in draw(task, split, len(found[split]), seed)} for split in SPLITS
    }
    for one, other in combinations(SPLITS, 2):
        if ids[one] & ids[other]:
            raise _Failed(f"{one} and {other} share {len(ids[one] & ids[other])} problems")
        if texts[one] & texts[other]:
            raise _Failed(
                f"{one} and {other} share {len(texts[one] & texts[other])} questions under other ids; derive ids from"
                " the question alone"
            )
    return "for two seeds"


def _total(task: Task, found: Problems) -> str:
    """Judge text that nobody should write, of a problem that wants an answer: some are right when nothing is said."""
    problem = next((item for item in _all(found) if _wants_answer(task, item)), None)
    if problem is None:
        raise _Skipped("no problem wants an answer")
    slowest = 0.0
    for name, text in HOSTILE.items():
        seconds = _seconds(task, problem, name, text)
        for _ in range(_MORE_TRIES):  # a busy machine takes longer now and then
            seconds = seconds if seconds <= CPU_LIMIT_S else min(seconds, _seconds(task, problem, name, text))
        slowest = max(slowest, seconds)
        if seconds > CPU_LIMIT_S:
            raise _Failed(f"{name}: took {1000 * seconds:.0f} ms, more than {1000 * CPU_LIMIT_S:.0f}")
    return f"{len(HOSTILE)} texts, slowest {1000 * slowest:.1f} ms"


def _wants_answer(task: Task, problem: Problem) -> bool:
    try:
        return not judge(task, problem, "").correct
    except TaskError:  # told by the check of the empty text
        return True


def _seconds(task: Task, problem: Problem, name: str, text: str) -> float:
    began = time.process_time()
    try:
        verdict = judge(task, problem, text)
    except TaskError as error:
        raise _Failed(f"{name}: {error}") from error
    seconds = time.process_time() - began
    if verdict.correct:
        raise _Failed(f"{name}: is judged correct")
    return seconds
