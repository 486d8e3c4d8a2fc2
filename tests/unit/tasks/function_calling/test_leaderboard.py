"""Hard cases, with the verdicts that the leaderboard's own checker gave (`evidence/function_calling/parity.py`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secondthought.tasks.function_calling import FunctionCalling
from secondthought.tasks.function_calling.judge import judge
from secondthought.tools.calls import Call, CallReading

EVIDENCE = Path(__file__).parents[4] / "evidence" / "function_calling"
CASES = [json.loads(line) for line in (EVIDENCE / "cases.jsonl").read_text(encoding="utf-8").splitlines()]


def accepts(case, mode):
    task = FunctionCalling(mode=mode)
    problem = task.parse({"question": "?", "function": case["function"], "ground_truth": case["ground_truth"]})
    calls = tuple(Call(call["name"], call["arguments"]) for call in case["calls"])
    return judge(CallReading(calls), task.wanted(problem), mode) is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_bfcl_mode_says_what_the_leaderboard_said(case):
    assert accepts(case, "bfcl") == case["leaderboard"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_strict_mode_says_what_is_right(case):
    assert accepts(case, "strict") == case["strict"]


def test_the_cases_tell_the_modes_apart():
    assert sum(case["leaderboard"] and not case["strict"] for case in CASES) >= 8
    assert sum(case["strict"] and not case["leaderboard"] for case in CASES) >= 5


def test_the_table_of_the_whole_comparison_holds_no_difference():
    table = json.loads((EVIDENCE / "parity.json").read_text(encoding="utf-8"))
    assert len(table) == 11
    for category, counts in table.items():
        assert counts["differ"] == 0, category
        assert counts["outputs"] >= 3 * counts["entries"], category
        assert 0 < counts["accepted"] < counts["outputs"], category
