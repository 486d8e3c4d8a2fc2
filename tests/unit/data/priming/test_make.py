"""A priming set in one call from Python: the file, its provenance, and what cannot be asked for."""

import json

import pytest

from secondthought.data.priming.make import absent_habits, make_set
from secondthought.data.priming.request import ANY, FromFile, FromSearch, FromTeacher, PrimingSet
from secondthought.errors import ConfigError, RunError
from secondthought.inference.chat.endpoint import Endpoint


def test_a_set_by_search(tmp_path):
    out = tmp_path / "bv.jsonl"
    wanted = PrimingSet(kind="backtracking-verification", count=4, source=FromSearch(dials={"correct": 0.25}))
    provenance = make_set(wanted, out)
    assert json.loads((tmp_path / "bv.provenance.json").read_text()) == json.loads(json.dumps(provenance))
    assert len(out.read_text().splitlines()) == provenance["count"] == 4
    assert provenance["correct"] == 1
    assert absent_habits(wanted, provenance) == []
    with pytest.raises(RunError, match="exists already"):
        make_set(wanted, out)
    assert make_set(wanted, out, overwrite=True) == provenance


def test_a_set_of_traces_that_exist(tmp_path):
    source, out = tmp_path / "direct.jsonl", tmp_path / "again.jsonl"
    make_set(PrimingSet(kind="direct", count=3), source)
    assert make_set(PrimingSet(kind=ANY, source=FromFile(path=source)), out)["count"] == 3
    # Nothing in them backtracks, which a set of that name says.
    wanted = PrimingSet(kind="backtracking", source=FromFile(path=source))
    assert absent_habits(wanted, make_set(wanted, out, overwrite=True)) == ["backtracking"]


def test_the_task_is_loaded_by_the_name_and_options_that_are_recorded(tmp_path):
    from secondthought import tasks

    loaded = []

    def load_task(name, options):
        loaded.append((name, options))
        return tasks.load(name, options)

    source = tmp_path / "direct.jsonl"
    make_set(PrimingSet(kind="direct", count=2, wording="short"), source)
    wanted = PrimingSet(kind=ANY, source=FromFile(path=source), wording="short")
    provenance = make_set(wanted, tmp_path / "again.jsonl", load_task=load_task)
    assert loaded[-1] == ("countdown", {"preset": "four", "answer_format": "think"})
    assert provenance["task"]["options"] == loaded[-1][1]
    assert make_set(PrimingSet(kind="direct", count=2), source, overwrite=True, load_task=load_task)["task"] == {
        "name": "countdown",
        "options": {"preset": "priming", "answer_format": "think"},
        "split": "train",
    }
    assert loaded[-1] == ("countdown", {"preset": "priming", "answer_format": "think"})


@pytest.mark.parametrize("source", [FromSearch(), FromTeacher(endpoint=Endpoint(url="http://localhost:1", model="m"))])
def test_any_is_for_traces_that_exist(source):
    with pytest.raises(ConfigError, match="traces that exist already"):
        PrimingSet(kind=ANY, source=source)


def test_a_kind_that_is_not_there():
    with pytest.raises(ConfigError, match="did you mean 'backtracking'"):
        PrimingSet(kind="backtraking")
