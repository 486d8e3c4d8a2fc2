"""A description is a config's whole plan as one JSON object: it is what `secondthought plan` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from secondthought.config import RunConfig
from secondthought.config.sft import SftConfig
from secondthought.preflight.resources import inputs, machine_speed, sft_examples
from secondthought.preflight.resources.plan import FORMULAS, MachineSpeed, RunPlan
from secondthought.preflight.resources.sft_plan import SftPlan
from secondthought.preflight.resources.workload import Assumed
from secondthought.protocols import Task


def make(config: RunConfig, task: Task, assumed: Assumed) -> RunPlan:
    """Read what a plan needs: the model's config.json and the prompts of some problems.

    Raises:
        SecondthoughtError: the model's config is not on this machine, or the task has too few problems.
    """
    return RunPlan(
        config=config,
        shape=inputs.read_shape(config.model),
        lengths=inputs.read_lengths(config, task),
        assumed=assumed,
        on_cpu=inputs.device_of(config.model).type == "cpu",
    )


def measure_speed(plan: RunPlan) -> MachineSpeed:
    """Measure this machine at the run's own precision, threads and shapes."""
    config = plan.config
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    batch, _ = plan.micro_batch
    now = max((phase.rows.at_once(plan.most_rows) for phase in plan.step_phases), key=lambda rows: rows.U * rows.S)
    return machine_speed.measure(
        plan.shape,
        inputs.device_of(config.model),
        config.model.precision,
        tokens=batch.tokens,
        rows=now.U * now.S,
    )


def describe(plan: RunPlan, speed: MachineSpeed) -> dict[str, Any]:
    """Return model, assumptions, memory, tokens and time of a plan, and whether it fits here."""
    assumed = {**asdict(plan.assumed), "lengths": asdict(plan.lengths)}
    return {**_found(plan, speed), "assumed": assumed, "formulas": FORMULAS}


def make_sft(config: SftConfig, *, examples: int | None = None, tokens: float | None = None) -> SftPlan:
    """Read what a plan of fine-tuning needs: the model's config.json, and the examples where they are here.

    Args:
        config: the run's.
        examples: how many there will be, held-out ones among them, where there is no file to count.
        tokens: of a mean one, likewise.

    Raises:
        SecondthoughtError: the model's config is not on this machine, or a row of the file is wrong.
    """
    return SftPlan(
        config=config,
        shape=inputs.read_shape(config.model),
        corpus=sft_examples.read(config, examples=examples, tokens=tokens),
        on_cpu=inputs.device_of(config.model).type == "cpu",
    )


def describe_sft(plan: SftPlan) -> dict[str, Any]:
    """Return model, examples, memory, tokens and time of a plan, and whether it fits here."""
    if plan.config.threads is not None:
        torch.set_num_threads(plan.config.threads)
    model = plan.config.model
    tokens = plan.corpus.largest.tokens
    speed = machine_speed.measure(plan.shape, inputs.device_of(model), model.precision, tokens=tokens, rows=1)
    return {**_found(plan, speed), "examples": asdict(plan.corpus), "formulas": FORMULAS}


def _found(plan: RunPlan | SftPlan, speed: MachineSpeed) -> dict[str, Any]:
    model = plan.config.model
    device = inputs.device_of(model)
    machine, memory = inputs.machine_memory(device), plan.memory()
    fits = memory["need"] <= machine["free"]
    return {
        "model": {
            "path": model.path,
            "source": inputs.source_of(model),
            **asdict(plan.shape),
            "stored": inputs.weights_of(model),
        },
        "memory": memory,
        "machine": {
            "device": str(device),
            "threads": torch.get_num_threads(),
            **machine,
            "fits": fits,
            "lower": {} if fits else plan.advice(),
        },
        "tokens": plan.tokens(),
        "time": plan.time(speed),
    }
