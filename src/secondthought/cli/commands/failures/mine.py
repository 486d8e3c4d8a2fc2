"""`secondthought failures` collects failed first tries, for training to reflect on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.cli.flags import Aliases
from secondthought.cli.loading import FIXED_BY_PLACE, load_policy, load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.config import EpisodeConfig, ModelConfig
from secondthought.config.values import Threads
from secondthought.errors import ConfigError, RunError
from secondthought.progress import Onlooker
from secondthought.protocols import Policy, Task
from secondthought.rollout.probing import ProbeKeep, keeps, stats_of
from secondthought.types import Problem, Split

_TOTALS = ("num_problems", "num_failures", "num_tries", "num_sampled_tokens")
_PROBED = (
    *("reflection_request", "retry_request", "repeat_task", "max_reflection_tokens"),
    *("feedback", "retry_sees", "note"),
)
"""Settings of turns that are played only where failures are probed."""


_SHORT: Aliases = {"--model": 0, "--temperature": "--episode.temperature"}


class Options(ProgressFlags):
    """Sample first tries until one fails; keep that one, with where it came from. Training reads the file.

    With --probe K, K reflections are written on each failure and each is retried once. A failure is kept where some of
    them rescue it and some do not: from others nothing is learned. OUT.probes.jsonl holds all that were probed, so an
    interrupted command goes on where it was, and another --probe-keep samples nothing again. Without --probe an
    interrupted command leaves its samples in OUT.samples, and the same command goes on after them.
    PATH is a checkpoint directory, a GGUF file, a hub id, a shipped model's name, or `scripted` (no torch; it cheats).
    --options.NAME VALUE sets options of the task's own.
    """

    path: str
    """The model."""
    out: Path
    """The JSONL file to write."""
    task: str = "countdown"
    """A shipped task, `module:Class`, or a .jsonl file of questions and answers."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own."""
    tries: int = Field(64, ge=1)
    """Most tries per problem; 64 in the paper."""
    problems: int = Field(1000, ge=1)
    """Problems to try."""
    split: Split = "train"
    """Which problems; failures of the test split must not be trained on."""
    seed: int = 0
    """Which problems of the split, and what is sampled."""
    stored: Path | None = None
    """Failures that an earlier call of this command wrote: probe these, and look for no others."""
    probe: int = Field(0, ge=0)
    """Reflections on each failure, with `--probe-retries` retries each; 0 probes none."""
    probe_retries: int = Field(1, ge=1)
    """Retries after each reflection; 2 or more tell how much depends on which reflection was written."""
    probe_keep: ProbeKeep = "mixed"
    """Which probed failures are kept: rescued by some reflections and not by others, by any, or all."""
    overwrite: bool = False
    """Replace the file, and probes that were made with other settings."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    json_: bool = False
    """One JSON object instead of a sentence."""
    dry_run: bool = False
    """Print the resolved options as JSON and stop."""
    model: ModelConfig = ModelConfig()
    episode: EpisodeConfig = EpisodeConfig()


def run(argv: list[str], prog: str) -> None:
    """Collect failures, write them, and say what it took."""
    given = parse(Options, argv, prog, positional=("path",), fixed=FIXED_BY_PLACE, aliases=_SHORT)
    _check(given, prog)
    if given.dry_run:
        write_text(json.dumps(given.model_dump(mode="json"), indent=2))
        return
    if given.out.exists() and not given.overwrite:
        raise RunError(f"{given.out}: exists already; choose another --out, or give --overwrite")
    if given.stored is not None and not given.stored.is_file():
        raise RunError(f"{given.stored}: no such file; `secondthought failures` without --stored writes one")
    task = load_task(given.task, given.options)
    problems = [] if given.stored else task.problems(given.split, given.problems, given.seed)
    with progress(given) as shown:
        policy = load_policy(given.model.model_copy(update={"path": given.path}), given.threads, shown)
        collect = _collect_probed if given.probe else _collect
        totals = collect(given, policy, task, problems, shown)
    if given.json_:
        write_line({"out": str(given.out), **totals})
    else:
        write_text(f"{given.out}: {_said(given, totals)}")


def _check(given: Options, prog: str) -> None:
    """Refuse settings that would do nothing."""
    if given.probe:
        return
    if given.stored is not None:
        raise ConfigError(f"{prog}: --stored goes with --probe: stored failures are there to be probed")
    idle = ["probe_keep"] if given.probe_keep != Options.model_fields["probe_keep"].default else []
    idle += ["probe_retries"] if given.probe_retries > 1 else []
    idle += [f"episode.{name}" for name in given.episode.changed() if name in _PROBED]
    if idle:
        flag = idle[0].replace("_", "-")
        raise ConfigError(f"{prog}: --{flag} goes with --probe: without it nothing is reflected on")


def _collect(
    given: Options, policy: Policy, task: Task, problems: Sequence[Problem], onlooker: Onlooker
) -> dict[str, Any]:
    """Write the failures, and return how many there are and what they took."""
    from secondthought.inference.resuming import SAMPLES, resumable
    from secondthought.rollout import failure_file  # what plays problems, after parsing
    from secondthought.rollout.mining import mine
    from secondthought.rollout.player import Keys, Player

    keys = Keys(seed=given.seed, phase="failures")
    samples = given.out.with_name(f"{given.out.name}{SAMPLES}")
    with resumable(policy, samples) as kept:
        player = Player.resolve(kept, task, given.episode, onlooker=onlooker)
        found, stats = mine(player, problems, tries=given.tries, keys=keys, provenance={"split": given.split})
    failure_file.write(given.out, found)
    samples.unlink(missing_ok=True)
    return {name: getattr(stats, name) for name in _TOTALS}


def _collect_probed(
    given: Options, policy: Policy, task: Task, problems: Sequence[Problem], onlooker: Onlooker
) -> dict[str, Any]:
    """Probe failures that are found or stored, write those that are kept, and return the counts."""
    from secondthought.inference.resuming import WeightedPolicy
    from secondthought.rollout import failure_file, probe_stage
    from secondthought.rollout.player import Player

    player = Player.resolve(policy, task, given.episode, onlooker=onlooker)
    stored = None if given.stored is None else failure_file.read(given.stored, task, policy)
    wanted = probe_stage.ProbeRequest(
        problems=problems,
        stored=stored,
        tries=given.tries,
        reflections=given.probe,
        retries=given.probe_retries,
        split=given.split,
        seed=given.seed,
        about={
            "task": [given.task, given.options],
            "model": given.model.model_dump(mode="json"),
            "weights": policy.weights_digest() if isinstance(policy, WeightedPolicy) else None,
        },
    )
    probes = given.out.with_name(f"{given.out.name.removesuffix('.jsonl')}.probes.jsonl")
    found = probe_stage.play(player, wanted, probes, overwrite=given.overwrite)
    failure_file.write(given.out, [item.failure for item in found if item.failure and keeps(given.probe_keep, item)])
    stats = stats_of(found, given.probe_keep)
    counted = {**asdict(stats), "leverage": stats.leverage.to_json()}
    return {**counted, "reflections": given.probe, "retries": given.probe_retries, "probes": str(probes)}


def _said(given: Options, totals: Mapping[str, Any]) -> str:
    tried = f"{totals['num_tries']} tries, {totals['num_sampled_tokens']} sampled tokens"
    if not given.probe:
        return f"{totals['num_failures']} failures of {totals['num_problems']} problems, {tried}"
    rescued = ", ".join(f"{number} by {count}" for count, number in totals["rescued"].items())
    return (
        f"{totals['num_kept']} of {totals['num_failures']} probed failures kept ({given.probe_keep}), of"
        f" {totals['num_problems']} problems; {tried}, and {totals['num_probe_tokens']} in probes. Failures by how many"
        f" of {given.probe} reflections rescued them: {rescued or 'none'}. {_leverage(totals['leverage'])}All of them"
        f" are in {totals['probes']}"
    )


def _leverage(share: Mapping[str, Any]) -> str:
    """Say how much depends on the reflection; nothing where a reflection had one retry."""
    if share["estimate"] is None:
        return ""
    low, high = (f"{100 * share[end]:.0f}" if share[end] is not None else "?" for end in ("low", "high"))
    return (
        f"Where retries at one failure differ, {100 * share['estimate']:.0f} % [{low}, {high}] of it is which"
        " reflection they followed; the rest is chance. "
    )
