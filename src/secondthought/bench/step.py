"""Seconds per whole step of Reflect, Retry, Reward: mining, reflections, retries, update; ours and TRL's GRPOTrainer.

The model is a shipped organism and plays tiny Countdown; fp32, equal threads, token limits, groups and problems in the
same order. Neither side has a KL term, and the learning rate is so small that the model stays what it is: otherwise
lengths would drift apart and the two would no longer do the same work. TRL runs in the interpreter given as
`peer_python`, with `generate` inside its `rollout_func`; see `peers/trl_step.py`. It cannot drop a group whose rewards
are all equal, so it trains on those too. Ours is timed before and after it, so that a change of the machine's load
meets both; medians over the timed steps. Beside the wall clock stands the processor time of the measuring process,
which other processes lengthen less: on a busy machine, read that one. Ratios above 1 mean that we are faster.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

import secondthought
from secondthought import rng, tasks
from secondthought.bench.peers.client import run_peer
from secondthought.bench.update import WARMUP, Seconds
from secondthought.config import RunConfig, resolve
from secondthought.distributed.world import World
from secondthought.inference.loading import load_policy
from secondthought.inference.local import LocalPolicy
from secondthought.protocols import Task
from secondthought.rollout.player import Player
from secondthought.train.credit import credit
from secondthought.train.curriculum import Curriculum
from secondthought.train.learner import Learner
from secondthought.train.metrics import sampled_tokens
from secondthought.types import Completion, Problem, StopReason

LEARNING_RATE = 1e-7
CLOCKS = ("wall", "cpu")


@dataclass(slots=True)
class Steps:
    """The timed steps of one side, and what they did."""

    sampling: Seconds = field(default_factory=Seconds)
    update: Seconds = field(default_factory=Seconds)
    failures: list[int] = field(default_factory=list)
    groups_learned: list[int] = field(default_factory=list)
    """Groups that the update computed: flat ones are dropped by us alone."""
    sampled_tokens: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Steps:
        """From what another process sent: `asdict` of its own."""
        return cls(**{**data, "sampling": Seconds(**data["sampling"]), "update": Seconds(**data["update"])})

    def __iadd__(self, other: Steps) -> Steps:
        self.sampling += other.sampling
        self.update += other.update
        self.failures += other.failures
        self.groups_learned += other.groups_learned
        self.sampled_tokens += other.sampled_tokens
        return self

    def seconds(self) -> dict[str, Any]:
        """All that the clocks said."""
        return {"sampling": asdict(self.sampling), "update": asdict(self.update)}

    def medians(self, clock: str) -> dict[str, float]:
        """Of the whole step and of its two parts."""
        sampling, update = getattr(self.sampling, clock), getattr(self.update, clock)
        whole = statistics.median(sum(parts) for parts in zip(sampling, update, strict=True))
        return {"step": whole, "sampling": statistics.median(sampling), "update": statistics.median(update)}


def run(
    *,
    model: str = "small",
    groups: int = 32,
    group: int = 16,
    tries: int = 4,
    attempt_tokens: int = 40,
    reflection_tokens: int = 96,
    steps: int = 3,
    threads: int = 1,
    generate_rows: int = 512,
    micro_rows: int = 64,
    seed: int = 0,
    peer_python: str | None = None,
) -> dict[str, Any]:
    """Settings, seconds per step and of its parts, and the ratios of medians."""
    settings = dict(locals())
    torch.set_num_threads(threads)
    load_before = os.getloadavg()
    config = step_config(model, groups, group, tries, attempt_tokens, reflection_tokens, steps, seed)
    task = tasks.load(config.task.name, config.task.options)
    problems = task.problems("train", groups * (WARMUP + steps), seed)
    taken = {"ours": timed_steps(config, task, problems)}
    left_out: dict[str, str] = {}
    versions: dict[str, str] = {}
    if peer_python is None:
        left_out["trl"] = "no peer_python given"
    else:
        job = {**_job(config, task, problems), "threads": threads, "generate_rows": generate_rows}
        taken["trl"], versions = _trl(peer_python, config, {**job, "micro_rows": micro_rows, "steps": steps})
        taken["ours"] += timed_steps(config, task, problems)
    medians = {clock: {name: side.medians(clock) for name, side in taken.items()} for clock in CLOCKS}
    return {
        "settings": described(settings, config, load_before),
        "raw": {
            "seconds": {name: side.seconds() for name, side in taken.items()},
            **counts(taken),
            "left_out": left_out,
            "trl_versions": versions,
        },
        "median_seconds": medians["wall"],
        "median_cpu_seconds": medians["cpu"],
        "shares": {name: _shares(parts) for name, parts in medians["cpu"].items()},
        "ratios": {
            f"{name}_to_ours{'' if part == 'step' else f'_{part}'}{suffix}": value / medians[clock]["ours"][part]
            for clock, suffix in zip(CLOCKS, ("", "_cpu"), strict=True)
            for name, parts in medians[clock].items()
            for part, value in parts.items()
            if name != "ours"
        },
    }


def described(asked: Mapping[str, Any], config: RunConfig, load_before: tuple[float, float, float]) -> dict[str, Any]:
    """What was asked for, and what else the times depend on."""
    return {
        **asked,
        "precision": config.model.precision,
        "torch": torch.__version__,
        "load": [load_before, os.getloadavg()],
    }


def counts(sides: Mapping[str, Steps]) -> dict[str, dict[str, list[int]]]:
    """What each side did, step by step: equal work shows in equal counts."""
    return {
        what: {name: getattr(side, what) for name, side in sides.items()}
        for what in ("failures", "groups_learned", "sampled_tokens")
    }


def _shares(parts: Mapping[str, float]) -> dict[str, float]:
    """Of a step's processor time."""
    both = parts["sampling"] + parts["update"]
    return {name: parts[name] / both for name in ("sampling", "update")}


def step_config(
    model: str,
    groups: int,
    group: int,
    tries: int,
    attempt_tokens: int,
    reflection_tokens: int,
    steps: int,
    seed: int,
) -> RunConfig:
    """The demo's arm without its KL terms."""
    data = {
        "seed": seed,
        "task": {"name": "countdown", "options": {"preset": "tiny"}, "seed": seed},
        "model": {"path": model, "device": "cpu"},
        "episode": {"max_attempt_tokens": attempt_tokens, "max_reflection_tokens": reflection_tokens},
        "algorithm": {"group_size": group, "kl_ref": 0.0},
        "optim": {"lr": LEARNING_RATE, "warmup_steps": 0},
        "train": {"groups_per_step": groups, "mine_tries": tries, "steps": WARMUP + steps},
    }
    return resolve(data, source="bench step")


def timed_steps(config: RunConfig, task: Task, problems: Sequence[Problem], world: World | None = None) -> Steps:
    """The training loop's own calls, on fresh weights, without its records: this process's share in a world."""
    policy = load_policy(config.model)
    policy.world = world
    player = Player.resolve(policy, task, config.episode)
    heat = config.episode.temperature
    learner = Learner(policy, config.algorithm, config.optim, config.train, temperature=heat, world=world)
    curriculum = Curriculum(player, config, problems, None)
    taken = Steps()
    for step in range(1, config.train.steps + 1):
        start = _now()
        played = curriculum.groups(step)
        sampled = _now()
        credited = credit(played.groups, config.algorithm, key=rng.key(config.seed, "credit", step))
        update = learner.update([item.tree for item in credited], step)
        updated = _now()
        if step > WARMUP:
            taken += Steps(
                sampling=_between(start, sampled),
                update=_between(sampled, updated),
                failures=[len(played.groups)],
                groups_learned=[update.groups_kept],
                sampled_tokens=[sampled_tokens(played.groups, played.mining)],
            )
    return taken


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _between(start: tuple[float, float], end: tuple[float, float]) -> Seconds:
    return Seconds([end[0] - start[0]], [end[1] - start[1]])


def _trl(python: str, config: RunConfig, job: dict[str, Any]) -> tuple[Steps, dict[str, str]]:
    """The same steps in the peer's interpreter, which sees our sources, and nothing else of our environment."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, source = Path(folder) / "model", Path(folder) / "source"
        load_policy(config.model).save(checkpoint)
        source.mkdir()
        (source / "secondthought").symlink_to(Path(secondthought.__file__).parent)
        answer = run_peer(python, "trl_step.py", {**job, "checkpoint": str(checkpoint), "source": str(source)})
    versions: dict[str, str] = answer.pop("versions")
    return Steps.of({**answer, "groups_learned": [config.train.groups_per_step] * len(answer["failures"])}), versions


def _job(config: RunConfig, task: Task, problems: Sequence[Problem]) -> dict[str, Any]:
    """Everything that a step needs, as ids: rendering stays on our side."""
    policy = load_policy(config.model)
    player = Player.resolve(policy, task, config.episode)
    curriculum = Curriculum(player, config, problems, None)
    groups = config.train.groups_per_step
    ordered = [p for step in range(1, config.train.steps + 1) for p in curriculum.problems.take(step, groups)]
    return {
        "task": {"name": config.task.name, "options": config.task.options},
        "problems": [
            {
                "data": dict(problem.data),
                "prompt_ids": policy.start(problem.messages),
                "retry_ids": _request(policy, player.requests.retry_after_reflection(problem)),
            }
            for problem in ordered
        ],
        "reflect_ids": _request(policy, player.requests.reflection),
        "end_of_turn": policy.chat.end_of_turn,
        "stop_ids": sorted(policy.stop_ids),
        "groups": groups,
        "group": config.algorithm.group_size,
        "tries": config.train.mine_tries,
        "attempt_tokens": config.episode.max_attempt_tokens,
        "reflection_tokens": config.episode.max_reflection_tokens,
        "temperature": config.episode.temperature,
        "lr": config.optim.lr,
        "warmup": WARMUP,
    }


def _request(policy: LocalPolicy, text: str) -> Sequence[int]:
    """Ids after a completion that was cut off: the end of turn comes first."""
    return policy.follow(Completion(token_ids=(), logprobs=(), text="", stop=StopReason.LENGTH), text)
