"""Writes reflections that each show one habit, on failures of the shipped small model: to prime it, before RL does.

    secondthought failures small --out data/failures.jsonl --options.preset tiny --problems 3000 --tries 4
    python evidence/joined/primed_reflections.py data/failures.jsonl data/joined

A file for each habit and one for `none`: rows of `train sft`, whose completion is the reflection alone. It is what
`prime` would write about the same problem, in the few words that the organisms know; whether its way ends right is
drawn with one share in all files. A problem that one of the files could not show its habit on is in none of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

from secondthought.tasks import load
from secondthought.types import HABITS

RIGHT = 0.5
"""Share of reflections whose way reaches the target."""
DRAWS = 60
"""Draws after which a problem is given up."""
ARMS: dict[str, frozenset[str]] = {"none": frozenset(), **{name: frozenset({name}) for name in HABITS}}


def reflection(task: Any, problem: Any, habit: str, *, right: bool, draw: Random) -> str | None:
    """Write a reflection that shows one habit and no other; None where no draw gave one."""
    writer = task.writer("short")
    for _ in range(DRAWS):
        written = writer.write(problem, draw, shows=ARMS[habit], requires=ARMS[habit], correct=right)
        if written is not None and written.thought:
            return written.thought
    return None


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("failures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--most", type=int, default=1500)
    given = parser.parse_args()
    task = load("countdown", {"preset": "tiny"})
    given.out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, Any]]] = {habit: [] for habit in ARMS}
    for number, line in enumerate(given.failures.read_text().splitlines()):
        failure = json.loads(line)
        problem = task.parse(failure["data"])
        right = Random(f"right {number}").random() < RIGHT
        made = {h: reflection(task, problem, h, right=right, draw=Random(f"{h} {number}")) for h in ARMS}
        if None in made.values() or len(rows["none"]) == given.most:
            continue
        said = [{"role": "user", "content": problem.messages[-1].content},
                {"role": "assistant", "content": failure["attempt"]["text"]},
                {"role": "user", "content": task.reflection_request}]  # fmt: skip
        for habit, text in made.items():
            rows[habit].append({"messages": said, "completion": text})
    for habit, items in rows.items():
        path = given.out / f"{habit}.jsonl"
        path.write_text("".join(json.dumps(item) + "\n" for item in items))
        sys.stdout.write(f"{path}: {len(items)}\n")


if __name__ == "__main__":
    main()
