"""Time whole steps of Reflect, Retry, Reward: mining, reflections, retries, update; ours and TRL's GRPOTrainer.

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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from secondthought import rng, tasks
from secondthought.bench.clocks import CLOCKS, SUFFIXES, Seconds, now
from secondthought.bench.peers.client import run_peer
from secondthought.bench.update import WARMUP
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """`StepSettings` say what the steps are that all sides of a measurement take."""

    model: str = "small"
    groups: int = 32
    group: int = 16
    tries: int = 4
    attempt_tokens: int = 40
    reflection_tokens: int = 96
    steps: int = 3
    threads: int = 1
    seed: int = 0

    def config(self) -> RunConfig:
        """Return the demo's configuration at these sizes, without its KL terms."""
        data = {
            "seed": self.seed,
            "task": {"name": "countdown", "options": {"preset": "tiny"}, "seed": self.seed},
            "model": {"path": self.model, "device": "cpu"},
            "episode": {
                "max_attempt_tokens": self.attempt_tokens,
                "max_reflection_tokens": self.reflection_tokens,
            },
            "algorithm": {"group_size": self.group, "kl_ref": 0.0},
            "optim": {"lr": LEARNING_RATE, "warmup_steps": 0},
            "train": {"groups_per_step": self.groups, "mine_tries": self.tries, "steps": WARMUP + self.steps},
        }
        return resolve(data, source="bench step")


@dataclass(slots=True)
class Steps:
    """`Steps` are the timed steps of one side, and what they did."""

    sampling: Seconds = field(default_factory=Seconds)
    update: Seconds = field(default_factory=Seconds)
    failures: list[int] = field(default_factory=list)
    groups_learned: list[int] = field(default_factory=list)
    """Groups that the update computed: flat ones are dropped by us alone."""
    sampled_tokens: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Steps:
        """Build the steps that another process sent as `asdict`."""
        return cls(**{**data, "sampling": Seconds(**data["sampling"]), "update": Seconds(**data["update"])})

    def __iadd__(self, other: Steps) -> Steps:
        self.sampling += other.sampling
        self.update += other.update
        self.failures += other.failures
        self.groups_learned += other.groups_learned
        self.sampled_tokens += other.sampled_tokens
        return self

    def seconds(self) -> dict[str, Any]:
        """Return the seconds of both parts by both clocks."""
        return {"sampling": asdict(self.sampling), "update": asdict(self.update)}

    def medians(self, clock: str) -> dict[str, float]:
        """Return the medians of the whole step and of its two parts by one clock."""
        sampling, update = getattr(self.sampling, clock), getattr(self.update, clock)
        whole = statistics.median(sum(parts) for parts in zip(sampling, update, strict=True))
        return {"step": whole, "sampling": statistics.median(sampling), "update": statistics.median(update)}


def run(
    *,
    generate_rows: int = 512,
    micro_rows: int = 64,
    peer_python: str | None = None,
    **sizes: Any,
) -> dict[str, Any]:
    """Time both sides; return settings, seconds per step and of its parts, and the ratios of medians.

    `sizes` are `StepSettings`; `generate_rows` and `micro_rows` are TRL's.
    """
    settings = StepSettings(**sizes)
    torch.set_num_threads(settings.threads)
    load_before = os.getloadavg()
    config = settings.config()
    task = tasks.load(config.task.name, config.task.options)
    problems = task.problems("train", config.train.groups_per_step * config.train.steps, config.seed)
    taken = {"ours": timed_steps(config, task, problems)}
    left_out: dict[str, str] = {}
    versions: dict[str, str] = {}
    peers_own = {"generate_rows": generate_rows, "micro_rows": micro_rows}
    if peer_python is None:
        left_out["trl"] = "no peer_python given"
    else:
        job = {**_job(config, task, problems), "threads": settings.threads, "steps": settings.steps, **peers_own}
        taken["trl"], versions = _trl(peer_python, config, job)
        taken["ours"] += timed_steps(config, task, problems)
    return {
        "settings": described({**asdict(settings), **peers_own, "peer_python": peer_python}, config, load_before),
        "raw": {
            "seconds": {name: side.seconds() for name, side in taken.items()},
            **counts(taken),
            "left_out": left_out,
            "trl_versions": versions,
        },
        **_compared(taken),
    }


def _compared(taken: Mapping[str, Steps]) -> dict[str, Any]:
    """Return medians by either clock, shares of the processor time, and ratios to ours."""
    medians = {clock: {name: side.medians(clock) for name, side in taken.items()} for clock in CLOCKS}
    return {
        "median_seconds": medians["wall"],
        "median_cpu_seconds": medians["cpu"],
        "shares": {name: _shares(parts) for name, parts in medians["cpu"].items()},
        "ratios": {
            f"{name}_to_ours{'' if part == 'step' else f'_{part}'}{suffix}": value / medians[clock]["ours"][part]
            for clock, suffix in SUFFIXES.items()
            for name, parts in medians[clock].items()
            for part, value in parts.items()
            if name != "ours"
        },
    }


def described(asked: Mapping[str, Any], config: RunConfig, load_before: tuple[float, float, float]) -> dict[str, Any]:
    """Return what was asked for, and what else the times depend on."""
    return {
        **asked,
        "precision": config.model.precision,
        "torch": torch.__version__,
        "load": [load_before, os.getloadavg()],
    }


def counts(sides: Mapping[str, Steps]) -> dict[str, dict[str, list[int]]]:
    """Return what each side did, step by step: equal work shows in equal counts."""
    return {
        what: {name: getattr(side, what) for name, side in sides.items()}
        for what in ("failures", "groups_learned", "sampled_tokens")
    }


def _shares(parts: Mapping[str, float]) -> dict[str, float]:
    """Return the shares of sampling and update in a step's processor time."""
    both = parts["sampling"] + parts["update"]
    return {name: parts[name] / both for name in ("sampling", "update")}


def timed_steps(config: RunConfig, task: Task, problems: Sequence[Problem], world: World | None = None) -> Steps:
    """Time the training loop's own calls, on fresh weights, without its records; in a world, this process's share."""
    policy = load_policy(config.model, share_trunk=config.train.share_trunk)
    policy.world = world
    player = Player.resolve(policy, task, config.episode)
    learner = Learner(
        policy,
        config.algorithm,
        config.optim,
        config.train,
        temperature=config.episode.temperature,
        world=world,
    )
    curriculum = Curriculum(player, config, problems, None)
    taken = Steps()
    for step in range(1, config.train.steps + 1):
        start = now()
        played = curriculum.groups(step)
        sampled = now()
        credited = credit(played.groups, config.algorithm, key=rng.key(config.seed, "credit", step))
        update = learner.update([tree for item in credited for tree in item.trees], step)
        updated = now()
        if step > WARMUP:
            taken += Steps(
                sampling=Seconds.between(start, sampled),
                update=Seconds.between(sampled, updated),
                failures=[len(played.groups)],
                groups_learned=[update.groups_kept],
                sampled_tokens=[sampled_tokens(played.groups, played.mining)],
            )
    return taken


def _trl(python: str, config: RunConfig, job: dict[str, Any]) -> tuple[Steps, dict[str, str]]:
    """Take the same steps in the peer's interpreter; return them and the peer's versions."""
    with tempfile.TemporaryDirectory() as folder:
        load_policy(config.model).save(Path(folder))
        answer = run_peer(python, "trl_step.py", {**job, "checkpoint": folder})
    versions: dict[str, str] = answer.pop("versions")
    return Steps.of({**answer, "groups_learned": [config.train.groups_per_step] * len(answer["failures"])}), versions


def _job(config: RunConfig, task: Task, problems: Sequence[Problem]) -> dict[str, Any]:
    """Build the job that TRL's steps need, prompts and requests as ids: rendering stays on our side."""
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
                "prompt_ids": policy.start(problem.messages, problem.tools),
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
    """Return the ids after a completion that was cut off: the end of turn comes first."""
    return policy.follow(Completion(token_ids=(), logprobs=(), text="", stop=StopReason.LENGTH), text)
