"""From a TOML file to a report by the command line, then failures, training from them, and an evaluation."""

import json
from pathlib import Path

import forked_programs
from small_runs import SETTINGS

from secondthought.cli import main
from secondthought.config import overlay
from secondthought.runs.recorder import read_metrics

SUPPORT = Path(__file__).parents[1] / "support"


def toml(value, prefix=""):
    """Settings as TOML: scalars first, then tables."""
    lines = [f"{key} = {json.dumps(item)}" for key, item in value.items() if not isinstance(item, dict)]
    for key, item in value.items():
        if isinstance(item, dict):
            lines += ["", f"[{prefix}{key}]", toml(item, f"{prefix}{key}.")]
    return "\n".join(lines)


def test_end_to_end(tmp_path, checkpoints, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, config = str(checkpoints / "qwen2"), tmp_path / "run.toml"
    config.write_text(toml(overlay(SETTINGS, {"train": {"steps": 3}})))
    command = ["-m", "secondthought", "train", "reflect-retry", config]
    done = forked_programs.run(
        *command, "--model", model, "--run-dir", "runs/one", "--json", env={"PYTHONPATH": str(SUPPORT)}
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "finished"
    assert "step 3/3" in done.stderr
    assert "<html" in (tmp_path / "runs/one/report.html").read_text()

    def cli(*words):
        capsys.readouterr()
        assert not main([*words, "--json"]), capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    assert "runs/one" in json.dumps(cli("runs", "list", "runs"))
    assert cli("runs", "show", "runs/one")["summary"]["steps"] == 3
    lucky = ["--task", "lucky_task:Lucky", "--model.device", "cpu", "--threads", "1"]
    few = ["--problems", "6", "--episode.max-attempt-tokens", "4"]
    mined = cli("failures", model, "--out", "failed.jsonl", *few, *lucky)
    assert mined["num_failures"] > 0
    from_file = ["--run-dir", "runs/two", "--train.failures", "failed.jsonl", "--train.steps", "2", "--quiet"]
    assert cli("train", "retry-only", str(config), "--model", model, *from_file)["arm"] == "retry-only"
    rows = read_metrics(tmp_path / "runs/two/metrics.jsonl")
    assert all("mine/problems" not in row for row in rows)
    last = json.loads((tmp_path / "runs/two/checkpoints/last.json").read_text())["step"]
    trained = f"./runs/two/checkpoints/step_{last:06d}"
    sizes = [*few, "--episode.max-reflection-tokens", "4"]
    assert cli("eval", model, trained, "--tasks", *lucky[1:], *sizes)

    few_words = ["--problems", "6", "--tries", "1", "--episode.max-attempt-tokens", "4"]
    measured = json.loads((tmp_path / "runs/two/summary.json").read_text())["checkpoint"]
    of_run, of_checkpoint = (cli("eval", path, *few_words, *lucky) for path in ("runs/two", f"runs/two/{measured}"))
    assert of_run["results"][0]["rates"] == of_checkpoint["results"][0]["rates"]
    assert of_run["results"][0]["model"] == "runs/two"
