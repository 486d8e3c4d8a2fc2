"""Writes the sums of `configs/real-predictions-study.toml`: two numbers from 2 to 40.

    python evidence/diagnose/sums.py data/sums.jsonl

All 1,521 pairs are written, in order; nothing is drawn at random.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

from secondthought import jsonl


def main(out: Path) -> None:
    """Write a row for each sum."""
    pairs = product(range(2, 41), repeat=2)
    jsonl.write(out, ({"question": f"What is {a} + {b}?", "answer": str(a + b)} for a, b in pairs))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
