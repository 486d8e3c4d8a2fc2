"""Prints what the readings and the real texts say of the pattern detector; what is absent is skipped.

    python evidence/habits/tables.py

Precision is of `spans.jsonl`: spans that one reader read after the patterns of their behaviour were fixed, none of them
read before. `windows.jsonl` holds 140 windows of 60 words that were read for all four behaviours without the detector's
verdict; wordings missed in them have since been added, so `windows-fresh.jsonl`, 40 windows read blind after that,
stands beside it. A window counts as flagged if the detector finds the behaviour in the window alone. All samples have
equal shares of four data sets, as far as these go.
"""

from __future__ import annotations

import json
import re
import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sources import Row, texts

from secondthought.habits.catalog import SHIPPED
from secondthought.habits.patterns import PatternDetector
from secondthought.stats import wilson

HERE = Path(__file__).parent
DETECTOR = PatternDetector()
WORDS = 300
TERSE = ("prm800k", "gsm8k", "math500", "mmlu_pro", "qwen_before")


def main() -> None:
    """All tables, to standard output."""
    say("precision of flagged spans (read after the patterns were fixed)")
    spans = rows(HERE / "spans.jsonl")
    for name in SHIPPED:
        read = [row["reading"] for row in spans if row["behavior"] == name]
        say(f"  {name:18} {share(sum(read), len(read))}")
    earlier = HERE / "development.json"
    if earlier.exists():
        say(f"  before the last changes: {json.loads(earlier.read_text(encoding='utf-8'))}")
    for name in ("windows", "windows-fresh"):
        recall(name, rows(HERE / f"{name}.jsonl"))
    corpora = list(texts())
    if corpora:
        presence(corpora)
        separation(corpora)


def recall(title: str, windows: Sequence[dict[str, Any]]) -> None:
    """Windows that show a behaviour, and whether the detector saw it."""
    say(f"{title}: shown in unflagged ones (misses), found of those shown (recall), shown of flagged ones")
    found = [DETECTOR.read(window["text"]).counts for window in windows]
    for name in SHIPPED:
        pairs = [
            (window["reading"][name], (counts[name] or 0) > 0) for window, counts in zip(windows, found, strict=True)
        ]
        unflagged = [shown for shown, flagged in pairs if not flagged]
        caught = [flagged for shown, flagged in pairs if shown]
        right = [shown for shown, flagged in pairs if flagged]
        say(f"  {name:18} misses {share(sum(unflagged), len(unflagged))}  recall {share(sum(caught), len(caught))}")
        say(f"  {'':18} shown of flagged {share(sum(right), len(right))}")


def presence(corpora: Sequence[Row]) -> None:
    """Share of texts that show each behaviour."""
    say("presence: share of texts with the behaviour at least once")
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in corpora:
        groups[row.source].append(row)
        if row.source.startswith("qwen"):
            groups[f"{row.source} {row.problem.split(':')[0]}"].append(row)
    for source, members in groups.items():
        readings = [DETECTOR.read(row.text).counts for row in members]
        cells = (share(sum((counts[name] or 0) > 0 for counts in readings), len(readings)) for name in SHIPPED)
        say(f"  {source:26} " + "  ".join(cells))


def separation(corpora: Sequence[Row]) -> None:
    """Area under the curve of verification + backtracking, long traces against terse answers."""
    long = {
        "claude-sonnet-4": [row.text for row in corpora if "claude-sonnet-4" in row.id],
        "QwQ of 300 words and more": [
            row.text for row in corpora if row.source == "qwq" and len(row.text.split()) >= WORDS
        ],
    }
    say(f"area under the curve, windows of {WORDS} words / whole texts (terse ones joined to fill their windows)")
    for name, traces in long.items():
        high = [score(text) for text in windows(traces)]
        whole = [score(text) for text in traces]
        for source in TERSE:
            answers = [row.text for row in corpora if row.source == source][:3000]
            low = [score(text) for text in windows(["\n\n".join(answers)])]
            both = f"{area(high, low):.3f} / {area(whole, [score(answer) for answer in answers]):.3f}"
            say(f"  {name:26} against {source:12} {both}")


def windows(whole: Iterable[str]) -> Iterator[str]:
    """Stretches of 300 words; what is left over at the end of a text is not used."""
    for text in whole:
        words = list(re.finditer(r"\S+", text))
        for first in range(0, len(words) - WORDS + 1, WORDS):
            yield text[words[first].start() : words[first + WORDS - 1].end()]


def score(text: str) -> int:
    """Verification and backtracking together."""
    counts = DETECTOR.read(text).counts
    return (counts["verification"] or 0) + (counts["backtracking"] or 0)


def area(high: Sequence[int], low: Sequence[int]) -> float:
    """Probability that one of `high` exceeds one of `low`, ties counted half; NaN if either is empty."""
    if not high or not low:
        return float("nan")
    order = sorted(low)
    return sum(bisect_left(order, value) + bisect_right(order, value) for value in high) / (2 * len(high) * len(low))


def share(count: int, total: int) -> str:
    """A proportion with its 95 % interval."""
    found = wilson(count, total)
    return f"{found.estimate:.3f} [{found.low:.3f}, {found.high:.3f}] of {total}"


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file; none if it is not there."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def say(line: str) -> None:
    """One line of the tables."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
