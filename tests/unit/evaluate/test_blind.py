"""Pairs of reflections read blind: the sheet tells nothing, and judgements come back to the right side."""

from __future__ import annotations

import json
from pathlib import Path

import forked_programs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought.errors import RunError
from secondthought.evaluate import write_rows
from secondthought.evaluate.blind import ReflectionPair, pairs_of, read_sheet, write_sheet
from secondthought.evaluate.rows import ProblemRow, TurnRow
from secondthought.stats import wilson
from secondthought.types import StopReason, TurnKind, Verdict

WRONG = Verdict(correct=False, reward=0.0, reason="wrong", well_formed=True)
SCRIPT = Path(__file__).parents[3] / "evidence" / "reflections" / "pairs.py"


def turn(kind, text, verdict=None):
    return TurnRow(kind=kind, request="Why?", text=text, num_tokens=3, stop=StopReason.END, verdict=verdict)


def row(name, reflection):
    turns = [turn(TurnKind.ATTEMPT, f"try {name}", WRONG)]
    turns += [turn(TurnKind.REFLECTION, reflection)] if reflection else []
    return ProblemRow(problem_id=name, data={}, temperature=1.0, turns=tuple(turns))


def pair(number):
    return ReflectionPair(
        problem_id=str(number), request="q", attempt="a", before=f"old {number}", after=f"new {number}"
    )


@pytest.fixture
def sheet(tmp_path):
    return tmp_path / "sheet.jsonl", tmp_path / "key.jsonl"


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def judge(path, says):
    path.write_text("".join(json.dumps({**item, "clearer": says(item)}) + "\n" for item in rows(path)))


def test_only_two_different_reflections_on_one_failure_make_a_pair():
    before = [row("a", "old"), row("b", "same"), row("c", None), row("d", "old")]
    [found] = pairs_of(before, {"a": "new", "b": "same", "c": "new"})
    assert (found.problem_id, found.before, found.after, found.attempt) == ("a", "old", "new", "try a")


def test_the_sheet_does_not_tell_and_the_key_does(sheet):
    assert write_sheet([pair(n) for n in range(40)], *sheet, count=30, seed=1) == 30
    shown, key = map(rows, sheet)
    assert {"problem_id", "after", "before"}.isdisjoint(shown[0])
    assert {item["after"] for item in key} == {"first", "second"}
    for item, told in zip(shown, key, strict=True):
        assert item[told["after"]] == f"new {told['problem_id']}"
        assert {item["first"], item["second"]} == {f"{age} {told['problem_id']}" for age in ("old", "new")}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["new", "old", "same", ""]), min_size=1, max_size=20), st.integers(0, 5))
def test_judgements_come_back_to_their_side(tmp_path_factory, says, seed):
    directory = tmp_path_factory.mktemp("blind")
    paths = directory / "sheet.jsonl", directory / "key.jsonl"
    write_sheet([pair(n) for n in range(len(says))], *paths, count=len(says), seed=seed)

    def clearer(item):
        said = says[int(item["first"].split()[1])]
        places = {item[place].split()[0]: place for place in ("first", "second")}
        return places.get(said, said)

    judge(paths[0], clearer)
    found = read_sheet(*paths)
    decided = says.count("new") + says.count("old")
    assert found.after_clearer.n == decided
    assert not decided or found.after_clearer == wilson(says.count("new"), decided)
    assert (found.same, found.unread) == (says.count("same"), says.count(""))


def test_what_cannot_be_used_is_named(sheet):
    with pytest.raises(RunError, match="nothing to read"):
        write_sheet([], *sheet, count=3, seed=0)
    write_sheet([pair(1)], *sheet, count=3, seed=0)
    with pytest.raises(RunError, match="exists already"):
        write_sheet([pair(1)], *sheet, count=3, seed=0)
    judge(sheet[0], lambda item: "third")
    with pytest.raises(RunError, match="line 1: 'clearer' must be first, second or same, not 'third'"):
        read_sheet(*sheet)
    sheet[1].write_text('{"pair": 7, "after": "first"}\n')
    with pytest.raises(RunError, match="does not say which reflection of pair 1"):
        read_sheet(*sheet)
    sheet[1].write_text("[]\n")
    with pytest.raises(RunError, match=r"key\.jsonl, line 1: "):
        read_sheet(*sheet)


def test_the_script_writes_and_reads(tmp_path):
    run = tmp_path / "run"
    (run / "evaluations").mkdir(parents=True)
    write_rows(run / "evaluations" / "before_t1.0.jsonl", [row(name, f"old {name}") for name in "abc"])
    later = [{"problem_id": name, "reflection": f"new {name}", "correct": False} for name in "ab"]
    (run / "stored_reflections.jsonl").write_text("".join(json.dumps(item) + "\n" for item in later))

    def script(*words):
        done = forked_programs.run(SCRIPT, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "2 pairs" in script("write", run, tmp_path / "blind")
    judge(tmp_path / "blind" / "sheet.jsonl", lambda item: "first" if item["first"].startswith("new") else "second")
    assert "after training clearer: 100%" in script("read", tmp_path / "blind")
