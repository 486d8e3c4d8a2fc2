"""The table of what the reward picks, against a sum over the stored groups written out."""

import json

import pytest
from fake_runs import write_fake_run

from secondthought.report import build_report
from secondthought.report.numbers.inputs import gather
from secondthought.report.numbers.readers import Reader
from secondthought.report.numbers.runs import load_runs
from secondthought.report.page.picked import picked_rows
from secondthought.types import Reading


class Checks:
    name = "checks"
    behaviors = ("verification", "backtracking")

    def detect(self, thoughts):
        return [
            Reading(counts={"verification": int("check" in thought.text), "backtracking": 0}) for thought in thoughts
        ]


@pytest.fixture
def one_reader(monkeypatch):
    reader = Reader(letter="w", name="by wording", detector=Checks())
    monkeypatch.setattr("secondthought.report.numbers.inputs.readers", lambda run: (reader,))


def by_hand(run):
    """Sum, over all stored groups, the advantages of reflections that say `check`, over the weights of the groups."""
    above = below = 0.0
    for path in sorted((run / "episodes").glob("*.jsonl")):
        groups = {}
        for row in map(json.loads, path.read_text().splitlines()):
            pairs = [
                ("check" in branch["reflection"]["text"], branch["tries"][0]["verdict"]["correct"])
                for branch in row["branches"]
            ]
            groups.setdefault(row["problem_id"], []).extend(pairs)
        for pairs in groups.values():
            mean = sum(right for _, right in pairs) / len(pairs)
            shows = sum(says for says, _ in pairs)
            above += sum(right - mean for says, right in pairs if says)
            below += shows * (len(pairs) - shows) / len(pairs)
    return above, below


def test_the_table_holds_what_the_groups_hold(tmp_path, one_reader):
    runs = [write_fake_run(tmp_path / f"run{seed}", seed=seed, steps=20, problems=10) for seed in (0, 1)]
    [row] = picked_rows(gather(load_runs(runs)))
    (a, b), (c, d) = map(by_hand, runs)
    assert (row.arm, row.reader, row.turn) == ("reflect-retry", "by wording", "reflection")
    assert row.differences[0].estimate == f"{100 * (a + c) / (b + d):+.1f}"
    assert row.differences[0].span
    assert [cell.estimate for cell in row.differences[1:]] == ["-"] * 3
    text = build_report(runs, tmp_path / "report.html").read_text()
    assert row.differences[0].span in text[text.index('id="picked"') :]
    assert 'href="#picked"' in text


def test_there_is_no_table_where_the_reward_had_no_choice(tmp_path, monkeypatch):
    never = Checks()
    never.detect = lambda thoughts: [Reading(counts={"verification": 0, "backtracking": 0}) for _ in thoughts]
    reader = Reader(letter="w", name="by wording", detector=never)
    monkeypatch.setattr("secondthought.report.numbers.inputs.readers", lambda run: (reader,))
    run = write_fake_run(tmp_path / "run", steps=10, problems=10)
    assert picked_rows(gather(load_runs([run]))) == []
    assert 'id="picked"' not in build_report([run], tmp_path / "report.html").read_text()
