"""Holds the mode `bfcl` against the leaderboard's own checker, on every single-turn Python entry of its data.

    python evidence/function_calling/parity.py PACKAGES [--outputs FILE] [--write]

PACKAGES is the folder that holds `bfcl_eval` (the wheel of bfcl-eval 2026.3.23, unpacked; Apache-2.0). Each entry is
judged on its gold calls, on every change of `tests/support/changed_calls.py`, and on the model outputs of FILE (JSON
lines: id, dots, completion). `--write` renews `parity.json` and the verdicts of `cases.jsonl`, which tests replay.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tests" / "support"))

import changed_calls  # noqa: E402
from leaderboard_checker import LeaderboardChecker  # noqa: E402

from secondthought import jsonl  # noqa: E402
from secondthought.tasks.function_calling import FunctionCalling  # noqa: E402
from secondthought.tasks.function_calling.gold import right_calls, written  # noqa: E402
from secondthought.tasks.function_calling.judge import judge  # noqa: E402
from secondthought.tools.calls import Call, CallReading  # noqa: E402
from secondthought.tools.reading import read_calls  # noqa: E402

KINDS = "simple multiple parallel parallel_multiple".split()  # noqa: SIM905
CATEGORIES = (
    "simple_python",
    *KINDS[1:],
    *(f"live_{kind}" for kind in KINDS),
    "irrelevance",
    "live_irrelevance",
    "live_relevance",
)


def main() -> None:
    """Compare, print the table, and write it where asked to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", type=Path)
    parser.add_argument("--outputs", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    checker = LeaderboardChecker(given.packages)
    outputs: dict[str, list[Any]] = {}
    for line in jsonl.read(given.outputs) if given.outputs else ():
        outputs.setdefault(line.value["id"], []).append(line.value)
    table = {name: _category(checker, given.packages / "bfcl_eval" / "data", name, outputs) for name in CATEGORIES}
    sys.stdout.write(json.dumps(table, indent=1) + "\n")
    if given.write:
        (HERE / "parity.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
        _write_cases(checker)


def _category(checker: LeaderboardChecker, data: Path, category: str, outputs: dict[str, list[Any]]) -> dict[str, Any]:
    """Return how often both agreed over a category, and how often the leaderboard accepted."""
    counts: Counter[str] = Counter()
    stops: Counter[str] = Counter()
    for row, problem_row in _entries(data, category):
        counts["entries"] += 1
        for dots in ("keep", "underscore"):
            task = FunctionCalling(mode="bfcl", dotted_names=dots)
            problem = task.parse(problem_row)
            own = [item for item in outputs.get(row["id"], []) if item["dots"] == dots]
            for kind, reading in (*_made_up(task, problem), *_said(own, problem.tools)):
                theirs = _theirs(checker, row, problem_row, reading, category, dots)
                ours = judge(reading, task.wanted(problem), "bfcl") is None
                counts[kind] += 1
                counts["outputs"] += 1
                counts["accepted"] += theirs is True
                counts["stopped"] += isinstance(theirs, str)
                if ours != (theirs is True):
                    counts["differ"] += 1
                    sys.stderr.write(f"DIFFER {row['id']} {dots} {kind} theirs {theirs} ours {ours} {reading}\n")
                if isinstance(theirs, str):
                    stops[theirs] += 1
    return {
        **{name: counts[name] for name in ("entries", "gold", "changed", "model", "outputs")},
        **{name: counts[name] for name in ("accepted", "stopped", "differ")},
    }


def _entries(data: Path, category: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each entry as its file has it, and joined with its answer."""
    beside = data / "possible_answer" / f"BFCL_v4_{category}.json"
    answers = {line.value["id"]: line.value["ground_truth"] for line in jsonl.read(beside)} if beside.is_file() else {}
    for line in jsonl.read(data / f"BFCL_v4_{category}.json"):
        row = line.value
        yield row, {**row, "ground_truth": answers[row["id"]]} if answers else row


def _made_up(task: FunctionCalling, problem: Any) -> Iterator[tuple[str, CallReading]]:
    """Yield the gold and its changes; where no call is wanted, calls of the tools that are there."""
    wanted = task.wanted(problem)
    gold = right_calls(wanted, "strict") or ()
    yield "gold", read_calls(written(gold))
    calls = gold or tuple(Call(name, {"x": 1}) for name in wanted.signatures)[:2] or (Call("none_such", {}),)
    yield "changed", CallReading((), "broken")
    for _, changed in (*changed_calls.wrong(calls), *changed_calls.odd(calls)):
        yield "changed", CallReading(changed)
    for shuffled in _swapped(calls):
        yield "changed", CallReading(shuffled)


def _swapped(calls: tuple[Call, ...]) -> Iterator[tuple[Call, ...]]:
    """Yield calls that took a value from their neighbour: what tells first fit from the largest matching."""
    for place in range(len(calls) - 1):
        one, other = calls[place], calls[place + 1]
        for name in one.arguments.keys() & other.arguments.keys():
            mixed = Call(one.name, {**one.arguments, name: other.arguments[name]})
            yield (*calls[:place], mixed, *calls[place + 1 :])
            yield (*calls[:place], mixed, mixed, *calls[place + 2 :])


def _said(outputs: list[Any], tools: Any) -> Iterator[tuple[str, CallReading]]:
    for item in outputs:
        yield "model", read_calls(item["completion"], tools)


def _theirs(
    checker: LeaderboardChecker, row: Any, joined: Any, reading: CallReading, category: str, dots: str
) -> bool | str:
    calls = None if reading.malformed else [{call.name: dict(call.arguments)} for call in reading.calls]
    return checker.accepts(row["function"], calls, joined.get("ground_truth"), category, dots)


def _write_cases(checker: LeaderboardChecker) -> None:
    """Write the leaderboard's verdicts into the hand-written cases."""
    path = HERE / "cases.jsonl"
    cases = [line.value for line in jsonl.read(path)]
    for case in cases:
        calls = [{call["name"]: call["arguments"]} for call in case["calls"]]
        category = "parallel_multiple" if len(case["ground_truth"]) != 1 else "multiple"
        case["leaderboard"] = checker.accepts(case["function"], calls, case["ground_truth"], category, "keep")
    path.unlink()
    jsonl.write(path, cases)


if __name__ == "__main__":
    main()
