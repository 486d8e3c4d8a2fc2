"""Writes what a reader needs to judge the finds in a sample: each document's places with what stands around them.

    secondthought corpora measure data/corpus --out measured
    secondthought corpora sample measured --out sample.jsonl --count 50
    python evidence/corpora/places.py sample.jsonl > places.jsonl

A row is one document in which a mark was found: up to five places, 300 characters to either side, the find in [[ ]].
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secondthought.data.corpora.confirming import DRAWN
from secondthought.data.corpora.piece_step import exercise_marks
from secondthought.habits.catalog import shipped
from secondthought.habits.patterns import PatternDetector

AROUND, MOST = 300, 5


def main(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each mark that was found in a drawn document."""
    detectors = {each.name: PatternDetector([each]) for each in (*shipped(), *exercise_marks())}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        for mark, is_shown in row[DRAWN].items():
            if is_shown:
                yield {"key": f"{number}:{mark}", "mark": mark, "places": places(row["text"], detectors[mark])}


def places(text: str, detector: PatternDetector) -> list[str]:
    """Return the places of the finds, each with what stands around it."""
    return [
        f"{text[max(0, span.start - AROUND) : span.start]}[[{span.text}]]{text[span.end : span.end + AROUND]}"
        for span in detector.read(text).spans[:MOST]
    ]


if __name__ == "__main__":
    for found in main(Path(sys.argv[1])):
        sys.stdout.write(f"{json.dumps(found)}\n")
