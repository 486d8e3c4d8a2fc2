"""Measure a plan beside one real step: every phase at its longest, in a process of its own, on random weights.

With a critic each process holds the critic too, and the update is the critic's advantages, its own updates, then the
policy's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from secondthought.bench.memory import Probe
from secondthought.errors import ConfigError
from secondthought.preflight.resources import inputs, memory, workload
from secondthought.preflight.resources.plan import MachineSpeed, RunPlan
from secondthought.preflight.resources.workload import Assumed


def at_its_longest(plan: RunPlan) -> RunPlan:
    """Return the plan of a step in which each first try fails, once, and every row runs to its end; one epoch."""
    train = plan.config.train.model_copy(update={"mine_tries": 1, "epochs": 1})
    config = plan.config.model_copy(update={"train": train})
    return replace(plan, config=config, assumed=Assumed(first_try=0.0, length_share=1.0))


def measure_step(plan: RunPlan, rates: MachineSpeed) -> dict[str, dict[str, float]]:
    """Return peak bytes and seconds of each phase of a step and of its update, as estimated and as measured.

    Raises:
        ConfigError: adapters are to learn, which is not measured.
        RunError: a measuring process failed.
    """
    if plan.config.model.lora.rank:
        raise ConfigError("plan --measure measures a step that trains all weights; give --model.lora.rank 0")
    longest = at_its_longest(plan)
    config, needed, seconds = longest.config, longest.memory(), longest.time(rates)["per_step"]
    probe = Probe(
        model=inputs.model_files(config.model),
        threads=config.threads or torch.get_num_threads(),
        device=str(inputs.device_of(config.model)),
        precision=config.model.precision,
        algorithm=config.algorithm,
        critic=config.critic,
        train=config.train,
    )
    stays = memory.total(needed["resident"])
    found = {}
    for phase in longest.step_phases:
        need = stays + memory.total(needed["sampling"]["phases"][phase.name])
        found[phase.name] = _beside(need, seconds[phase.name], probe.sampling(phase.rows))
    step = workload.trees(config, longest.lengths)
    found["update"] = _beside(needed["peaks"]["update"], seconds["update"], probe.update(step))
    return found


def _beside(need: int, seconds: float, measured: dict[str, Any]) -> dict[str, float]:
    return {
        "peak_estimated": need,
        "peak_measured": measured["peak"],
        "seconds_estimated": seconds,
        "seconds_measured": measured["seconds"],
    }
