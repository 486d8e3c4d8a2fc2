"""Several models play the same problems: each on every task at every temperature; then every pair is compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, combinations, count
from pathlib import Path
from typing import Any

from secondthought.config import EpisodeConfig
from secondthought.evaluate import Evaluation, compare, evaluate, samples, summarise, to_json, write_rows
from secondthought.evaluate.evidence import Evidence, evidence_of
from secondthought.evaluate.quality import quality, reflected
from secondthought.evaluate.tables import markdown
from secondthought.inference.resuming import SAMPLES, drop_samples, resumable
from secondthought.progress import SILENT, Onlooker
from secondthought.protocols import Policy, Task
from secondthought.rollout.player import Keys, Player
from secondthought.runs import files
from secondthought.stats import Interval
from secondthought.types import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """An `EvaluationRequest` names the models, the problems that each of them plays, and how they are played."""

    models: tuple[str, ...]
    """Names that the loader knows; each later model is compared with each before it."""
    tasks: tuple[tuple[str, Task], ...]
    """Tasks with the names that the results call them by."""
    problems: int
    """Problems per task."""
    temperatures: tuple[float, ...] = (1.0,)
    tries: int = 2
    """Rounds: 2 is try, reflection, retry."""
    samples: int = 1
    """First tries of every problem; from 2 on they are drawn besides the rounds."""
    split: Split = "test"
    seed: int = 0
    """Which problems of the split, and what is sampled."""
    controls: bool = False
    """Whether failures are also retried under other reflections."""
    reflect_on_right: int = 0
    """Right first tries, at most, that are reflected on too."""
    calibration: bool = False
    """Whether the model is asked after every first try if it was right."""
    episode: EpisodeConfig = field(default_factory=EpisodeConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult:
    """A `ModelResult` holds one model's numbers on one task at one temperature."""

    model: str
    task: str
    temperature: float
    evaluation: Evaluation
    rates: dict[str, Any]
    reflections: dict[str, Any]
    """The quality of the policy's own reflections."""
    evidence: Evidence

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as `summary.json` holds them."""
        names = ("model", "task", "temperature", "rates", "reflections")
        return {**{name: getattr(self, name) for name in names}, **self.evidence.to_json()}


def evaluate_side_by_side(
    request: EvaluationRequest,
    load: Callable[[str], Policy],
    onlooker: Onlooker = SILENT,
    *,
    unfinished: Path | None = None,
) -> list[ModelResult]:
    """Play the problems with every model, loading one after the other.

    Args:
        request: models, problems, and how they are played.
        load: makes a policy of a model's name.
        onlooker: who is told how far it is.
        unfinished: a directory that holds samples until `write` has written the results to it: the same call goes on
            with those of an interrupted one.
    """
    results: list[ModelResult] = []
    for place, model in enumerate(request.models):
        with resumable(load(model), None if unfinished is None else unfinished / f"{place}{SAMPLES}") as policy:
            results += _results(request, model, policy, onlooker)
    return results


def summary_of(request: EvaluationRequest, results: Sequence[ModelResult]) -> dict[str, Any]:
    """Return the results, and the paired differences between models, as `summary.json` holds them."""
    return {
        "problems": request.problems,
        "split": request.split,
        "seed": request.seed,
        "tries": request.tries,
        "results": [result.to_json() for result in results],
        "differences": list(differences(results)),
    }


def differences(results: Sequence[ModelResult]) -> Iterator[dict[str, Any]]:
    """Yield each later model minus each before it, on the same task at the same temperature."""
    for before, after in combinations(results, 2):
        same = (before.task, before.temperature) == (after.task, after.temperature)
        if same and before.model != after.model:
            rates = compare(after.evaluation, before.evaluation)
            yield {
                "after": after.model,
                "before": before.model,
                "task": after.task,
                "temperature": after.temperature,
                "rates": {name: value.to_json() for name, value in rates.items()},
            }


def write(
    directory: Path, results: Sequence[ModelResult], summary: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Write the episodes, one file per model, task and temperature, the tables, and summary.json with the options.

    Raises:
        RunError: the disk refuses.
    """
    taken: set[str] = set()
    for result in results:
        parts = (result.model, result.task, f"t{result.temperature:g}")
        name = _not_in(taken, "_".join("".join(c if c.isalnum() or c in ".-" else "-" for c in part) for part in parts))
        with files.disk_errors(directory):
            write_rows(directory / f"{name}.jsonl", result.evaluation.rows)
    with files.disk_errors(directory):
        files.write_text(directory / "summary.md", markdown(summary))
    files.write_json(directory / "summary.json", {"options": options, **summary})
    drop_samples(directory)


def _not_in(taken: set[str], name: str) -> str:
    """Return a name that no other file has, and take it: `a/b` and `a-b` are written alike.

    >>> taken = set()
    >>> [_not_in(taken, name) for name in ("a-b", "a-b", "a-b")]
    ['a-b', 'a-b-2', 'a-b-3']
    """
    numbered = (f"{name}-{number}" for number in count(2))
    found = next(new for new in chain([name], numbered) if new not in taken)
    taken.add(found)
    return found


def _results(request: EvaluationRequest, model: str, policy: Policy, onlooker: Onlooker) -> Iterator[ModelResult]:
    """Yield one model's numbers on every task at every temperature."""
    for name, task in request.tasks:
        for temperature in request.temperatures:
            with onlooker.stage(f"{model}: {name} at temperature {temperature:g}"):
                evaluation, evidence, sampled = _played(request, policy, task, temperature, onlooker)
            yield ModelResult(
                model=model,
                task=name,
                temperature=temperature,
                evaluation=evaluation,
                rates=to_json({**summarise(evaluation), **sampled}),
                reflections=to_json(quality(reflected(evaluation.rows, task), task)),
                evidence=evidence,
            )


def _played(
    request: EvaluationRequest, policy: Policy, task: Task, temperature: float, onlooker: Onlooker
) -> tuple[Evaluation, Evidence, Mapping[str, Interval]]:
    player = Player.resolve(policy, task, request.episode, temperature, onlooker=onlooker)
    keys = Keys(seed=request.seed, phase=f"eval {temperature:g}")
    problems = task.problems(request.split, request.problems, request.seed)
    found = evaluate(player, problems, num_tries=request.tries, keys=keys)
    evidence = evidence_of(
        player,
        found,
        keys,
        controls=request.controls,
        on_right=request.reflect_on_right,
        asked=request.calibration,
    )
    if request.samples == 1:
        return found, evidence, {}
    more = replace(keys, phase=f"{keys.phase} samples")
    return found, evidence, samples.summary(samples.sample(player, problems, count=request.samples, keys=more))
