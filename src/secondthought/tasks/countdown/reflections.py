"""Reflections written by an oracle: the least that names a way on. Placeholder until the diagnosing version."""

from __future__ import annotations

from secondthought.tasks.countdown import solver


def oracle_reflection(numbers: tuple[int, ...], target: int, attempt: str) -> str | None:
    """A reflection that names a right first operation, or None."""
    return _named(solver.first_steps(tuple(sorted(numbers)), target))


def contrary_reflection(numbers: tuple[int, ...], target: int, attempt: str) -> str | None:
    """A reflection that names an operation from which the target cannot be reached, or None."""
    return _named(solver.dead_steps(tuple(sorted(numbers)), target))


def _named(steps: frozenset[solver.Step]) -> str | None:
    if not steps:
        return None
    a, operator, b = min(steps)
    return f"Start with {a} {operator} {b}."
