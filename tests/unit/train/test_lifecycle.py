"""A run's directory before and after: what is declared of it, and what counts as another setting on resuming."""

import json

import pytest

from secondthought.config import resolve
from secondthought.errors import RunError
from secondthought.runs.declaration import Declaration, read
from secondthought.runs.directory import RunDirectory
from secondthought.train.changes import changes_of
from secondthought.train.lifecycle import in_run

ORIGIN = {"base": "terse", "priming": "direct", "arm": "one", "dose": None}


def run(path, *, fail=False, declared=None, resume=False, **settings):
    """A run that trains nothing; `fail` lets it end in the middle."""

    def complete(directory, world, prepared):
        if fail:
            raise KeyboardInterrupt
        directory.write_summary("finished", {})
        return directory.summary()

    config = resolve({"run_dir": str(path), "threads": 1, **settings}, source="test")
    how = {"timeout_s": 60.0, "resume": resume, "overwrite": False, "command": (), "facts": {}}
    return in_run(config, lambda world: None, complete, declared=declared, **how)


def interrupted(path, *, origin=False, **how):
    """A run that was stopped; with `origin`, as an earlier version left it."""
    with pytest.raises(KeyboardInterrupt):
        run(path, fail=True, **how)
    if origin:
        written = json.loads((path / "config.json").read_text())
        written["config"]["origin"] = ORIGIN
        (path / "config.json").write_text(json.dumps(written))
    return RunDirectory.open(path)


def test_what_is_declared_lies_beside_the_run_from_its_beginning(tmp_path):
    found = interrupted(tmp_path / "run", declared=Declaration(base="terse"))
    assert read(found) == Declaration(base="terse")
    assert "base" not in (tmp_path / "run/config.json").read_text()


def test_a_directory_that_is_not_begun_is_free(tmp_path):
    """What is declared must not be what makes a directory used."""
    assert run(tmp_path / "run", declared=Declaration(base="terse"))["status"] == "finished"
    with pytest.raises(RunError, match="already holds a run"):
        run(tmp_path / "run", declared=Declaration(base="terse"))


def test_an_old_run_is_resumed_and_keeps_what_it_said(tmp_path):
    found = interrupted(tmp_path / "run", origin=True)
    assert run(found.path, resume=True)["status"] == "finished"
    assert read(found) == Declaration.model_validate(ORIGIN)


def test_a_resumed_run_is_declared_anew(tmp_path):
    found = interrupted(tmp_path / "run", origin=True)
    assert run(found.path, resume=True, declared=Declaration(base="other"))["status"] == "finished"
    assert read(found) == Declaration(base="other")


@pytest.mark.parametrize("origin", [False, True])
def test_other_settings_are_still_refused(tmp_path, origin):
    found = interrupted(tmp_path / "run", origin=origin)
    with pytest.raises(RunError, match=r"other settings: seed \(0 -> 5\); give"):
        run(found.path, resume=True, seed=5)


def test_the_directory_counts_among_settings_but_not_what_is_none(tmp_path):
    found = interrupted(tmp_path / "run", origin=True)
    config = resolve({"run_dir": str(tmp_path / "elsewhere"), "threads": 1}, source="test")
    assert [change.name for change in changes_of(found, config)] == ["run_dir"]
