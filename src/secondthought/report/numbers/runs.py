"""The report reads run directories here. Anything may be missing: a run that was killed has a report too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from secondthought.config import AlgorithmConfig
from secondthought.errors import RunError
from secondthought.runs import RunDirectory, declaration, read_metrics
from secondthought.runs.declaration import Declaration
from secondthought.runs.listing import status

NAN = float("nan")

UNKNOWN = "not recorded"
"""What stands for a name that a run does not tell."""

MAIN_ARM = "reflect-retry"
PERMUTED_ARM = "permuted-rewards"

SAME_ARM = frozenset(
    {
        "seed",
        "run_dir",
        "threads",
        "model.path",
        "train.failures",
        "train.checkpoint_every",
        "train.micro_batch_tokens",
    }
)
"""Settings in which runs of one arm may differ. The model counts, but by the name that the summary gives it."""


class ProblemOutcome(NamedTuple):
    """A `ProblemOutcome` says if the first try, and if one of the first two, solved a problem of an evaluation."""

    first_try: bool
    second_try: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A `Run` is what the report knows of one run directory."""

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
    declared: Declaration = field(default_factory=Declaration)
    """What a study says of the run: base, priming, dose; empty where nothing was declared."""
    _outcomes: dict[str, dict[str, ProblemOutcome]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def declared_claims(self) -> str | None:
        """Return the name of the paper whose claims the run's study wants judged; None where it does not say."""
        return self.declared.claims or None

    def outcomes(self, evaluation: str) -> dict[str, ProblemOutcome]:
        """Return the outcome per problem of one evaluation, read once; empty if it was not kept."""
        if evaluation not in self._outcomes:
            rows = self.directory.evaluation(evaluation) if evaluation in self.directory.evaluations() else ()
            read = ((str(row.get("problem_id")), outcome_of(row)) for row in rows)
            self._outcomes[evaluation] = {problem: outcome for problem, outcome in read if outcome is not None}
        return self._outcomes[evaluation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """An `Arm` holds runs that differ in their seed only, as far as their records tell."""

    name: str
    runs: tuple[Run, ...]

    @property
    def num_seeds(self) -> int:
        """Count distinct seeds: a run that was copied counts once."""
        return len({run.seed for run in self.runs})

    @property
    def declared(self) -> Declaration:
        """Return what is declared of the arm's runs: they are one arm because it is the same, `claims` apart."""
        return self.runs[0].declared

    @property
    def declared_claims(self) -> str | None:
        """Return the paper whose claims the first of the runs that says so wants judged; None where none says so."""
        return next((run.declared_claims for run in self.runs if run.declared_claims), None)


def load_run(path: Path, label: str) -> Run:
    """Read one run directory; `label` is what the report calls it.

    Raises:
        RunError: it is not one, or a file in it is damaged.
    """
    directory = RunDirectory.open(path)
    config, summary = directory.config(), directory.summary()
    seed, declared = get(config, "seed"), declaration.read(directory)
    return Run(
        directory=directory,
        label=label,
        arm=_arm(config, summary, declared),
        seed=seed if isinstance(seed, int) else None,
        model=str(declared.base or get(summary, "model") or get(config, "model", "path") or UNKNOWN),
        status=status(directory, summary),
        config=config,
        environment=directory.environment(),
        summary=summary,
        metrics=read_metrics(directory.metrics_path),
        declared=declared,
    )


def load_runs(paths: Sequence[Path]) -> list[Run]:
    """Read run directories, each once.

    Raises:
        RunError: there are none, or one cannot be read.
    """
    if not paths:
        raise RunError("report: no run directory was given; name at least one")
    found = list(dict.fromkeys(path.resolve() for path in paths))
    return [load_run(path, label) for path, label in zip(found, labels(found), strict=True)]


def labels(paths: Sequence[Path]) -> list[str]:
    """Return the last part of each path, or as many parts as it takes to tell all of them apart.

    >>> labels([Path("/x/a/seed_0"), Path("/x/b/seed_0")]), labels([Path("/x/a")])
    (['a/seed_0', 'b/seed_0'], ['a'])
    """
    for count in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(names)) == len(paths):
            return names
    return [str(path) for path in paths]


def arms(runs: Sequence[Run]) -> list[Arm]:
    """Group runs that differ only in their seed (and in SAME_ARM), Reflect-Retry-Reward first, then by name.

    Where several arms have the same name, the settings in which they differ are added to it.
    """
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.arm, json.dumps(_settings(run), sort_keys=True)), []).append(run)
    found = [
        Arm(
            name=_name(group[0], [other[0] for other in groups.values()]),
            runs=tuple(sorted(group, key=lambda run: (run.seed is None, run.seed or 0))),
        )
        for group in groups.values()
    ]
    return sorted(found, key=lambda arm: (arm.runs[0].arm != MAIN_ARM, -arm.num_seeds, arm.name))


def _name(run: Run, others: Sequence[Run]) -> str:
    mine = _settings(run)
    namesakes = [_settings(other) for other in others if other.arm == run.arm]
    keys = sorted({key for other in namesakes for key in {**mine, **other} if mine.get(key) != other.get(key)})
    return f"{run.arm} ({', '.join(f'{key}={mine.get(key)}' for key in keys)})" if keys else run.arm


def _settings(run: Run) -> dict[str, Any]:
    """Return what makes an arm, dotted names and values: settings, and what is declared but for the claims."""
    origin = run.declared.model_copy(update={"claims": ""})
    declared = {} if origin == Declaration() else origin.model_dump()
    flat = {**_flat({**run.config, "origin": declared}, ""), "model": origin.model or run.model}
    return {key: value for key, value in flat.items() if key not in SAME_ARM}


def _flat(value: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= _flat(item, f"{prefix}{key}.") if isinstance(item, Mapping) else {f"{prefix}{key}": item}
    return found


def get(value: Any, *keys: str) -> Any:
    """Return a value deep in a record, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def number(value: Any) -> float:
    """Return a number of a record; anything else is NaN.

    >>> number(0.5), number(None), number("1")
    (0.5, nan, nan)
    """
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else NAN


def items(value: Any) -> Iterator[Any]:
    """Yield the items of a list of a record; nothing if it is not one."""
    yield from value if isinstance(value, list) else ()


def _arm(config: Mapping[str, Any], summary: Mapping[str, Any], declared: Declaration) -> str:
    algorithm = get(config, "algorithm")
    if declared.base:
        return f"{declared.base}, primed: {declared.priming}" if declared.priming else declared.base
    said = str(summary.get("arm") or _unsaid(config))
    try:
        return AlgorithmConfig.model_validate(algorithm).name if algorithm else said
    except ValidationError:  # of another version, or not one of ours
        return str(get(algorithm, "type") or said)


def _unsaid(config: Mapping[str, Any]) -> str:
    """Return what trains by its settings, where the run ended before it said so."""
    if "data" not in config:
        return UNKNOWN
    return "pretrain" if "learn" in config else "sft"


def outcome_of(row: Mapping[str, Any]) -> ProblemOutcome | None:
    """Return the outcome of a problem of an evaluation; None where its tries have no verdict."""
    solved = [bool(get(turn, "verdict", "correct")) for turn in items(row.get("turns")) if get(turn, "verdict")]
    return ProblemOutcome(solved[0], any(solved[:2])) if solved else None
