"""TRL's GRPOTrainer is run and timed here, for the two scripts that measure it: `trl_update` and `trl_step`.

Both run inside an interpreter that has `trl`; of secondthought this module imports clocks, which need no library.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import torch
from transformers import AutoModelForCausalLM, TrainerCallback

from secondthought.bench.clocks import Seconds, now

FASTEST = {
    "gradient_checkpointing": False,
    "beta": 0.0,
    "use_cpu": True,
    "fp16": False,
    "report_to": "none",
    "save_strategy": "no",
    "logging_strategy": "no",
    "disable_tqdm": True,
}
"""Settings with which TRL is fastest: no gradient checkpointing, no reference model, nothing written."""


class StepClock(TrainerCallback):  # type: ignore[misc]
    """A `StepClock` times each step in two parts: `_prepare_inputs` (rollout, reward, advantages), and the rest."""

    def __init__(self) -> None:
        self.sampling = Seconds()
        self.update = Seconds()
        self._start = self._prepared = (0.0, 0.0)

    def count_apart(self, prepare: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Wrap `prepare`, so that its time is added to the step's sampling."""

        def timed(batch: Any) -> Any:
            start = now()
            prepared = prepare(batch)
            wall, cpu = now()
            self._prepared = (self._prepared[0] + wall - start[0], self._prepared[1] + cpu - start[1])
            return prepared

        return timed

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Start the clocks; TRL calls this before the first micro-batch."""
        self._prepared = (0.0, 0.0)
        self._start = now()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Stop the clocks; TRL calls this after the optimizer step."""
        wall, cpu = now()
        self.sampling += Seconds([self._prepared[0]], [self._prepared[1]])
        self.update += Seconds(
            [wall - self._start[0] - self._prepared[0]],
            [cpu - self._start[1] - self._prepared[1]],
        )


def train(
    job: dict[str, Any],
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    rollout: Callable[..., dict[str, Any]],
    reward: Callable[..., list[Any]],
    **settings: Any,
) -> StepClock:
    """Train the job's checkpoint for its `warmup` and its `steps`, and return the clock of them all.

    Args:
        job: `checkpoint`, `warmup`, `steps`, `threads` and, where it has one, `lora` are read.
        tokenizer: the checkpoint's.
        prompts: names of the rows, which `rollout` gets in place of texts.
        rollout: TRL's documented hook: a step's prompts in, its rows out.
        reward: a reward per row, from what the rollout returned.
        settings: of `GRPOConfig`, beside `FASTEST`.
    """
    # They exist in the peer's interpreter alone, and this file must stay importable without them.
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    clock = StepClock()
    if lora := job.get("lora"):
        from peft import LoraConfig

        sizes = {"r": lora["rank"], "lora_alpha": lora["alpha"], "lora_dropout": 0.0}
        settings["peft_config"] = LoraConfig(**sizes, target_modules="all-linear", task_type="CAUSAL_LM")
    with tempfile.TemporaryDirectory() as folder:
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(job["checkpoint"], dtype=torch.float32),
            processing_class=tokenizer,
            peft_config=settings.pop("peft_config", None),
            args=GRPOConfig(output_dir=folder, max_steps=job["warmup"] + job["steps"], **FASTEST, **settings),
            reward_funcs=reward,
            train_dataset=Dataset.from_dict({"prompt": list(prompts)}),
            rollout_func=rollout,
            callbacks=[clock],
        )
        trainer._prepare_inputs = clock.count_apart(trainer._prepare_inputs)
        torch.set_num_threads(job["threads"])
        trainer.train()
    return clock


def versions() -> dict[str, str]:
    """Return the versions of the libraries that speed depends on."""
    return {name: version(name) for name in ("trl", "torch", "transformers")}


def answer_on_stdout(measure: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Read a job on stdin and write what `measure` says of it on stdout, which the trainer may not write to."""
    with contextlib.redirect_stdout(sys.stderr):
        answer = measure(json.load(sys.stdin))
    sys.stdout.write(json.dumps(answer) + "\n")
