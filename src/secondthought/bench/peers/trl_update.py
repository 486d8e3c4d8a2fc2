"""Time TRL's GRPOTrainer on rows of fixed ids: JSON job on stdin, one line of JSON on stdout.

It runs inside an interpreter that has `trl`; of secondthought it imports clocks, which need no library. The rows come
through `rollout_func`, its documented hook, with `env_mask` zero on tokens that must not learn. What is timed is
everything of a step but its rollout: `training_step` (forward, loss, backward) less `_prepare_inputs` (rollout,
reward, advantages), then gradient clipping and the optimizer step. Gradient checkpointing is off and no reference
model is used, the fastest that TRL runs these rows.

Job: `checkpoint` directory, `trunk` ids, `completions` (ids per row), `masks` (0/1 per token), `rewards` (per row),
`steps`, `warmup`, `threads`, `bf16` (autocast), `lora` (rank and alpha on all linear layers; without it all weights
learn). Answer: `seconds` and `cpu_seconds` per timed step, `peak` bytes of the process, and `versions`.
"""

from __future__ import annotations

import resource
import sys
from typing import Any

from transformers import AutoTokenizer

from secondthought.bench.peers.grpo import answer_on_stdout, train, versions


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train on the job's rows and return the timed steps."""
    group = len(job["completions"])

    def rollout(prompts: list[Any], *_: Any) -> dict[str, Any]:
        return {
            "prompt_ids": [job["trunk"]] * len(prompts),
            "completion_ids": job["completions"],
            "logprobs": None,
            "env_mask": job["masks"],
        }

    def reward(completions: list[Any], **_: Any) -> list[float]:
        return list(job["rewards"])

    clock = train(
        job,
        AutoTokenizer.from_pretrained(job["checkpoint"]),
        ["?"] * group * (job["warmup"] + job["steps"]),
        rollout=rollout,
        reward=reward,
        per_device_train_batch_size=group,
        num_generations=group,
        gradient_accumulation_steps=1,
        max_completion_length=len(job["completions"][0]),
        learning_rate=1e-6,
        bf16=job["bf16"],
    )
    timed = clock.update.skip(job["warmup"])
    return {"seconds": timed.wall, "cpu_seconds": timed.cpu, "peak": peak(), "versions": versions()}


def peak() -> int:
    """Return the most bytes that this process held; the kernel counts in kilobytes, but on macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    answer_on_stdout(measure)
