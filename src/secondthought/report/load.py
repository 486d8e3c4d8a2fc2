"""Run directories as the report sees them. Everything may be missing: a run that was killed has a report too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from secondthought.errors import RunError
from secondthought.runs import RunDirectory, read_metrics
from secondthought.runs.listing import status

NAN = float("nan")

MAIN_ARM = "reflect-retry"
PERMUTED_ARM = "permuted-rewards"


class Outcome(NamedTuple):
    """How one problem of an evaluation ended: solved by the first try, solved by the first two."""

    first_try: bool
    second_try: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, read."""

    directory: RunDirectory
    label: str
    arm: str
    seed: int | None
    model: str
    status: str
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    summary: Mapping[str, Any]
    metrics: Sequence[Mapping[str, float]]

    def outcomes(self, evaluation: str) -> dict[str, Outcome]:
        """Outcome per problem of one evaluation; empty if it was not kept."""
        if evaluation not in self.directory.evaluations():
            return {}
        rows = self.directory.evaluation(evaluation)
        return {str(row.get("problem_id")): outcome for row in rows if (outcome := _outcome(row)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Runs that differ in their seed only, as far as their records tell."""

    name: str
    runs: tuple[Run, ...]

    @property
    def num_seeds(self) -> int:
        """Distinct seeds: a run that was copied counts once."""
        return len({run.seed for run in self.runs})


def load_run(path: Path) -> Run:
    """Read one run directory.

    Raises:
        RunError: it is not one, or a file in it is damaged.
    """
    directory = RunDirectory.open(path)
    config, summary = directory.config(), directory.summary()
    seed = get(config, "seed")
    return Run(
        directory=directory,
        label=path.resolve().name,
        arm=_arm(config, summary),
        seed=seed if isinstance(seed, int) else None,
        model=str(get(summary, "model") or get(config, "model", "path") or "?"),
        status=status(directory, summary),
        config=config,
        environment=directory.environment(),
        summary=summary,
        metrics=read_metrics(directory.metrics_path),
    )


def load_runs(paths: Sequence[Path]) -> list[Run]:
    """Read run directories, each once.

    Raises:
        RunError: there are none, or one cannot be read.
    """
    if not paths:
        raise RunError("report: no run directory was given; name at least one")
    return [load_run(path) for path in dict.fromkeys(path.resolve() for path in paths)]


def arms(runs: Sequence[Run]) -> list[Arm]:
    """Runs by arm, Reflect-Retry-Reward first, then by name; by model too where there are several models."""
    many = len({run.model for run in runs}) > 1
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(f"{run.arm} ({run.model})" if many else run.arm, []).append(run)
    found = [
        Arm(name=name, runs=tuple(sorted(group, key=lambda run: (run.seed is None, run.seed or 0))))
        for name, group in groups.items()
    ]
    return sorted(found, key=lambda arm: (arm.runs[0].arm != MAIN_ARM, -arm.num_seeds, arm.name))


def get(value: Any, *keys: str) -> Any:
    """A value deep in a record, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def number(value: Any) -> float:
    """A number of a record; anything else is NaN.

    >>> number(0.5), number(None), number("1")
    (0.5, nan, nan)
    """
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else NAN


def items(value: Any) -> Iterator[Any]:
    """The items of a list of a record; nothing if it is not one."""
    yield from value if isinstance(value, list) else ()


def _arm(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    algorithm = get(config, "algorithm")
    if get(algorithm, "permute_rewards"):
        return PERMUTED_ARM
    kind, credit = get(algorithm, "type"), get(algorithm, "credit")
    if kind == MAIN_ARM and credit not in (None, "reflection"):
        return f"credit-{credit}"
    return str(kind or summary.get("arm") or "?")


def _outcome(row: Mapping[str, Any]) -> Outcome | None:
    solved = [bool(get(turn, "verdict", "correct")) for turn in items(row.get("turns")) if get(turn, "verdict")]
    return Outcome(solved[0], any(solved[:2])) if solved else None
