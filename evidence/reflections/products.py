"""Writes the rows of `configs/products-study.toml`: products of a two-digit and a one-digit number.

    python evidence/reflections/products.py data/products.jsonl

Multiples of ten are left out, and factors of 0 and 1. So there are 648 rows; nothing is drawn at random.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(out: Path) -> None:
    """Write a row for each product."""
    out.parent.mkdir(parents=True, exist_ok=True)
    pairs = [(first, second) for first in range(11, 100) for second in range(2, 10) if first % 10]
    rows = ({"question": f"What is {first} * {second}?", "answer": str(first * second)} for first, second in pairs)
    out.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
