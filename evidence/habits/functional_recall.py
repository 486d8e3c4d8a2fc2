"""Prints how the functional detector's presence compares with 40 answers of Countdown that one reader read blind.

    python evidence/habits/functional_recall.py

`functional-recall.jsonl` names the answers (file, row, sample of `countdown_rgym_traces`; the first 1,200 characters
were read) and says of each behaviour whether it is there, by the definitions in `docs/habits.md`. Answers longer than
80 characters, drawn at random from those of which nothing had been read before.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from sources import DATA

from secondthought.stats import wilson
from secondthought.tasks.countdown.reading.detector import follow
from secondthought.types import HABITS

LENGTH = 1200


def main() -> None:
    """Precision and recall of presence, to standard output."""
    path = Path(__file__).with_name("functional-recall.jsonl")
    labels = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = [counts(label["file"], label["row"], label["sample"]) for label in labels]
    for name in HABITS:
        pairs = [(label["reading"][name], seen[name] > 0) for label, seen in zip(labels, found, strict=True)]
        both = sum(shown and seen for shown, seen in pairs)
        precision, recall = wilson(both, sum(seen for _, seen in pairs)), wilson(both, sum(shown for shown, _ in pairs))
        sys.stdout.write(f"{name:18} precision {precision}\n{'':18} recall {recall}\n")


def counts(file: str, row: int, sample: int) -> dict[str, int]:
    """What the detector counts in the beginning of an answer."""
    result = json.loads((DATA / "countdown_rgym_traces" / file).read_text(encoding="utf-8"))["results"][row]
    question = result["question"]
    numbers = [int(number) for number in re.findall(r"\d+", re.search(r"numbers:? ([\d, ]+)", question)[1])]
    target = int(re.search(r"(?:equals|Calculate|make|get) (\d+)", question)[1])
    return follow(result["completions"][sample]["full_model_response"][:LENGTH], numbers, target).counts


if __name__ == "__main__":
    main()
