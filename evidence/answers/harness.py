"""Our models behind lm-eval beside its own `hf` model, and our verdicts beside its scores, item by item.

    python evidence/answers/harness.py MODEL HELLASWAG_ROWS GSM8K_FOLDER

HELLASWAG_ROWS are rows of hub:Rowan/hellaswag as JSONL; GSM8K_FOLDER holds `train.jsonl` and `test.jsonl` of
github.com/openai/grade-school-math. Weights, tokenizer and prompts are the same in every comparison. Needs the extra
`lm-eval`.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

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


def main(model: str, hellaswag: str, gsm8k: str) -> None:
    """Print what agrees, and how long it took."""
    policy = load_policy(ModelConfig(path=model), learns=False)
    policy.shares(True)  # measured here, not in what is timed
    choices = LmEvalExam("lm_eval:hellaswag", {"files": hellaswag}, HELLASWAG)
    liked = _beside(choices, policy, ("acc", "acc_norm"))
    shown = {"files": f"{gsm8k}/test.jsonl", "fewshot_files": f"{gsm8k}/train.jsonl", "fewshot": 2}
    answered = _beside(LmEvalExam("lm_eval:gsm8k", shown, GSM8K), policy, ("exact_match",))
    _verdicts(answered)
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
    say(f"  answers: {sum(_texts(one) == _texts(other) for one, other in pairs)} are the same text")
    return rows[0]


def _texts(row: dict[str, Any]) -> list[Any]:
    return [said for said in row["resps"] if isinstance(said[0], str)]


def _verdicts(rows: list[dict[str, Any]]) -> None:
    """Judge the completions that lm-eval scored by our own task, which reads the number at the end."""
    task = load("gsm8k", {"answer_in": "end"})
    for row in rows:
        found = task.verify(task.parse(row["doc"]), row["resps"][0][0])
        row["ours"] = found.correct
    for name in sorted({row["filter"] for row in rows}):
        kept = [row for row in rows if row["filter"] == name]
        counts = Counter((row["ours"], bool(row["exact_match"])) for row in kept)
        say(f"gsm8k, our verdict and {name}: {dict(counts)}")
        for row in kept:
            if row["ours"] != bool(row["exact_match"]):
                say(f"    item {row['doc_id']}: {row['filtered_resps']}, wanted {row['target'][-12:]!r}")


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
