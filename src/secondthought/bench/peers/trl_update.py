"""Time TRL's GRPOTrainer on rows of fixed ids: JSON job on stdin, one line of JSON on stdout.

It runs inside an interpreter that has `trl`, not necessarily secondthought, so it imports nothing of ours. The rows
come through `rollout_func`, its documented hook, with `env_mask` zero on tokens that must not learn. What is timed is
everything of a step but its rollout: `training_step` (forward, loss, backward) less `_prepare_inputs` (rollout,
reward, advantages), then gradient clipping and the optimizer step. Gradient checkpointing is off and no reference
model is used, the fastest that TRL runs these rows.

Job: `checkpoint` directory, `trunk` ids, `completions` (ids per row), `masks` (0/1 per token), `rewards` (per row),
`steps`, `warmup`, `threads`. Answer: `seconds` per timed step and `versions`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from importlib.metadata import version
from typing import Any

# Read by torch, transformers and trl when they are imported below.
os.environ.update(
    TRL_EXPERIMENTAL_SILENCE="1", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES=""
)

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer


class TimedTrainer(GRPOTrainer):  # type: ignore[misc]
    """Remembers how long the rollout of the current step took."""

    rollout_seconds = 0.0

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        start = time.perf_counter()
        prepared = super()._prepare_inputs(generation_batch)
        self.rollout_seconds += time.perf_counter() - start
        return prepared


class Clock(TrainerCallback):  # type: ignore[misc]
    """Seconds from the start of each step to the end of its optimizer step, rollout left out."""

    def __init__(self) -> None:
        self.trainer: TimedTrainer | None = None
        self.seconds: list[float] = []
        self._start = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Before the forward."""
        assert self.trainer is not None
        self.trainer.rollout_seconds = 0.0
        self._start = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """After the optimizer step."""
        assert self.trainer is not None
        self.seconds.append(time.perf_counter() - self._start - self.trainer.rollout_seconds)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train on the job's rows and return the timed steps."""
    torch.set_num_threads(job["threads"])
    group, steps = len(job["completions"]), job["warmup"] + job["steps"]

    def rollout(prompts: list[Any], *_: Any) -> dict[str, Any]:
        return {
            "prompt_ids": [job["trunk"]] * len(prompts),
            "completion_ids": job["completions"],
            "logprobs": None,
            "env_mask": job["masks"],
        }

    def reward(completions: list[Any], **_: Any) -> list[float]:
        return list(job["rewards"])

    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            output_dir=folder,
            per_device_train_batch_size=group,
            num_generations=group,
            gradient_accumulation_steps=1,
            gradient_checkpointing=False,
            max_completion_length=len(job["completions"][0]),
            max_steps=steps,
            learning_rate=1e-6,
            beta=0.0,
            use_cpu=True,
            bf16=False,
            fp16=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        clock = Clock()
        trainer = TimedTrainer(
            model=AutoModelForCausalLM.from_pretrained(job["checkpoint"], dtype=torch.float32),
            processing_class=AutoTokenizer.from_pretrained(job["checkpoint"]),
            args=config,
            reward_funcs=reward,
            train_dataset=Dataset.from_dict({"prompt": ["?"] * group * steps}),
            rollout_func=rollout,
            callbacks=[clock],
        )
        clock.trainer = trainer
        torch.set_num_threads(job["threads"])
        trainer.train()
    names = ("trl", "torch", "transformers")
    return {"seconds": clock.seconds[job["warmup"] :], "versions": {name: version(name) for name in names}}


def main() -> None:
    """Keep stdout for the answer alone: the trainer writes to it as well."""
    with contextlib.redirect_stdout(sys.stderr):
        answer = measure(json.load(sys.stdin))
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
