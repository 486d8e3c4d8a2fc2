"""Untrained models beside trained ones: evaluated once on the same problems and written into every run of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from secondthought import requirements, tasks
from secondthought.config import LoraConfig, RunConfig
from secondthought.distributed.world import World
from secondthought.evaluate import final, write_rows
from secondthought.inference.loading import load_policy
from secondthought.inference.resuming import SAMPLES, drop_samples, resumable
from secondthought.progress import SILENT, Onlooker
from secondthought.rollout.player import Player
from secondthought.runs import files
from secondthought.runs.directory import RunDirectory


def evaluation_file(run: Path, name: str, config: RunConfig) -> Path:
    """Return where a run keeps a peer's episodes."""
    heat = final.temperature_name(config.evaluation.temperatures[0])
    return run / "evaluations" / f"{name}_{heat}.jsonl"


def measure(
    config: RunConfig, name: str, path: str, run: Path, world: World | None = None, *, onlooker: Onlooker = SILENT
) -> dict[str, Any]:
    """Evaluate one peer on a run's test problems, keep its episodes in the run, and return its rates."""
    world = world or World.alone()
    task = tasks.load(config.task.name, config.task.options)
    own = {"path": path, "lora": LoraConfig(), "chat_template": None, "template_options": {}}
    model = config.model.model_copy(update=own)
    policy = load_policy(model, onlooker, share_trunk=config.train.share_trunk, learns=False)
    policy.world = world
    problems = requirements.draws_of(config, task)[-1].problems()
    file = evaluation_file(run, name, config)
    with resumable(policy, file.with_name(f"{name}{SAMPLES}")) as kept, onlooker.stage(f"evaluation of {path}"):
        player = Player.resolve(kept, task, config.episode, onlooker=onlooker)
        evaluation = final.measure_peer(player, config.evaluation, problems)
    if world.is_first:
        file.parent.mkdir(exist_ok=True)
        write_rows(file, evaluation.rows)
    return {final.temperature_name(evaluation.temperature): final.rates(evaluation)}


def add_to_runs(
    runs: Sequence[tuple[Path, RunConfig]],
    peers: Mapping[str, str],
    tell: Callable[[str], None],
    *,
    onlooker: Onlooker = SILENT,
) -> None:
    """Give every run each peer that it lacks; all runs must have been evaluated with the same settings."""
    for name, path in peers.items():
        lacking = [
            (run, config) for run, config in runs if name not in RunDirectory.open(run).summary().get("peers", {})
        ]
        if not lacking:
            continue
        first, config = lacking[0]
        tell(f"evaluating {path}, untrained, on {config.evaluation.problems} test problems")
        file = evaluation_file(first, name, config)
        rates = measure(config, name, path, first, onlooker=onlooker)
        for run, own in lacking:
            if run != first:
                files.copy(file, evaluation_file(run, name, own))
            _write(run, name, rates)
        drop_samples(file.parent)


def _write(run: Path, name: str, rates: dict[str, Any]) -> None:
    directory = RunDirectory.open(run)
    summary = directory.summary()
    directory.write_summary(
        summary.get("status", "finished"), {**summary, "peers": {**summary.get("peers", {}), name: rates}}
    )
