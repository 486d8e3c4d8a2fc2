"""What `eval` does between parsing and printing: every model on every task at every temperature, then every pair."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from secondthought import rng
from secondthought.cli import policies as _policies
from secondthought.cli.commands.eval_options import Options
from secondthought.evaluate import (
    Evaluation,
    compare,
    controls_of,
    evaluate,
    play_controls,
    rescue_rates,
    summarise,
    to_json,
    write_rows,
)
from secondthought.protocols import Policy, Task
from secondthought.rollout.player import Keys, Player
from secondthought.runs import files

logger = logging.getLogger(__name__)


def evaluate_all(given: Options, tasks: Sequence[Task]) -> dict[str, Any]:
    """Results per model, task and temperature, and paired differences between models; written to `given.out`."""
    played: list[Evaluation] = []
    results: list[dict[str, Any]] = []
    for path in given.models:
        policy = _policies.load(given.model.model_copy(update={"path": path}), given.threads)
        for name, task in zip(given.tasks, tasks, strict=True):
            for heat in given.temperature:
                logger.info("%s: %d problems of %s at temperature %g", path, given.problems, name, heat)
                evaluation, controls = _evaluate(given, policy, task, heat)
                played.append(evaluation)
                rates = {"rates": to_json(summarise(evaluation)), "controls": controls}
                results.append({"model": path, "task": name, "temperature": heat, **rates})
    found = {
        "problems": given.problems,
        "split": given.split,
        "seed": given.seed,
        "tries": given.tries,
        "results": results,
        "differences": list(_differences(results, played)),
    }
    if given.out is not None:
        _write(given.out, found, played, given.model_dump(mode="json"))
    return found


def _evaluate(given: Options, policy: Policy, task: Task, heat: float) -> tuple[Evaluation, dict[str, Any]]:
    player = Player.resolve(policy, task, given.episode, heat)
    keys = Keys(seed=given.seed, phase=f"eval {heat:g}")
    problems = task.problems(given.split, given.problems, given.seed)
    found = evaluate(player, problems, num_tries=given.tries, keys=keys)
    if not given.controls or not found.failures:
        return found, {}
    outcomes = play_controls(
        player, found.failures, keys=keys, controls=controls_of(task), reflections=found.reflections or None
    )
    return found, to_json(rescue_rates(outcomes))


def _differences(results: Sequence[dict[str, Any]], played: Sequence[Evaluation]) -> Any:
    """Each later model minus each before it, on the same task at the same temperature."""
    for (before, old), (after, new) in combinations(zip(results, played, strict=True), 2):
        same = all(before[name] == after[name] for name in ("task", "temperature"))
        if same and before["model"] != after["model"]:
            generator = np.random.default_rng(rng.key("eval", "bootstrap", before["task"]))
            rates = {name: value.to_json() for name, value in compare(new, old, generator).items()}
            place = {name: after[name] for name in ("task", "temperature")}
            yield {"after": after["model"], "before": before["model"], **place, "rates": rates}


def _write(out: Path, found: dict[str, Any], played: Sequence[Evaluation], options: dict[str, Any]) -> None:
    for item, evaluation in zip(found["results"], played, strict=True):
        parts = (item["model"], item["task"], f"t{item['temperature']:g}")
        name = "_".join("".join(c if c.isalnum() or c in ".-" else "-" for c in part) for part in parts)
        with files.disk_errors(out):
            write_rows(out / f"{name}.jsonl", evaluation.rows)
    files.write_json(out / "summary.json", {"options": options, **found})
