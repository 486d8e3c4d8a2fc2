"""Records of a thought about a Countdown problem: its operations, attempts, checks, subgoals and backward steps.

`detector.follow` makes them. Places are indices into `Story.operations` and code points of the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from secondthought.tasks.expressions import Operator

Value: TypeAlias = int | Fraction
"""An exact number; whole numbers are always `int`."""
OperationRole: TypeAlias = Literal["forward", "repeat", "backward", "aside"]
"""`forward` moves an attempt on; `repeat` works out again what the attempt already has; `backward` starts from the
target; `aside` has nothing to do with the numbers at hand."""
CheckKind: TypeAlias = Literal["comparison", "judgement", "gap", "recomputation"]
"""Compared with the target; judged in words; the rest to the target worked out; worked out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An `Operation` is one calculation as it is written: `a op b = c`, or an expression with or without its result.

    `postfix` holds places in `operands` (from 0) and operators. `value` is exact, None after a division by zero;
    `stated` is the result that the text gives, None where it gives none. `forms` counts expressions that are set equal,
    so `(5 + 3) * 4 = 8 * 4 = 32` has 2. `backwards` says that the result is written first (`32 = 8 * 4`).
    """

    start: int
    end: int
    operands: tuple[Value, ...]
    postfix: tuple[int | Operator, ...]
    value: Value | None
    stated: Value | None
    holds: bool | None
    forms: int = 1
    backwards: bool = False

    @property
    def result(self) -> Value | None:
        """Return what the thought goes on with: the stated result, right or wrong, else the true one."""
        return self.value if self.stated is None else self.stated


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An `Attempt` is a row of operations that build on the given numbers and on each other.

    `resumes` is the operation after which it branches off an earlier attempt, None if it begins from the given numbers.
    `again` marks an attempt that was made before in the same text, as in a loop.
    """

    operations: tuple[int, ...]
    resumes: int | None
    reached: bool
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A `Check` is a stated check of an operation's result; `holds` says if what it states is true."""

    start: int
    end: int
    operation: int
    kind: CheckKind
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgoal:
    """A `Subgoal` is a number stated as a goal before it was there.

    `reached` is the operation that made it, `used` the later one that took it as an operand. `from_backward` says that
    a backward step had named it, so that it does not count a second time.
    """

    start: int
    end: int
    value: Value
    reached: int | None
    used: int | None
    from_backward: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BackwardStep:
    """A `BackwardStep` leads from the target, or a number derived so, to `goal`, which is what it asks for."""

    operation: int
    origin: Value
    goal: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A `Story` is all that happened in a thought.

    `roles` has one entry per operation; nothing that a loop repeats is listed twice as new.
    """

    operations: tuple[Operation, ...]
    roles: tuple[OperationRole, ...]
    attempts: tuple[Attempt, ...]
    checks: tuple[Check, ...]
    subgoals: tuple[Subgoal, ...]
    backward_steps: tuple[BackwardStep, ...]

    @property
    def restarts(self) -> tuple[Attempt, ...]:
        """Return the attempts that began after another was given up: each is one backtracking."""
        return tuple(attempt for attempt in self.attempts if not attempt.again)[1:]

    @property
    def reached_subgoals(self) -> tuple[Subgoal, ...]:
        """Return the subgoals that count: stated as such, not by a backward step, and then reached."""
        return tuple(goal for goal in self.subgoals if goal.reached is not None and not goal.from_backward)

    @property
    def counts(self) -> dict[str, int]:
        """Count how often each of the four habits happened."""
        return {
            "verification": len(self.checks),
            "backtracking": len(self.restarts),
            "subgoal_setting": len(self.reached_subgoals),
            "backward_chaining": len(self.backward_steps),
        }
