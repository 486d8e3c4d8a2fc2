"""What the control arms say in place of the policy's own reflection: one row per arm.

second_sample   a fresh first try: pass@2 without any conversation
no_reflection   told that it was wrong, asked again
own             the policy's own reflection
shuffled        another problem's own reflection
fixed           one general piece of advice
oracle          a reflection that names a right way on
contrary        one of the same form that names a way from which the problem cannot be solved
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from secondthought import rng
from secondthought.protocols import DiagnosableTask
from secondthought.rollout.reflect_retry import Table
from secondthought.types import Completion, Episode

FIXED_REFLECTION = (
    "I should read the task again, check every step and every condition, and write the final answer in the form that"
    " was asked for."
)
"""General advice that fits any task; a task with a method `general_reflection()` gives its own wording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Table):
    """What the arms share: the failures as episodes, the policy's own reflections on them, and how to go on."""

    failed: tuple[Episode, ...]
    own: tuple[Completion, ...]


Reflections: TypeAlias = Callable[[Stage], Sequence[Completion | None]]
"""One reflection per failure, None where the arm does not apply."""


def own(stage: Stage) -> Sequence[Completion | None]:
    """Reflections that the policy wrote on the same failure."""
    return stage.own


def shuffled(stage: Stage) -> Sequence[Completion | None]:
    """Reflections on the next problem of a circle whose order is a hash: no problem keeps its own."""
    count = len(stage.failed)
    circle = sorted(range(count), key=lambda i: rng.key(stage.keys.seed, "shuffled", stage.failed[i].problem.id))
    following = {place: circle[(rank + 1) % count] for rank, place in enumerate(circle)}
    return [stage.own[following[i]] if count > 1 else None for i in range(count)]


def fixed(stage: Stage) -> Sequence[Completion | None]:
    """One general reflection for all."""
    own_wording = getattr(stage.task, "general_reflection", None)
    text = str(own_wording()) if callable(own_wording) else FIXED_REFLECTION
    return [stage.policy.encode(text)] * len(stage.failed)


def oracle(stage: Stage) -> Sequence[Completion | None]:
    """Reflections by the task, which name a right way on."""
    if not isinstance(stage.task, DiagnosableTask):
        return [None] * len(stage.failed)
    task = stage.task
    return [_encoded(stage, task.oracle_reflection(item.problem, _text(item))) for item in stage.failed]


def contrary(stage: Stage) -> Sequence[Completion | None]:
    """Reflections by the task, of the same form, which name a way that leads nowhere."""
    if not isinstance(stage.task, DiagnosableTask):
        return [None] * len(stage.failed)
    task = stage.task
    return [_encoded(stage, task.contrary_reflection(item.problem, _text(item))) for item in stage.failed]


ARMS: Mapping[str, Reflections | None] = MappingProxyType(
    {
        "second_sample": None,
        "no_reflection": None,
        "own": own,
        "shuffled": shuffled,
        "fixed": fixed,
        "oracle": oracle,
        "contrary": contrary,
    }
)
"""Arm to its reflections; the two without one are played differently."""


def _encoded(stage: Stage, text: str | None) -> Completion | None:
    return None if text is None else stage.policy.encode(text)


def _text(episode: Episode) -> str:
    return episode.turns[-1].completion.text
