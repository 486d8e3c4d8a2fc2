"""Whole runs of fine-tuning: killed and resumed to the bit, by two processes, with an adapter, read back as a model."""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
import torch
from killed_runs import at_call, fork_and_die
from small_runs import untimed, weights
from two_processes import both

from secondthought.cli import main
from secondthought.config import ModelConfig, overlay
from secondthought.config.sft import resolve_sft
from secondthought.errors import ConfigError, RunError
from secondthought.inference.loading import load_policy
from secondthought.report import build_report
from secondthought.runs.checkpoints import Checkpoints
from secondthought.runs.listing import list_runs, show_run
from secondthought.runs.recorder import read_metrics
from secondthought.train import checkpoint
from secondthought.train.likelihood.learner import LikelihoodLearner
from secondthought.train.likelihood.run import model_of
from secondthought.train.sft.run import train_sft
from secondthought.types import Message, Prompt, Sampling, StopReason

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROWS = [
    {"messages": [{"role": "user", "content": f"{n % 9}?"}], "completion": f"it is {n * n}"[: 6 + n % 5]}
    for n in range(20)
]
"""Pairs of rows share a prompt."""
STEPS = 9


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.fixture(scope="module")
def settings(data, checkpoints):
    return {
        "threads": 1,
        "data": str(data),
        "eval_share": 0.2,
        "model": {"path": str(checkpoints / "qwen2"), "device": "cpu"},
        "optim": {"lr": 3e-3},
        "train": {"epochs": 3, "batch_size": 6, "checkpoint_every": 2},
    }


def config_of(settings, run_dir, **changes):
    return resolve_sft(overlay(settings, {"run_dir": str(run_dir), **changes}), source="test")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, settings):
    path = tmp_path_factory.mktemp("whole") / "run"
    train_sft(config_of(settings, path), quiet=True)
    return path


def summary(path):
    found = json.loads((path / "summary.json").read_text())
    return {key: value for key, value in found.items() if key != "seconds"}


def assert_same(found, wanted):
    assert untimed(found) == untimed(wanted)
    assert weights(found) == weights(wanted)
    assert summary(found) == summary(wanted)
    for name in ("checkpoints/best.json", "checkpoints/last.json", "data.json"):
        assert (found / name).read_bytes() == (wanted / name).read_bytes(), name
    assert model_tensors(found) == model_tensors(wanted)


def model_tensors(path):
    state = load_policy(ModelConfig(path=str(model_of(path)), device="cpu")).model.state_dict()
    return {name: value.numpy().tobytes() for name, value in state.items()}


def run_and_die(config, patch):
    return fork_and_die(lambda: train_sft(config, quiet=True), patch)


POINTS = {
    "in the first step": lambda: at_call(LikelihoodLearner, "update", 1),
    "in a later step": lambda: at_call(LikelihoodLearner, "update", 6),
    "before a checkpoint has its name": lambda: at_call(checkpoint, "save", 3, after=True),
    "between checkpoint and pointers": lambda: at_call(Checkpoints, "point", 3),
    "between the best and the last": lambda: at_call(Checkpoints, "point", 4),
    "in the held-out loss": lambda: at_call(LikelihoodLearner, "held_out_loss", 3),
    "before the model is written": lambda: at_call(checkpoint, "load_weights", 1),
}


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_resumed(tmp_path, settings, whole, point):
    config = config_of(settings, tmp_path / "run")
    assert run_and_die(config, POINTS[point]) == -signal.SIGKILL
    train_sft(config, resume=True, quiet=True)
    assert_same(config.run_dir, whole)
    assert [row["step"] for row in read_metrics(config.run_dir / "metrics.jsonl")] == list(range(STEPS + 1))


CTRL_C = {"in an update": ("update", 5, 5), "in the held-out loss": ("held_out_loss", 3, 6)}


@pytest.mark.parametrize("case", CTRL_C)
def test_an_interrupted_run_keeps_every_step(tmp_path, settings, whole, case, monkeypatch):
    name, number, kept = CTRL_C[case]
    original, calls = getattr(LikelihoodLearner, name), []

    def wrapped(self, *given):
        calls.append(1)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, *given)

    config = config_of(settings, tmp_path / "run", train={**settings["train"], "checkpoint_every": 100})
    monkeypatch.setattr(LikelihoodLearner, name, wrapped)
    with pytest.raises(KeyboardInterrupt):
        train_sft(config, quiet=True)
    monkeypatch.undo()
    assert Checkpoints(config.run_dir / "checkpoints").pointer("last") == {"step": kept}
    train_sft(config, resume=True, quiet=True)
    assert_same(config.run_dir, whole)


def test_a_finished_run_is_extended(tmp_path, settings, whole):
    """With a constant rate it is the run that was never finished."""
    constant = {**settings, "optim": {"lr": 3e-3, "schedule": "constant", "warmup_share": 0.0}}
    for name, epochs in (("straight", [3]), ("extended", [2, 3])):
        for number, count in enumerate(epochs):
            config = config_of(constant, tmp_path / name, train={**settings["train"], "epochs": count})
            train_sft(config, resume=number > 0, quiet=True)
    assert_same(tmp_path / "extended", tmp_path / "straight")
    with pytest.raises(RunError, match=r"train\.epochs \(3 -> 2\), which may only grow"):
        train_sft(config_of(settings, whole, train={**settings["train"], "epochs": 2}), resume=True, quiet=True)


def test_it_learned_and_says_what_it_did(whole):
    rows = read_metrics(whole / "metrics.jsonl")
    found = summary(whole)
    assert found["status"] == "finished"
    assert rows[-1]["loss/sft"] < 0.8 * rows[1]["loss/sft"]
    assert found["eval_loss_after"] == rows[-1]["eval/loss"] < found["eval_loss_before"] == rows[0]["eval/loss"]
    assert [row["step"] for row in rows if "eval/loss" in row] == [0, 3, 6, 9]
    assert found["examples"] + found["held_out"] == len(ROWS)
    assert found["tokens_learned"] == 3 * found["completion_tokens"]


def test_metrics_are_on_their_page(whole):
    page = PAGE.read_text().split("## Fine-tuning")[1].split("\n## ")[0]
    written = {key for row in read_metrics(whole / "metrics.jsonl") for key in row}
    assert set(re.findall(r"^- `([^`]+)`", page, flags=re.MULTILINE)) == written


def test_other_commands_read_it(tmp_path, whole, capsys):
    [row] = list_runs(whole)
    assert (row.status, row.arm, row.steps) == ("finished", "sft", STEPS)
    assert show_run(whole)["checkpoints"]["last"] == {"step": STEPS}
    assert not main(["runs", "show", str(whole)])
    build_report([whole], tmp_path / "report.html")
    assert "sft" in (tmp_path / "report.html").read_text()


def test_a_finished_run_is_returned_and_other_settings_or_data_are_refused(tmp_path, settings, whole, data):
    assert train_sft(config_of(settings, whole), resume=True, quiet=True)["status"] == "finished"
    with pytest.raises(RunError, match=r"other settings: optim\.lr \("):
        train_sft(config_of(settings, whole, optim={"lr": 1.0}), resume=True, quiet=True)
    with pytest.raises(RunError, match="already holds a run"):
        train_sft(config_of(settings, whole), quiet=True)
    own = tmp_path / "own.jsonl"
    shutil.copy(data, own)
    config = config_of(settings, tmp_path / "run", data=str(own))
    assert run_and_die(config, POINTS["in a later step"]) == -signal.SIGKILL
    own.write_text(own.read_text().replace("it is", "it's "))
    with pytest.raises(RunError, match=r"own.jsonl: is not the data that the run in .* began with"):
        train_sft(config, resume=True, quiet=True)
    with pytest.raises(RunError, match="is no finished run"):
        model_of(config.run_dir)


def test_the_end_token_is_learned(tmp_path, settings):
    """Overfitted, the model says exactly what it was shown, and stops."""
    rows = [
        {"messages": [{"role": "user", "content": "a"}], "completion": "one"},
        {"messages": [{"role": "user", "content": "b"}], "completion": "three"},
    ]
    path = tmp_path / "two.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = config_of(settings, tmp_path / "run", data=str(path), eval_share=0.0, train={"epochs": 60})
    train_sft(config, quiet=True)
    policy = load_policy(ModelConfig(path=str(model_of(config.run_dir)), device="cpu"))
    prompts = [Prompt(trunk=policy.start([Message(role="user", content=text)]), key=1) for text in "ab"]
    said = policy.sample(prompts, Sampling(temperature=0.0, max_tokens=12))
    assert [(done.text, done.stop) for done in said] == [("one", StopReason.END), ("three", StopReason.END)]


def test_best_weights_and_every_epoch_where_asked(tmp_path, settings):
    train = {"final": "best", "keep_epochs": True}
    config = config_of(settings, tmp_path / "run", optim={"lr": 0.05, "schedule": "constant"}, train=train)
    found = train_sft(config, quiet=True)
    losses = {
        row["step"]: row["eval/loss"] for row in read_metrics(config.run_dir / "metrics.jsonl") if "eval/loss" in row
    }
    best = min((step for step in losses if step), key=lambda step: losses[step])
    assert found["chosen_step"] == found["best_step"] == best
    assert sorted(path.name for path in config.run_dir.glob("checkpoints/step_*")) == [
        "step_000003",
        "step_000006",
        "step_000009",
    ]
    chosen = load_policy(ModelConfig(path=str(config.run_dir / f"checkpoints/step_{best:06d}"), device="cpu"))
    tensors = model_tensors(config.run_dir)
    assert all(tensors[name] == value.numpy().tobytes() for name, value in chosen.model.state_dict().items())


def test_an_adapter_is_trained_killed_resumed_and_loaded(tmp_path, settings, checkpoints):
    runs = [config_of(settings, tmp_path / name, model={"lora": {"rank": 4}}) for name in ("whole", "killed")]
    train_sft(runs[0], quiet=True)
    assert run_and_die(runs[1], POINTS["in a later step"]) == -signal.SIGKILL
    train_sft(runs[1], resume=True, quiet=True)
    assert_same(runs[1].run_dir, runs[0].run_dir)
    policy = load_policy(ModelConfig(path=str(model_of(runs[0].run_dir)), device="cpu"))
    assert policy.adapter is not None
    base = load_policy(ModelConfig(path=str(checkpoints / "qwen2"), device="cpu"))
    ids = torch.arange(30)[None]
    with torch.no_grad():
        assert not torch.allclose(policy.model(input_ids=ids).logits, base.model(input_ids=ids).logits, atol=1e-3)
        with policy.adapter.switched_off():
            assert torch.equal(policy.model(input_ids=ids).logits, base.model(input_ids=ids).logits)


def test_two_processes_do_what_one_does(tmp_path, settings, whole):
    config = config_of(settings, tmp_path / "run")
    first, second = both(tmp_path / "work", lambda rank, join: train_sft(config, quiet=True))
    assert first == second
    ours, theirs = (read_metrics(path / "metrics.jsonl") for path in (config.run_dir, whole))
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        for name in mine.keys() - {"time/step"}:
            assert mine[name] == pytest.approx(other[name], rel=1e-3)
    assert model_tensors(config.run_dir).keys() == model_tensors(whole).keys()


def test_the_command(tmp_path, settings, data, capsys):
    words = ["train", "sft", "--data", str(data), "--model", settings["model"]["path"], "--out", str(tmp_path / "run")]
    words += ["--train.steps", "2", "--train.batch-size=4", "--threads", "1", "--quiet"]
    assert not main([*words, "--dry-run"])
    assert resolve_sft(json.loads(capsys.readouterr().out), source="").train.steps == 2
    assert not main([*words, "--json"])
    assert json.loads(capsys.readouterr().out)["steps"] == 2
    assert (tmp_path / "run" / "model" / "config.json").is_file()
    assert not main([*words, "--resume"])
    assert "2 steps on 20 examples" in capsys.readouterr().out
    assert main([*words, "--resume", "--overwrite"]) == 2
    assert main(["train", "sft", "--model", "small"]) == 2
    assert "--data FILE: no such file" in capsys.readouterr().err


def test_rows_of_a_task_and_bad_rows_by_command(tmp_path, settings, capsys):
    path = tmp_path / "problems.jsonl"
    rows = [{"problem": {"numbers": [1, 2, 3], "target": 6}, "completion": "<answer>1+2+3</answer>"}, {"problem": {}}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = [
        "train",
        "sft",
        "--data",
        str(path),
        "--task",
        "countdown",
        "--model",
        settings["model"]["path"],
        "--quiet",
    ]
    assert main([*words, "--out", str(tmp_path / "bad")]) == 1
    assert f"{path}, line 2: field 'completion' is missing" in capsys.readouterr().err
    path.write_text(json.dumps(rows[0]) + "\n")  # nothing was begun, so the same command goes
    assert not main([*words, "--out", str(tmp_path / "bad"), "--train.steps", "1"])


def test_data_must_be_named():
    with pytest.raises(ConfigError, match="data is missing"):
        train_sft(resolve_sft({}, source="test"))
