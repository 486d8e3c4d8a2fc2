"""`secondthought tasks check` on every data set of reasoning-gym: which pass, and why the others do not.

    python evidence/answers/reasoning_gym_checks.py OUT.jsonl [PROBLEMS]

Needs the extra `gym`. One line a data set; one that is there already is not checked again, so an interrupted run goes
on. A data set that takes longer than `LONGEST_S` is listed as slow. The last lines are printed: passed, and the others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from reasoning_gym.factory import DATASETS

LONGEST_S = 120.0
"""By the clock, for all checks of one data set."""
STATUSES = ("failed", "skipped")


def main(out: Path, problems: int) -> None:
    """Check what is not checked yet, and print the table."""
    known = {row["name"]: row for row in map(json.loads, out.read_text().splitlines())} if out.exists() else {}
    left = sorted(DATASETS.keys() - known.keys())
    with out.open("a", encoding="utf-8") as file, ThreadPoolExecutor(os.cpu_count()) as pool:
        for row in pool.map(lambda name: {"name": name, **checked(name, problems)}, left):
            known[row["name"]] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
    passed = [name for name, row in sorted(known.items()) if not row["failed"]]
    sys.stdout.write(f"{len(passed)} of {len(known)} pass\n")
    for name, row in sorted(known.items()):
        for reason in row["failed"]:
            sys.stdout.write(f"| `{name}` | {reason} |\n")


def checked(name: str, problems: int) -> dict[str, Any]:
    """Return what failed, and what was skipped."""
    command = [sys.executable, "-m", "secondthought", "tasks", "check", f"reasoning_gym:{name}"]
    try:
        run = subprocess.run(
            [*command, "--problems", str(problems), "--json"],
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": [f"not done within {LONGEST_S:g} s"], "skipped": []}
    try:
        checks = json.loads(run.stdout)["checks"]
    except (ValueError, KeyError):
        return {"failed": [run.stderr.strip().splitlines()[-1] if run.stderr.strip() else "ended"], "skipped": []}
    return {status: [f"{c['check']}: {c['detail']}" for c in checks if c["status"] == status] for status in STATUSES}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
