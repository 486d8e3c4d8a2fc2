"""Searches a better request for reflections by reflective prompt evolution (GEPA, arXiv 2507.19457), without training.

    pip install gepa
    python evidence/rivals/prompt_search.py products.toml --tokens 52794 --out runs/prompt-search.json

What a user has without a gradient: the weights stay, the words change. It begins with the task's own request, on the
same stored failures as training (`train.failures` of the settings), and stops when it has sampled as many tokens as the
run that it is compared with; the tokens of its own proposals count. The model itself proposes: there is no teacher. The
request that it finds is tested with `secondthought eval MODEL --episode.reflection-request "..."`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gepa
import torch
from gepa import EvaluationBatch

from secondthought import rng
from secondthought.config import resolve
from secondthought.inference.loading import load_policy
from secondthought.rollout import failure_file
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import extend, reflect, retry
from secondthought.rollout.scheduler import Course
from secondthought.tasks import load
from secondthought.types import Episode, Failure, Message, Prompt, Sampling

WHAT = "reflection_request"
"""The one text that is searched for."""


class Requests:
    """`Requests` are tried on failures: a request is as good as the share of its reflections whose retry is right."""

    propose_new_texts = None
    """GEPA's own way of proposing is taken."""

    def __init__(self, player: Player, tokens: int) -> None:
        self.player, self.budget = player, tokens
        self.spent = 0
        self._asked = 0

    def evaluate(
        self, batch: list[Failure], candidate: dict[str, str], capture_traces: bool = False
    ) -> EvaluationBatch[Episode, str]:
        """Reflect on each failure as the candidate asks, and retry once."""
        requests = replace(self.player.requests, reflection=candidate[WHAT], reflections={})
        player = replace(self.player, requests=requests)
        self._asked += 1
        keys = Keys(seed=0, phase="prompt search", step=self._asked)
        episodes = player.run([_second_try(player, keys, item) for item in batch], "reflections")
        self.spent += sum(len(turn.completion.token_ids) for episode in episodes for turn in episode.turns[1:])
        scores = [float(episode.solved_by(2)) for episode in episodes]
        texts = [episode.turns[-1].completion.text for episode in episodes]
        return EvaluationBatch(outputs=texts, scores=scores, trajectories=episodes if capture_traces else None)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: EvaluationBatch[Episode, str], components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Tell the proposer what was asked, what was written, and whether it helped: no right answer is told."""
        rows = [
            {
                "Inputs": {"task": episode.problem.request, "wrong first answer": episode.turns[0].completion.text},
                "Generated Outputs": {
                    "reflection": episode.turns[1].completion.text,
                    "second answer": episode.turns[2].completion.text,
                },
                "Feedback": "The second answer is right." if score else "The second answer is wrong, too.",
            }
            for episode, score in zip(eval_batch.trajectories or [], eval_batch.scores, strict=True)
        ]
        return {WHAT: rows}

    def propose(self, prompt: str | list[dict[str, Any]]) -> str:
        """Let the model itself write what GEPA asks for."""
        text = prompt if isinstance(prompt, str) else "\n\n".join(str(said["content"]) for said in prompt)
        ids = self.player.policy.start([Message(role="user", content=text)])
        sampling = Sampling(temperature=self.player.temperature, max_tokens=256, adapter=False)
        [said] = self.player.policy.sample([Prompt(trunk=ids, key=rng.key("propose", self.spent))], sampling)
        self.spent += len(said.token_ids)
        sys.stderr.write(f"{self.spent} tokens: {said.text[:300]!r}\n")
        return said.text

    def __call__(self, state: Any) -> bool:
        """Tell GEPA to stop once the budget is spent."""
        return self.spent >= self.budget


def _second_try(player: Player, keys: Keys, failure: Failure) -> Course[Episode]:
    episode = Episode(problem=failure.problem, turns=(failure.attempt,))
    reflection = yield from reflect(player, keys, episode, 0)
    episode = extend(episode, reflection)
    again = yield from retry(player, keys, episode, 0)
    return extend(episode, again)


def main() -> None:
    """Search, and write the requests that were found with their shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    settings = tomllib.loads(given.settings.read_text(encoding="utf-8"))
    settings.setdefault("algorithm", {})["type"] = "reflect-retry"
    config = resolve({**settings, "run_dir": "unused"}, source=str(given.settings))
    task = load(config.task.name, config.task.options)
    policy = load_policy(config.model)
    if config.train.failures is None:
        parser.error(f"{given.settings}: set train.failures, the failures that requests are tried on")
    failures = failure_file.read(config.train.failures, task, policy)
    rng.stream("prompt search", given.seed).shuffle(failures)
    requests = Requests(Player.resolve(policy, task, config.episode), given.tokens)
    half = len(failures) // 2
    found = gepa.optimize(
        seed_candidate={WHAT: requests.player.requests.reflection},
        trainset=failures[:half],
        valset=failures[half : half + 60],
        adapter=requests,
        reflection_lm=requests.propose,
        reflection_minibatch_size=8,
        stop_callbacks=requests,
        seed=given.seed,
        skip_perfect_score=False,
    )
    tried = [
        {"request": candidate[WHAT], "right": score}
        for candidate, score in zip(found.candidates, found.val_aggregate_scores, strict=True)
    ]
    best = found.best_candidate[WHAT]
    text = json.dumps({"tokens": requests.spent, "best": best, "accepted": tried}, indent=2, ensure_ascii=False)
    given.out.write_text(f"{text}\n", encoding="utf-8")
    sys.stdout.write(f"{best}\n")


if __name__ == "__main__":
    main()
