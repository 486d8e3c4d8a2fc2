"""Time TRL's GRPOTrainer on rows of fixed ids: JSON job on stdin, one line of JSON on stdout.

It runs inside an interpreter that has `trl`, not necessarily secondthought, so it imports nothing of ours. The rows
come through `rollout_func`, its documented hook, with `env_mask` zero on tokens that must not learn. What is timed is
everything of a step but its rollout: `training_step` (forward, loss, backward) less `_prepare_inputs` (rollout,
reward, advantages), then gradient clipping and the optimizer step. Gradient checkpointing is off and no reference
model is used, the fastest that TRL runs these rows.

Job: `checkpoint` directory, `trunk` ids, `completions` (ids per row), `masks` (0/1 per token), `rewards` (per row),
`steps`, `warmup`, `threads`, `bf16` (autocast). Answer: `seconds` and `cpu_seconds` per timed step, and `versions`.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback


def now() -> tuple[float, float]:
    """Wall clock, and processor time of this process, which other processes do not lengthen."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float]) -> tuple[float, float]:
    """Both clocks since then."""
    wall, cpu = now()
    return wall - start[0], cpu - start[1]


class Clock(TrainerCallback):  # type: ignore[misc]
    """Seconds from the start of each step to the end of its optimizer step, rollout left out."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []
        self._start = self._rollout = (0.0, 0.0)

    def leave_out(self, rollout: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The same function, its time kept apart."""

        def timed(batch: Any) -> Any:
            start = now()
            prepared = rollout(batch)
            self._rollout = since(start)
            return prepared

        return timed

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Before the forward."""
        self._rollout = (0.0, 0.0)
        self._start = now()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """After the optimizer step."""
        wall, cpu = since(self._start)
        self.seconds.append(wall - self._rollout[0])
        self.cpu_seconds.append(cpu - self._rollout[1])


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train on the job's rows and return the timed steps."""
    # They exist in the peer's interpreter alone, and this file must stay importable without them.
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

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
            bf16=job["bf16"],
            fp16=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        clock = Clock()
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(job["checkpoint"], dtype=torch.float32),
            processing_class=AutoTokenizer.from_pretrained(job["checkpoint"]),
            args=config,
            reward_funcs=reward,
            train_dataset=Dataset.from_dict({"prompt": ["?"] * group * steps}),
            rollout_func=rollout,
            callbacks=[clock],
        )
        trainer._prepare_inputs = clock.leave_out(trainer._prepare_inputs)
        torch.set_num_threads(job["threads"])
        trainer.train()
    names = ("trl", "torch", "transformers")
    first = job["warmup"]
    return {
        "seconds": clock.seconds[first:],
        "cpu_seconds": clock.cpu_seconds[first:],
        "versions": {name: version(name) for name in names},
    }


def main() -> None:
    """Keep stdout for the answer alone: the trainer writes to it as well."""
    with contextlib.redirect_stdout(sys.stderr):
        answer = measure(json.load(sys.stdin))
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
