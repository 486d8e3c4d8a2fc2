"""`study --dry-run` says what is wrong with any arm before anything runs."""

import json

import pytest

STUDY = """
out = "runs"
[settings.task]
name = "countdown"
[settings.train]
steps = 4
[priming]
count = 30
[arms.plain]
settings.model = { path = "terse" }
[arms.equal]
tokens_of = "plain"
[arms.primed]
priming = "direct"
settings.model = { path = "terse" }
"""


def study(tmp_path, old="", new=""):
    assert old in STUDY
    path = tmp_path / "study.toml"
    path.write_text(STUDY.replace(old, new) if old else STUDY)
    return path


def test_a_dry_run_prints_the_study(cli, tmp_path):
    result = cli("study", study(tmp_path), "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert list(json.loads(result.out)["arms"]) == ["plain", "equal", "primed"]
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_names_models_that_are_not_there_yet(cli, tmp_path):
    result = cli("study", study(tmp_path, 'path = "terse"', 'path = "bases/b-{seed}"'), "--dry-run")
    assert result.code == 0
    assert "arms.plain: settings.model.path: bases/b-0: no checkpoint here" in result.err


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("steps = 4", "setps = 4", "setps"),
        ("steps = 4", 'steps = "four"', "steps"),
        ("count = 30", "cuont = 30", "cuont"),
        ("count = 30", "count = nan", "count"),
        ('tokens_of = "plain"', 'tokens_of = "plain"\nsettings.optim.lr = "fast"', "lr"),
    ],
)
def test_a_dry_run_refuses_what_the_study_would_refuse(cli, one_sentence, tmp_path, old, new, expected):
    assert expected in one_sentence(cli("study", study(tmp_path, old, new), "--dry-run"), 2)


def test_every_base_that_is_missing_is_named_with_the_command_that_builds_it(cli, tmp_path):
    path = study(tmp_path, 'path = "terse"', 'path = "bases/b-{seed}"')
    path.write_text(path.read_text().replace("[arms.plain]", '[arms.plain]\nbase = "terse"\nseeds = [4, 7]'))
    result = cli("study", path)
    assert result.code == 2
    for seed in (4, 7):
        assert f"build it: secondthought organism build terse bases/b-{seed} --seed {seed}" in result.err
    assert not (tmp_path / "runs").exists()
