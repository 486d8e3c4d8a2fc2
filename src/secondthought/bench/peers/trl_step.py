"""Time whole Reflect, Retry, Reward steps in TRL's GRPOTrainer: JSON job on stdin, one line of JSON on stdout.

It runs inside an interpreter that has `trl`. Prompts come as ids; only to judge answers it imports secondthought, of
which a task needs no more than pydantic. `rollout_func`, the documented hook, plays a step with `generate`: tries until
one fails, as our mining does, then a group of reflections and one retry each. The trunk (problem, failed try, request)
is the row's prompt, the reflection its completion, the retry's score an extra field that the reward function returns:
nothing after the reflection is in the row, so nothing needs a mask. A problem that was never failed keeps its rows with
an unscorable reward, since a batch has a fixed size. Gradient checkpointing is off and no reference model is used, the
fastest that TRL runs these rows.

Job: `checkpoint` directory, `source` (a directory that holds secondthought), `task` (name and options), `problems`
(`data`, `prompt_ids` and `retry_ids` of each, in the order of the steps), `reflect_ids`, `end_of_turn`, `stop_ids`,
`groups`, `group`, `tries`, `attempt_tokens`, `reflection_tokens`, `temperature`, `generate_rows`, `micro_rows`, `lr`,
`steps`, `warmup`, `threads`. Request ids begin with an end of turn, dropped where it was sampled. Answer: of each timed
step `sampling` and `update` (lists of `wall` and `cpu` seconds), `failures`, `sampled_tokens`; and `versions`.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, TrainerCallback


class Clock(TrainerCallback):  # type: ignore[misc]
    """Wall and processor time of each step: of `_prepare_inputs` (rollout, reward, advantages), and of the rest."""

    def __init__(self) -> None:
        self.sampling: dict[str, list[float]] = {"wall": [], "cpu": []}
        self.update: dict[str, list[float]] = {"wall": [], "cpu": []}
        self._start = self._prepared = (0.0, 0.0)

    def apart(self, prepare: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The same function, its time added to the step's sampling."""

        def timed(batch: Any) -> Any:
            start = now()
            prepared = prepare(batch)
            wall, cpu = now()
            self._prepared = (self._prepared[0] + wall - start[0], self._prepared[1] + cpu - start[1])
            return prepared

        return timed

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Before the first micro-batch."""
        self._prepared = (0.0, 0.0)
        self._start = now()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """After the optimizer step."""
        for name, start, end, prepared in zip(("wall", "cpu"), self._start, now(), self._prepared, strict=True):
            self.sampling[name].append(prepared)
            self.update[name].append(end - start - prepared)


class Rollout:
    """`rollout_func`: a step's prompts in, its rows out."""

    def __init__(self, job: dict[str, Any]) -> None:
        # Its directory is known only now.
        sys.path.insert(0, job["source"])
        from secondthought import tasks

        self.job = job
        self.task = tasks.load(job["task"]["name"], job["task"]["options"])
        self.tokenizer = AutoTokenizer.from_pretrained(job["checkpoint"])
        self.failures: list[int] = []
        self.sampled_tokens: list[int] = []

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, Any]:
        """Prompts are numbers of problems, each repeated once per row of its group."""
        job, model = self.job, trainer.accelerator.unwrap_model(trainer.model)
        problems = [job["problems"][int(name)] for name in prompts[:: job["group"]]]
        self.sampled_tokens.append(0)
        attempts, has_failed = self._mine(model, problems)
        self.failures.append(sum(has_failed))
        trunks = [
            [*problem["prompt_ids"], *attempt, *self._follow(attempt, job["reflect_ids"])]
            for problem, attempt in zip(problems, attempts, strict=True)
        ]
        rows = [place for place in range(len(problems)) for _ in range(job["group"])]
        reflections = self._generate(model, [trunks[place] for place in rows], job["reflection_tokens"])
        asked = [
            [*trunks[place], *reflection, *self._follow(reflection, problems[place]["retry_ids"])]
            for place, reflection in zip(rows, reflections, strict=True)
        ]
        retries = self._generate(model, asked, job["attempt_tokens"])
        scores = [
            float(self._judge(problems[place], retry).reward) if has_failed[place] else None
            for place, retry in zip(rows, retries, strict=True)
        ]
        return {
            "prompt_ids": [trunks[place] for place in rows],
            "completion_ids": reflections,
            "logprobs": None,
            "retry_score": scores,
        }

    def _mine(self, model: Any, problems: Sequence[dict[str, Any]]) -> tuple[list[list[int]], list[bool]]:
        """The first failed try of each problem, else its last one."""
        attempts: list[list[int]] = [[] for _ in problems]
        has_failed = [False] * len(problems)
        for _ in range(self.job["tries"]):
            places = [place for place, failed in enumerate(has_failed) if not failed]
            prompts = [problems[place]["prompt_ids"] for place in places]
            for place, ids in zip(places, self._generate(model, prompts, self.job["attempt_tokens"]), strict=True):
                attempts[place] = ids
                has_failed[place] = not self._judge(problems[place], ids).correct
        return attempts, has_failed

    def _generate(self, model: Any, prompts: Sequence[Sequence[int]], max_tokens: int) -> list[list[int]]:
        """Batches padded on the left, each cut after its end of turn."""
        stops = set(self.job["stop_ids"])
        found: list[list[int]] = []
        pad = self.tokenizer.pad_token_id
        settings = GenerationConfig(
            do_sample=True,
            temperature=self.job["temperature"],
            top_k=0,
            top_p=1.0,
            max_new_tokens=max_tokens,
            eos_token_id=sorted(stops),
            pad_token_id=pad,
        )
        for start in range(0, len(prompts), self.job["generate_rows"]):
            batch = prompts[start : start + self.job["generate_rows"]]
            size = max(map(len, batch))
            ids = torch.tensor([[pad] * (size - len(row)) + list(row) for row in batch])
            mask = torch.tensor([[0] * (size - len(row)) + [1] * len(row) for row in batch])
            with torch.no_grad():
                rows = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)[:, size:]
            found += [_until(row, stops) for row in rows.tolist()]
        self.sampled_tokens[-1] += sum(map(len, found))
        return found

    def _follow(self, completion: Sequence[int], request: Sequence[int]) -> Sequence[int]:
        return request[1:] if completion and completion[-1] == self.job["end_of_turn"] else request

    def _judge(self, problem: dict[str, Any], ids: Sequence[int]) -> Any:
        text = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return self.task.verify(self.task.parse(problem["data"]), text)


def now() -> tuple[float, float]:
    """Wall clock, and processor time of this process, which other processes do not lengthen."""
    return time.perf_counter(), time.process_time()


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train on the job's problems and return the timed steps."""
    # They exist in the peer's interpreter alone, and this file must stay importable without them.
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    rollout, clock = Rollout(job), Clock()
    rows = job["groups"] * job["group"]
    micro_rows = max(size for size in range(1, min(rows, job["micro_rows"]) + 1) if rows % size == 0)
    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            output_dir=folder,
            per_device_train_batch_size=micro_rows,
            gradient_accumulation_steps=rows // micro_rows,
            num_generations=job["group"],
            shuffle_dataset=False,
            gradient_checkpointing=False,
            max_completion_length=job["reflection_tokens"],
            temperature=job["temperature"],
            max_steps=job["warmup"] + job["steps"],
            learning_rate=job["lr"],
            beta=0.0,
            use_cpu=True,
            bf16=False,
            fp16=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(job["checkpoint"], dtype=torch.float32),
            processing_class=rollout.tokenizer,
            args=config,
            reward_funcs=reward,
            train_dataset=Dataset.from_dict({"prompt": [str(place) for place in range(len(job["problems"]))]}),
            rollout_func=rollout,
            callbacks=[clock],
        )
        trainer._prepare_inputs = clock.apart(trainer._prepare_inputs)
        torch.set_num_threads(job["threads"])
        trainer.train()
    first = job["warmup"]
    return {
        "sampling": {name: seconds[first:] for name, seconds in clock.sampling.items()},
        "update": {name: seconds[first:] for name, seconds in clock.update.items()},
        "failures": rollout.failures[first:],
        "sampled_tokens": rollout.sampled_tokens[first:],
        "versions": {name: version(name) for name in ("trl", "torch", "transformers")},
    }


def reward(retry_score: list[float | None], **_: Any) -> list[float | None]:
    """What the rollout found out already."""
    return retry_score


def _until(row: list[int], stops: set[int]) -> list[int]:
    """A row up to its end of turn, which belongs to it."""
    end = next((place for place, token in enumerate(row) if token in stops), len(row))
    return row[: end + 1]


def main() -> None:
    """Keep stdout for the answer alone: the trainer writes to it as well."""
    with contextlib.redirect_stdout(sys.stderr):
        answer = measure(json.load(sys.stdin))
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
