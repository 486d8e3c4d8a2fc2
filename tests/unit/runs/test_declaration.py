"""What a study says of a run lies beside it; runs of earlier versions, which have it among their settings, are read."""

import json

import pytest

from secondthought.config import RunConfig, resolve
from secondthought.errors import ConfigError, RunError
from secondthought.runs import RunDirectory
from secondthought.runs.declaration import Declaration, declare, parse, read

OLD_CONFIG = """{
  "written_by": "secondthought",
  "schema": 1,
  "config": {
    "run_dir": "RUN_DIR",
    "seed": 1,
    "threads": 1,
    "origin": {"base": "terse", "priming": "all-strategies", "arm": "terse-all-strategies", "dose": 0.02},
    "task": {"name": "countdown", "options": {"preset": "four"}},
    "algorithm": {"type": "grpo", "group_size": 16, "kl_ref": 0.0}
  }
}
"""
"""A config.json of an earlier version, cut to a few settings."""
DECLARED = Declaration(base="terse", priming="all-strategies", arm="terse-all-strategies", dose=0.02)


@pytest.fixture
def old(tmp_path):
    """A run of an earlier version."""
    (tmp_path / "config.json").write_text(OLD_CONFIG.replace("RUN_DIR", str(tmp_path)))
    return RunDirectory.open(tmp_path)


def test_what_an_old_run_declares_is_read_from_its_settings(old):
    assert read(old) == DECLARED
    assert not declare(old, DECLARED)
    assert not (old.path / "declared.json").exists()


def test_settings_of_an_old_run_are_readable_and_origin_is_none(old):
    config = RunConfig.model_validate(old.config())
    without = {key: value for key, value in old.config().items() if key != "origin"}
    assert config == resolve(without, source="test")
    assert "origin" not in json.loads(config.model_dump_json())


def test_other_unknown_keys_are_still_refused():
    with pytest.raises(ConfigError, match="origins"):
        resolve({"origins": {}}, source="test")
    with pytest.raises(ConfigError, match="origin"):
        resolve({"train": {"origin": {}}}, source="test")


def test_a_file_wins_over_old_settings_and_says_them_anew(old):
    new = DECLARED.model_copy(update={"base": "poor", "claims": "four-habits"})
    assert declare(old, new)
    assert read(old) == new
    assert not declare(old, new)
    assert declare(old, Declaration())
    assert read(old) == Declaration()


def test_nothing_declared_is_empty_and_leaves_no_file(tmp_path):
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_config({"seed": 0})
        assert read(run) == Declaration()
        assert not declare(run, Declaration())
        assert sorted(item.name for item in run.path.iterdir()) == ["config.json", "lock.json"]


def test_keys_of_later_versions_are_passed_over_and_damage_is_named(old):
    (old.path / "declared.json").write_text('{"base": "b", "mood": "good"}')
    assert read(old) == Declaration(base="b")
    (old.path / "declared.json").write_text('{"base": 3}')
    with pytest.raises(RunError, match=r"declared\.json: base"):
        read(old)


def test_tables_are_laid_over_each_other_and_checked():
    assert parse({"base": "a", "dose": 0.1}, {"base": "b"}, source="x") == Declaration(base="b", dose=0.1)
    for wrong in (3, {"basis": "a"}, {"dose": "much"}):
        with pytest.raises(ConfigError, match="x: origin: "):
            parse(wrong, source="x")
