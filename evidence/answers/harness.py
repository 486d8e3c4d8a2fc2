"""Our models behind lm-eval beside its own `hf` model, and our verdicts beside its scores, item by item.

    python evidence/answers/harness.py MODEL HELLASWAG_ROWS GSM8K_FOLDER

HELLASWAG_ROWS are rows of hub:Rowan/hellaswag as JSONL; GSM8K_FOLDER holds `train.jsonl`, `test.jsonl` and
`example_model_solutions.jsonl` of github.com/openai/grade-school-math. Weights, tokenizer and prompts are the same in
every comparison. Needs the extra `lm-eval`.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.huggingface import HFLM

from secondthought.bridges.lm_eval_model import SecondthoughtLM
from secondthought.bridges.lm_eval_tasks import LmEvalExam
from secondthought.config import EpisodeConfig, ModelConfig
from secondthought.evaluate.forgetting import TaskExam
from secondthought.inference.loading import load_policy
from secondthought.inference.local import LocalPolicy
from secondthought.progress import SILENT
from secondthought.tasks import load

HELLASWAG, GSM8K = 200, 24
"""Items of each."""
MARKS = {"flexible-extract": "A:", "strict-match": "####"}
"""The mark before the answer under which a reading is tried: solutions have the first, `strict-match` the other."""


def main(model: str, hellaswag: str, gsm8k: str) -> None:
    """Print what agrees, and how long it took."""
    policy = load_policy(ModelConfig(path=model), learns=False)
    policy.shares(True)  # measured here, not in what is timed
    choices = LmEvalExam("lm_eval:hellaswag", {"files": hellaswag}, HELLASWAG)
    liked = _beside(choices, policy, ("acc", "acc_norm"))
    shown = {"files": f"{gsm8k}/test.jsonl", "fewshot_files": f"{gsm8k}/train.jsonl", "fewshot": 2}
    _beside(LmEvalExam("lm_eval:gsm8k", shown, GSM8K), policy, ("exact_match",))
    _verdicts(gsm8k)
    _letters(policy, hellaswag, liked)


def _beside(exam: LmEvalExam, policy: LocalPolicy, metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    """Let both models sit an exam; return what was logged of ours."""
    rows, seconds = [], []
    for asked in (
        SecondthoughtLM(policy),
        HFLM(pretrained=policy.model, tokenizer=policy.chat.tokenizer, batch_size=16),
    ):
        began = time.perf_counter()
        found = exam.samples(asked)
        seconds.append(time.perf_counter() - began)
        logged = (row for task in found.values() for row in task)
        rows.append(sorted(logged, key=lambda row: (row["filter"], row["doc_id"])))
    pairs = list(zip(*rows, strict=True))
    ours, theirs = seconds
    say(f"{exam.name}: {len(pairs)} scores; {ours:.0f} s, hf {theirs:.0f} s, {theirs / ours:.2f} times")
    for metric in metrics:
        say(f"  {metric}: {sum(one[metric] == other[metric] for one, other in pairs)} agree")
    for one, other in pairs:
        if any(one[metric] != other[metric] for metric in metrics):
            say(f"    item {one['doc_id']}: {one['filtered_resps']} against {other['filtered_resps']}")
    if _texts(rows[0][0]):
        say(f"  answers: {sum(_texts(one) == _texts(other) for one, other in pairs)} are the same text")
    return rows[0]


def _texts(row: dict[str, Any]) -> list[Any]:
    return [said for said in row["resps"] if isinstance(said[0], str)]


def _verdicts(folder: str) -> None:
    """Let lm-eval and our own task score solutions that four models wrote; ours reads the number at the end."""
    task = load("gsm8k", {"answer_in": "end"})
    rows = [json.loads(line) for line in Path(folder, "example_model_solutions.jsonl").read_text().splitlines()]
    models = [name for name, value in rows[0].items() if isinstance(value, dict)]
    exam = LmEvalExam("lm_eval:gsm8k", {"files": f"{folder}/test.jsonl", "fewshot": 0}, len(rows))
    for model, (name, mark) in itertools.product(models, MARKS.items()):
        written = {row["question"]: row[model]["solution"].replace("\nA: ", f"\n{mark} ") for row in rows}
        (logged,) = exam.samples(_Said(written)).values()
        kept = [row for row in logged if row["filter"] == name and row["doc"]["question"] in written]
        ours = [task.verify(task.parse(row["doc"]), row["resps"][0][0]).correct for row in kept]
        counts = Counter(zip(ours, (bool(row["exact_match"]) for row in kept), strict=True))
        say(f"gsm8k, {model}, marked {mark}: our verdict and {name}: {dict(counts)}")
        for verdict, row in zip(ours, kept, strict=True):
            if verdict != bool(row["exact_match"]):
                said = row["resps"][0][0][-80:]
                say(f"    {name} reads {row['filtered_resps']}, wanted {row['target'][-8:]!r}: {said!r}")


class _Said(TemplateLM):
    """A `_Said` answers with texts that were written before."""

    eot_token_id = 0

    def __init__(self, written: dict[str, str]) -> None:
        super().__init__()
        self.written = written

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        return [self.written.get(request.doc["question"], "") for request in requests]

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        raise NotImplementedError

    def _loglikelihood_tokens(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = True) -> list[float]:
        raise NotImplementedError


def _letters(policy: LocalPolicy, rows: str, liked: list[dict[str, Any]]) -> None:
    """Ask the same items for a letter, as our task does: another question than which ending is the likeliest."""
    task = load("hellaswag", {"files": rows})
    problems = [task.parse(row["doc"]) for row in liked if row["filter"] == "none"]
    exam = TaskExam(name="letters", task=task, problems=problems, episode=EpisodeConfig(max_attempt_tokens=8))
    right = exam.right(policy, SILENT)
    counts = Counter(zip(right, (bool(row["acc"]) for row in liked), strict=True))
    say(f"hellaswag, our letter and lm-eval's likeliest ending: {dict(counts)}")


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
