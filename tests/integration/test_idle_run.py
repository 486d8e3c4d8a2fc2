"""A run that learns nothing says so early, stops, keeps its checkpoint, and is not called a success."""

import json

import pytest
from lucky_task import Lucky
from small_runs import NO_CONTROLS, small_config

from secondthought.cli import main
from secondthought.cli.run_options import require_learning
from secondthought.errors import RunError
from secondthought.runs.directory import RunDirectory
from secondthought.runs.endings import cautions
from secondthought.runs.recorder import read_metrics
from secondthought.train.run import execute
from secondthought.types import Verdict


def idle_config(path, model, **train):
    return small_config(path, model, evaluation=NO_CONTROLS, train={"steps": 12, "eval_every": 12, **train})


def test_all_first_tries_right_is_no_success(tmp_path, checkpoints, monkeypatch, capfd):
    """No group was played in the whole run: rewards are absent, not 1, and no weight ever moved."""
    right = Verdict(correct=True, reward=1.0, reason="correct", well_formed=True)
    monkeypatch.setattr(Lucky, "verify", lambda self, problem, text: right)
    config, longer = (idle_config(tmp_path / "run", checkpoints / "qwen2", patience=steps) for steps in (6, 8))
    summary = execute(config, quiet=False)
    said = capfd.readouterr().err
    assert "warning: step 5: nothing was learned for 5 steps: the policy failed at no problem" in said
    assert "evaluating the untrained model again" in said
    assert (summary["status"], summary["steps"], summary["evaluated_step"]) == ("stopped", 6, 0)
    assert summary["stopped"].startswith("stopped after step 6: nothing was learned in the last 6 steps")
    run = RunDirectory.open(config.run_dir)
    assert run.checkpoints.pointer("last")["step"] == 6
    notes = list(cautions(summary))
    assert len(notes) == 2
    assert "--resume --evaluation.checkpoint last" in notes[0]
    page = (config.run_dir / "report.html").read_text()
    assert "nothing was learned in the last 6 steps" in page
    assert "is the untrained model itself" in page
    with pytest.raises(RunError, match="stopped after step 6"):
        require_learning(summary)
    assert not main(["runs", "show", str(config.run_dir)])
    assert "note: no validation found the policy better" in capfd.readouterr().out

    assert execute(config, resume=True)["steps"] == 6  # with the same patience nothing is left to do
    assert execute(longer, resume=True)["steps"] == 8
    assert [row["step"] for row in read_metrics(run.metrics_path)] == list(range(9))
    assert json.loads((config.run_dir / "summary.json").read_text())["status"] == "stopped"


def test_patience_0_never_stops(tmp_path, checkpoints, monkeypatch):
    wrong = Verdict(correct=False, reward=0.0, reason="wrong", well_formed=True)
    monkeypatch.setattr(Lucky, "verify", lambda self, problem, text: wrong)
    monkeypatch.setattr(Lucky, "gold", lambda self, problem: None)
    path, model = tmp_path / "run", checkpoints / "qwen2"
    summary = execute(idle_config(path, model, steps=4, eval_every=4, patience=0))
    assert (summary["status"], summary["steps"]) == ("finished", 4)
    stopped = execute(idle_config(tmp_path / "other", model, steps=4, eval_every=4, patience=3))
    assert "no try was right" in stopped["stopped"]
