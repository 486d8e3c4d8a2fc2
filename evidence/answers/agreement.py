"""Answers that we read out of models' outputs, against the marks and readings that their authors published.

    python evidence/answers/agreement.py GSM8K_FOLDER MMLU_PRO_FOLDER

GSM8K_FOLDER holds `example_model_solutions.jsonl` of github.com/openai/grade-school-math: solutions of four models
with `is_correct`. MMLU_PRO_FOLDER holds `model_outputs_*.zip` of github.com/TIGER-AI-Lab/MMLU-Pro: outputs with
`pred`, which two versions of their script made; the older one did not fall back on the last letter that stands alone.
Every disagreement is listed, equal kinds counted.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secondthought.tasks import load
from secondthought.tasks.rows.choice_task import said_letter


def main(gsm8k: Path, mmlu_pro: Path) -> None:
    """Print agreement set by set."""
    sys.stdout.write(f"GSM8K, is_correct: {agreement(gsm8k_verdicts(gsm8k / 'example_model_solutions.jsonl'))}\n")
    for path in sorted(mmlu_pro.glob("model_outputs_*.zip")):
        for last_alone in (True, False):
            rule = "with" if last_alone else "without"
            sys.stdout.write(
                f"MMLU-Pro, {path.stem}, pred, {rule} the last letter: {agreement(letters(path, last_alone))}\n"
            )


def gsm8k_verdicts(path: Path) -> Iterator[tuple[bool, bool]]:
    """Yield our verdict and the authors' on every solution."""
    task = load("gsm8k", {"answer_in": "end"})
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        problem = task.parse(row)
        for said in (value for value in row.values() if isinstance(value, dict)):
            yield task.verify(problem, said["solution"]).correct, said["is_correct"]


def letters(path: Path, last_alone: bool) -> Iterator[tuple[str | None, str | None]]:
    """Yield the letter that we read and the authors' `pred` of every output."""
    with zipfile.ZipFile(path) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".json") and "MACOSX" not in name]
        rows: list[dict[str, Any]] = json.loads(archive.read(name))
    for row in rows:
        yield (
            said_letter(row.get("generated_text") or row.get("model_outputs") or "", last_alone=last_alone),
            row["pred"],
        )


def agreement(pairs: Iterator[tuple[Any, Any]]) -> str:
    """Return how many pairs agree, and the others by kind."""
    counts = Counter(pairs)
    same = sum(count for (ours, theirs), count in counts.items() if ours == theirs)
    others = {f"{ours} for {theirs}": count for (ours, theirs), count in counts.most_common() if ours != theirs}
    total = sum(counts.values())
    return f"{same:,} of {total:,} ({100 * same / total:.2f} %); ours for theirs: {others or 'none'}"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
