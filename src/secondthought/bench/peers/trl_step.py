"""Time whole Reflect, Retry, Reward steps in TRL's GRPOTrainer: JSON job on stdin, one line of JSON on stdout.

It runs inside an interpreter that has `trl` and pydantic. Prompts come as ids; of secondthought it imports clocks and,
to verify answers, tasks, which need no more than pydantic. `rollout_func`, the documented hook, plays a step with
`generate`: tries until one fails, as our mining does, then a group of reflections and one retry each. The trunk
(problem, failed try, request) is the row's prompt, the reflection its completion, the retry's score an extra field that
the reward function returns: nothing after the reflection is in the row, so nothing needs a mask. A problem that was
never failed keeps its rows with an unscorable reward, since a batch has a fixed size. Gradient checkpointing is off and
no reference model is used, the fastest that TRL runs these rows.

Job: `checkpoint` directory, `task` (name and options), `problems` (`data`, `prompt_ids` and `retry_ids` of each, in the
order of the steps), `reflect_ids`, `end_of_turn`, `stop_ids`, `groups`, `group`, `tries`, `attempt_tokens`,
`reflection_tokens`, `temperature`, `generate_rows`, `micro_rows`, `lr`, `steps`, `warmup`, `threads`. Request ids begin
with an end of turn, dropped where it was sampled. Answer: of each timed step `sampling` and `update` (lists of `wall`
and `cpu` seconds), `failures`, `sampled_tokens`; and `versions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from transformers import AutoTokenizer

from secondthought import tasks
from secondthought.bench.peers.generation import left_padded, unfiltered
from secondthought.bench.peers.grpo import answer_on_stdout, train, versions
from secondthought.tasks.judging import judge


class Rollout:
    """A `Rollout` plays steps as TRL's `rollout_func`: a step's prompts in, its rows out."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.task = tasks.load(job["task"]["name"], job["task"]["options"])
        self.tokenizer = AutoTokenizer.from_pretrained(job["checkpoint"])
        self.failures: list[int] = []
        self.sampled_tokens: list[int] = []

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, Any]:
        """Play a step; prompts are numbers of problems, each repeated once per row of its group."""
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
        """Return the first failed try of each problem, else its last one, and whether it failed."""
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
        """Sample a completion of each prompt, cut after its end of turn, in batches padded on the left."""
        stops = set(self.job["stop_ids"])
        found: list[list[int]] = []
        pad = self.tokenizer.pad_token_id
        settings = unfiltered(max_tokens, pad, temperature=self.job["temperature"], end=sorted(stops))
        for start in range(0, len(prompts), self.job["generate_rows"]):
            ids, mask = left_padded(prompts[start : start + self.job["generate_rows"]], pad)
            with torch.no_grad():
                rows = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
            rows = rows[:, ids.shape[1] :]
            found += [_until(row, stops) for row in rows.tolist()]
        self.sampled_tokens[-1] += sum(map(len, found))
        return found

    def _follow(self, completion: Sequence[int], request: Sequence[int]) -> Sequence[int]:
        return request[1:] if completion and completion[-1] == self.job["end_of_turn"] else request

    def _judge(self, problem: dict[str, Any], ids: Sequence[int]) -> Any:
        text = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return judge(self.task, self.task.parse(problem["data"]), text)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train on the job's problems and return the timed steps."""
    rollout = Rollout(job)
    rows = job["groups"] * job["group"]
    micro_rows = max(size for size in range(1, min(rows, job["micro_rows"]) + 1) if rows % size == 0)
    clock = train(
        job,
        rollout.tokenizer,
        [str(place) for place in range(len(job["problems"]))],
        rollout=rollout,
        reward=reward,
        per_device_train_batch_size=micro_rows,
        gradient_accumulation_steps=rows // micro_rows,
        num_generations=job["group"],
        shuffle_dataset=False,
        max_completion_length=job["reflection_tokens"],
        temperature=job["temperature"],
        learning_rate=job["lr"],
        bf16=False,
    )
    first = job["warmup"]
    return {
        "sampling": asdict(clock.sampling.skip(first)),
        "update": asdict(clock.update.skip(first)),
        "failures": rollout.failures[first:],
        "sampled_tokens": rollout.sampled_tokens[first:],
        "versions": versions(),
    }


def reward(retry_score: list[float | None], **_: Any) -> list[float | None]:
    """Return the scores that the rollout found already."""
    return retry_score


def _until(row: list[int], stops: set[int]) -> list[int]:
    """Cut a row after its end of turn."""
    end = next((place for place, token in enumerate(row) if token in stops), len(row))
    return row[: end + 1]


if __name__ == "__main__":
    answer_on_stdout(measure)
