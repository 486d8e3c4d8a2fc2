"""Reflections before and after training, read blind.

    python evidence/reflections/pairs.py write RUN OUT [--temperature 1.0]   OUT/sheet.jsonl and OUT/key.jsonl
    python evidence/reflections/pairs.py read OUT                                what the judgements say

Write `first`, `second` or `same` into the sheet's `clearer`: which reflection says more clearly what went wrong and
what to do. Do not open the key before all are read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from secondthought import jsonl
from secondthought.evaluate import read_rows
from secondthought.evaluate.before_after import EVALUATIONS, LATER
from secondthought.evaluate.blind import pairs_of, read_sheet, write_sheet


def write(run: Path, out: Path, count: int, seed: int, temperature: float) -> str:
    """Write the sheet and the key of a run, and return what was written."""
    rows = read_rows(run / EVALUATIONS / f"before_t{temperature}.jsonl")
    later = {line.value["problem_id"]: line.value["reflection"] for line in jsonl.read(run / LATER) if line.value}
    out.mkdir(parents=True, exist_ok=True)
    number = write_sheet(pairs_of(rows, later), out / "sheet.jsonl", out / "key.jsonl", count=count, seed=seed)
    return f"{out / 'sheet.jsonl'}: {number} pairs"


def read(out: Path) -> str:
    """Return what the judgements say."""
    found = read_sheet(out / "sheet.jsonl", out / "key.jsonl")
    share = found.after_clearer
    return (
        f"after training clearer: {share.estimate:.0%} [{share.low:.0%}, {share.high:.0%}] of {share.n} pairs told"
        f" apart; {found.same} the same, {found.unread} not read"
    )


def main(words: list[str]) -> None:
    """Write or read, as the words say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    writing = verbs.add_parser("write")
    writing.add_argument("run", type=Path)
    writing.add_argument("out", type=Path)
    writing.add_argument("--count", type=int, default=50)
    writing.add_argument("--seed", type=int, default=0)
    writing.add_argument("--temperature", type=float, default=1.0)
    verbs.add_parser("read").add_argument("out", type=Path)
    given = parser.parse_args(words)
    said = (
        write(given.run, given.out, given.count, given.seed, given.temperature)
        if given.verb == "write"
        else read(given.out)
    )
    sys.stdout.write(f"{said}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
