"""The real texts behind the tables: `texts(data)` gives (id, source, text) rows from the shared data folder.

What is absent is skipped. Nothing here is shipped with the package.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


class Row(NamedTuple):
    """One text: `id` is unique within its source, `problem` names what it is about."""

    id: str
    source: str
    text: str
    problem: str = ""
    correct: bool | None = None


def texts(data: Path = DATA) -> Iterator[Row]:
    """Every text of every source that is there, in a fixed order."""
    for read in (qwen, qwq, countdown, mmlu, gsm8k, web, openlogic, openstax):
        yield from read(data)


def qwen(data: Path) -> Iterator[Row]:
    """Qwen2.5-3B-Instruct before and after RL, and a Llama 3B after RL."""
    for path in sorted((data / "qwen3b_math_outputs").glob("qwen*.jsonl")):
        for number, row in enumerate(_lines(path)):
            key = f"{path.stem.rsplit('_', 1)[1]}:{row['idx']}"
            score = row["score"][0] if isinstance(row["score"], list) else row["score"]
            source = "qwen_after" if "rlft" in path.stem else "qwen_before"
            yield Row(f"{path.stem}:{number}", source, row["code"][0], key, bool(score))
    for path in sorted((data / "qwen3b_math_outputs").glob("llama*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))["categories"][0]["datasets"][0]["results"]
        yield from _completions(path.stem, "llama_after", results)


def qwq(data: Path) -> Iterator[Row]:
    """QwQ's steps, and the short solutions of PRM800K to the same problems."""
    path = data / "prmbench_qwq" / "prm_test12_qwq.jsonl"
    for number, row in enumerate(_lines(path)):
        for source, field in (("qwq", "modified_process"), ("prm800k", "original_process")):
            text = "\n".join(_clean(step) for step in row[field])
            yield Row(f"{source}:{number}", source, text, row["idx"])


def countdown(data: Path) -> Iterator[Row]:
    """Ten vendors' models on Countdown. Outputs are under their vendors' terms: quote little."""
    for path in sorted((data / "countdown_rgym_traces").glob("*.json")):
        level, rest = path.stem.split("__")
        model = re.sub(r"_\d{8}_\d{6}$", "", rest)
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        yield from _completions(f"{level}:{model}", "countdown", results)


def mmlu(data: Path) -> Iterator[Row]:
    """Two models' short chains of thought on MMLU-Pro."""
    for path in sorted((data / "mmlu_pro").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".json") and "MACOSX" not in n)
            rows = json.loads(archive.read(name))
        for row in rows:
            if isinstance(row.get("generated_text") or row.get("model_outputs"), str):
                text = row.get("generated_text") or row["model_outputs"]
                key = f"mmlu:{row['question_id']}"
                yield Row(
                    f"{path.stem[14:24]}:{row['question_id']}", "mmlu_pro", text, key, row["pred"] == row["answer"]
                )


def gsm8k(data: Path) -> Iterator[Row]:
    """Human solutions."""
    for number, row in enumerate(_lines(data / "gsm8k" / "test.jsonl")):
        yield Row(f"gsm8k:{number}", "gsm8k", row["answer"], f"gsm8k:{number}")
    for number, row in enumerate(_lines(data / "math500" / "test500.jsonl")):
        yield Row(f"math500:{number}", "math500", row["solution"], f"math500:{number}")


def web(data: Path) -> Iterator[Row]:
    """Web pages without mathematics."""
    for number, row in enumerate(_lines(data / "web_negatives" / "c4_demo.jsonl")):
        yield Row(f"web:{number}", "web", row["text"])


def openlogic(data: Path) -> Iterator[Row]:
    """Formal mathematics in LaTeX."""
    for path in sorted((data / "openlogic").rglob("*.tex")):
        yield Row(f"openlogic:{path.parent.name}/{path.stem}", "openlogic", path.read_text(encoding="utf-8"))


def openstax(data: Path) -> Iterator[Row]:
    """An algebra textbook, tags taken out."""
    for path in sorted((data / "openstax_elementary_algebra").rglob("*.cnxml")):
        text = re.sub(r"[ \t]+", " ", re.sub(r"<[^>]+>", " ", path.read_text(encoding="utf-8")))
        yield Row(f"openstax:{path.parent.name}", "openstax", re.sub(r"\n\s*\n+", "\n", text))


def _completions(name: str, source: str, results: list[dict[str, Any]]) -> Iterator[Row]:
    for number, result in enumerate(results):
        for sample, completion in enumerate(result["completions"]):
            text = completion.get("full_model_response")
            if text:
                key = f"{name.split(':')[0]}:{number}"
                yield Row(f"{name}:{number}:{sample}", source, text, key, (completion.get("score") or 0) >= 0.99)


def _clean(step: str) -> str:
    return re.sub(r"^\s*Step \d+\.\s*", "", step).strip()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open(encoding="utf-8") as file:
            yield from (json.loads(line) for line in file if line.strip())
