"""Holds what the wording of `tasks/function_calling/mistakes.py` finds against what a reader found in real reflections.

    python evidence/reflections/named.py

`named.jsonl` holds reflections of Qwen2.5-Coder-0.5B-Instruct on failed calls, untrained, and the mistakes that each
names, read one by one before any pattern was asked. The wording was written with the part `tuned` in sight; nothing was
changed after the part `blind` had been read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from secondthought import jsonl
from secondthought.tasks.function_calling.mistakes import named_mistakes

LABELS = Path(__file__).parent / "named.jsonl"


def agreement(part: str) -> dict[str, float]:
    """Return how many mistakes of a part a reader names, the wording finds, and both, with precision and recall."""
    rows = [line.value for line in jsonl.read(LABELS) if line.value and line.value["part"] == part]
    read = [set(row["named"]) for row in rows]
    found = [named_mistakes(row["reflection"]) for row in rows]
    both = sum(len(own & theirs) for own, theirs in zip(read, found, strict=True))
    counts = {"reflections": len(rows), "read": sum(map(len, read)), "found": sum(map(len, found)), "both": both}
    return {**counts, "precision": both / counts["found"], "recall": both / counts["read"]}


def main() -> None:
    """Print the agreement of both parts."""
    for part in ("tuned", "blind"):
        sys.stdout.write(f"{part}: {agreement(part)}\n")


if __name__ == "__main__":
    main()
