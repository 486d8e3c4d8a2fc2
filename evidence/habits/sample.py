"""Draws what is to be read: flagged spans per behaviour, and 60-word windows that a reader judges without the detector.

    python evidence/habits/sample.py SEED OUT_FOLDER [SPANS] [WINDOWS]

Four data sets have equal shares as far as they go; at most two spans and one window come from one text. The rows that
it writes have `reading: null` for the reader to fill in; windows do not say what the detector found in them.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from sources import Row, texts

from secondthought import rng
from secondthought.habits.catalog import SHIPPED
from secondthought.habits.patterns import PatternDetector

DATASETS = {
    "qwen_before": "qwen3b_math_outputs",
    "qwen_after": "qwen3b_math_outputs",
    "llama_after": "qwen3b_math_outputs",
    "qwq": "prmbench_qwq",
    "prm800k": "prmbench_qwq",
    "countdown": "countdown_rgym_traces",
    "mmlu_pro": "mmlu_pro",
}
WORDS = 60
PER_TEXT = 2
EXCERPT = 240
BEFORE = 100


def spans(rows: Sequence[Row], count: int, seed: int) -> list[dict[str, Any]]:
    """`count` flagged spans per behaviour."""
    detector = PatternDetector()
    found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in shuffled(rows, seed, "texts"):
        taken: dict[str, int] = defaultdict(int)
        for span in shuffled(detector.read(row.text).spans, seed, row.id):
            taken[span.behavior] += 1
            if taken[span.behavior] <= PER_TEXT:
                where = {"id": row.id, "source": DATASETS[row.source], "behavior": span.behavior}
                excerpt = {"before": row.text[max(0, span.start - BEFORE) : span.start], "text": span.text[:EXCERPT]}
                found[span.behavior][DATASETS[row.source]].append(
                    {**where, "start": span.start, "end": span.end, **excerpt}
                )
    return [row for name in SHIPPED for row in shares(found[name], count, seed, name)]


def windows(rows: Sequence[Row], count: int, seed: int) -> list[dict[str, Any]]:
    """`count` windows of 60 words."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in shuffled(rows, seed, "windows"):
        words = list(re.finditer(r"\S+", row.text))
        if len(words) >= WORDS:
            first = rng.stream(seed, "window", row.id).randrange(len(words) - WORDS + 1)
            start, end = words[first].start(), words[first + WORDS - 1].end()
            place = {"start": start, "end": end, "text": row.text[start:end]}
            found[DATASETS[row.source]].append({"id": row.id, "source": DATASETS[row.source], **place})
    return list(shares(found, count, seed, "shares"))


def shares(found: dict[str, list[Any]], count: int, seed: int, name: str) -> Iterable[Any]:
    """`count` items with equal shares of the data sets; where one has too few, the others give more."""
    pools = [shuffled(found[dataset], seed, f"{name} {dataset}") for dataset in sorted(found)]
    taken: list[Any] = []
    while len(taken) < count and any(pools):
        taken += [pool.pop() for pool in pools if pool][: count - len(taken)]
    return shuffled(taken, seed, f"{name} order")


def shuffled(items: Iterable[Any], seed: int, name: str) -> list[Any]:
    """The items in an order that depends on the seed and the name alone."""
    mixed = list(items)
    generator: Random = rng.stream(seed, name)
    generator.shuffle(mixed)
    return mixed


def main(seed: int, folder: Path, span_count: int = 100, window_count: int = 140) -> None:
    """Write `spans.jsonl` and `windows.jsonl`."""
    rows = [row for row in texts() if row.source in DATASETS]
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in (("spans", spans(rows, span_count, seed)), ("windows", windows(rows, window_count, seed))):
        lines = (json.dumps({**row, "reading": None, "note": ""}) + "\n" for row in drawn)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
