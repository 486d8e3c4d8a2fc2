"""Writes the sums of `configs/real-predictions-study.toml`: two numbers from 2 to 40, all 1,521 pairs in order.

python evidence/diagnose/sums.py data/sums.jsonl
"""

from __future__ import annotations

import json
import sys
from itertools import product
from pathlib import Path


def main(out: Path) -> None:
    """Write a row for each sum."""
    out.parent.mkdir(parents=True, exist_ok=True)
    pairs = product(range(2, 41), repeat=2)
    rows = ({"question": f"What is {first} + {second}?", "answer": str(first + second)} for first, second in pairs)
    out.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
