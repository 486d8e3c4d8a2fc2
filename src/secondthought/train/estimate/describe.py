"""A config's whole plan as one JSON object: what `secondthought plan` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from secondthought.config import RunConfig
from secondthought.protocols import Task
from secondthought.train.estimate import rate, reading
from secondthought.train.estimate.plan import FORMULAS, Plan, Rates
from secondthought.train.estimate.work import Assumed


def make(config: RunConfig, task: Task, assumed: Assumed) -> Plan:
    """Read what a plan needs: the model's config.json and the prompts of some problems.

    Raises:
        SecondthoughtError: the model's config is not on this machine, or the task has too few problems.
    """
    return Plan(
        config=config,
        shape=reading.read_shape(config.model),
        lengths=reading.read_lengths(config, task),
        assumed=assumed,
        on_cpu=reading.device_of(config.model).type == "cpu",
    )


def measure_rates(plan: Plan) -> Rates:
    """Rates of this machine at the run's own precision, threads and shapes."""
    config = plan.config
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    batch, _ = plan.micro_batch
    now = max((phase.rows.at_once() for phase in plan.step_phases), key=lambda rows: rows.U * rows.S)
    return rate.measure(
        plan.shape,
        reading.device_of(config.model),
        config.model.precision,
        tokens=batch.tokens,
        rows=now.U * now.S,
    )


def describe(plan: Plan, rates: Rates) -> dict[str, Any]:
    """Model, assumptions, memory, tokens and time of a plan, and whether it fits here."""
    device = reading.device_of(plan.config.model)
    machine, memory = reading.machine_memory(device), plan.memory()
    fits = memory["need"] <= machine["free"]
    return {
        "model": {
            "path": plan.config.model.path,
            **asdict(plan.shape),
            "stored": reading.stored_weights(reading.model_files(plan.config.model)),
        },
        "assumed": {**asdict(plan.assumed), "lengths": asdict(plan.lengths)},
        "memory": memory,
        "machine": {
            "device": str(device),
            "threads": torch.get_num_threads(),
            **machine,
            "fits": fits,
            "lower": {} if fits else plan.advice(),
        },
        "tokens": plan.tokens(),
        "time": plan.time(rates),
        "formulas": FORMULAS,
    }
