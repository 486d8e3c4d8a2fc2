"""Runs as reports read them: what a study declares of them makes arms, wherever a version has written it."""

import json

import pytest
from fake_runs import write_arm, write_fake_run

from secondthought.report.numbers.runs import arms, load_runs
from secondthought.runs import RunDirectory
from secondthought.runs.declaration import Declaration, declare, read


def as_earlier(path):
    """What is declared stood among the settings, in `origin`."""
    run = RunDirectory.open(path)
    written = json.loads((path / "config.json").read_text())
    written["config"]["origin"] = read(run).model_dump()
    (path / "declared.json").unlink()
    (path / "config.json").write_text(json.dumps(written))


@pytest.fixture
def study(tmp_path):
    runs = write_arm(tmp_path, "terse", before=0.1, after=0.2, dose=0.02, arm="plain")
    runs += write_arm(tmp_path / "a", "terse", "own", before=0.1, after=0.6, arm="one")
    return runs + write_arm(tmp_path / "b", "terse", "own", before=0.1, after=0.2, arm="other")


def shown(runs):
    return [(arm.name, arm.declared, [(run.label, run.model, run.arm) for run in arm.runs]) for arm in runs]


@pytest.mark.parametrize("count", [1, 4, 9])
def test_arms_are_the_same_whichever_version_wrote_the_runs(study, count):
    """Also where an earlier version made only some of them."""
    expected = shown(arms(load_runs(study)))
    assert [(name, declared.dose, len(runs)) for name, declared, runs in expected] == [
        ("terse", 0.02, 3),
        ("terse, primed: own (origin.arm=one)", None, 3),
        ("terse, primed: own (origin.arm=other)", None, 3),
    ]
    for path in study[:count]:
        as_earlier(path)
    assert shown(arms(load_runs(study))) == expected


def test_claims_are_known_of_runs_and_arms_and_part_no_arm(study):
    assert [arm.declared_claims for arm in arms(load_runs(study))] == [None, None, None]
    claimed = Declaration(base="terse", dose=0.02, arm="plain", claims="reflect-retry-reward")
    declare(RunDirectory.open(study[1]), claimed)
    assert [run.declared_claims for run in load_runs(study[:3])] == [None, "reflect-retry-reward", None]
    assert [arm.declared_claims for arm in arms(load_runs(study))] == ["reflect-retry-reward", None, None]


def test_claims_alone_make_no_arm(tmp_path):
    paths = [tmp_path / name for name in "ab"]
    for seed, path in enumerate(paths):
        with RunDirectory.create(path) as run:
            run.write_config({"seed": seed, "algorithm": {"type": "grpo"}})
            declare(run, Declaration(claims="four-habits" if seed else ""))
    [arm] = arms(load_runs(paths))
    assert (arm.name, arm.declared_claims) == ("grpo", "four-habits")


def test_outcomes_are_read_once(tmp_path, monkeypatch):
    run = load_runs([write_fake_run(tmp_path / "run", steps=2, problems=10)])[0]
    name = run.directory.evaluations()[0]
    first = run.outcomes(name)
    monkeypatch.setattr(RunDirectory, "evaluation", lambda *_: pytest.fail("read again"))
    assert first
    assert run.outcomes(name) == first
