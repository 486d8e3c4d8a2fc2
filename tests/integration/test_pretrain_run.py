"""Whole runs of continued pretraining: killed and resumed to the bit, measured against an oracle, by command."""

import json
import math
import re
import signal
from pathlib import Path

import pytest
import reference
from killed_runs import at_call, fork_and_die
from small_runs import untimed, weights

from secondthought.cli import main
from secondthought.config import ModelConfig, overlay
from secondthought.config.base import completed
from secondthought.config.pretrain import PretrainConfig
from secondthought.errors import RunError
from secondthought.inference.loading import load_policy
from secondthought.report import build_report
from secondthought.runs.recorder import read_metrics
from secondthought.train import checkpoint
from secondthought.train.likelihood.learner import LikelihoodLearner
from secondthought.train.likelihood.run import model_of
from secondthought.train.pretrain.inputs import PretrainMaterial
from secondthought.train.pretrain.run import train_pretrain

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
TEXTS = [f"Number {n}. " + "One and one is two. " * (1 + n % 4) for n in range(24)]
TOKENS = 1500


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "web.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return path


@pytest.fixture(scope="module")
def settings(data, checkpoints):
    return {
        "threads": 1,
        "data": [str(data)],
        "max_length": 40,
        "eval_share": 0.1,
        "model": {"path": str(checkpoints / "llama"), "device": "cpu"},
        "optim": {"lr": 3e-3},
        "train": {"tokens": TOKENS, "batch_tokens": 200, "eval_every": 3, "checkpoint_every": 2},
    }


def config_of(settings, run_dir, **changes):
    return completed(PretrainConfig, overlay(settings, {"run_dir": str(run_dir), **changes}), source="test")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, settings):
    path = tmp_path_factory.mktemp("whole") / "run"
    train_pretrain(config_of(settings, path), quiet=True)
    return path


POINTS = {
    "in the first step": lambda: at_call(LikelihoodLearner, "update", 1),
    "in a later step": lambda: at_call(LikelihoodLearner, "update", 6),
    "before a checkpoint has its name": lambda: at_call(checkpoint, "save", 3, after=True),
    "in the held-out loss": lambda: at_call(LikelihoodLearner, "held_out_loss", 3),
}


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_resumed(tmp_path, settings, whole, point):
    config = config_of(settings, tmp_path / "run")
    assert fork_and_die(lambda: train_pretrain(config, quiet=True), POINTS[point]) == -signal.SIGKILL
    train_pretrain(config, resume=True, quiet=True)
    assert untimed(config.run_dir) == untimed(whole)
    assert weights(config.run_dir) == weights(whole)


def test_just_so_many_tokens_are_learned_and_the_loss_falls(whole):
    rows = read_metrics(whole / "metrics.jsonl")
    found = json.loads((whole / "summary.json").read_text())
    assert found["tokens_learned"] == TOKENS == sum(row.get("tokens/learned", 0) for row in rows)
    assert [row["step"] for row in rows if "eval/loss" in row] == sorted({0, 3, 6, found["steps"]})
    assert rows[-1]["loss/pretrain"] < 0.8 * rows[1]["loss/pretrain"]
    assert found["eval_loss_after"] < found["eval_loss_before"]


@pytest.mark.parametrize("share_trunk", [True, False])
def test_held_out_perplexity_is_that_of_each_window_alone(tmp_path, settings, share_trunk):
    """An oracle reads window by window and token by token: documents that are packed see nothing of each other."""
    config = config_of(settings, tmp_path / "run", train={"tokens": 1, "share_trunk": share_trunk})
    material = PretrainMaterial.of(config)
    losses = []
    for window in material.held_out:
        scores = reference.row_logprobs(material.policy.model, [*window.prompt, *window.completion])
        losses += [-float(score.detach()) for score in scores[len(window.prompt) - 1 :]]
    train_pretrain(config, quiet=True)
    [first, *_] = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert first["eval/loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_metrics_are_on_their_page(whole):
    page = PAGE.read_text().split("## Pretraining")[1].split("\n## ")[0]
    written = {key for row in read_metrics(whole / "metrics.jsonl") for key in row}
    assert set(re.findall(r"^- `([^`]+)`", page, flags=re.MULTILINE)) == written


def test_other_documents_are_refused(tmp_path, settings, data):
    own = tmp_path / "own.jsonl"
    own.write_text(data.read_text())
    config = config_of(settings, tmp_path / "run", data=[str(own)])
    kill = POINTS["in a later step"]
    assert fork_and_die(lambda: train_pretrain(config, quiet=True), kill) == -signal.SIGKILL
    own.write_text(own.read_text().replace("two", "too"))
    with pytest.raises(RunError, match=r"own.jsonl: is not the data that the run in .* began with"):
        train_pretrain(config, resume=True, quiet=True)


def test_rows_with_prompts_and_an_adapter(tmp_path, settings):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": f"What is {n}+1? It is {n + 1}.", "prompt": f"What is {n}+1? "} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    changes = {"data": [str(path)], "learn": "responses", "model": {"lora": {"rank": 4}}}
    config = config_of(settings, tmp_path / "run", **changes)
    found = train_pretrain(config, quiet=True)
    assert found["eval_loss_after"] < found["eval_loss_before"]
    policy = load_policy(ModelConfig(path=str(model_of(config.run_dir)), device="cpu"))
    assert policy.adapter is not None


def test_the_command_and_the_report(tmp_path, settings, data, capsys):
    words = ["train", "pretrain", "--data", str(data), "--model", settings["model"]["path"], "--threads", "1"]
    words += ["--out", str(tmp_path / "run"), "--train.tokens", "400", "--max-length=40", "--train.batch-tokens=100"]
    assert not main([*words, "--quiet"])
    said = capsys.readouterr().out
    found = re.search(
        r"400 tokens of \d+ documents learned in 4 steps, loss .*, held-out perplexity (.*) -> (.*)\n", said
    )
    losses = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert [float(number) for number in found.groups()] == pytest.approx(
        [math.exp(losses["eval_loss_before"]), math.exp(losses["eval_loss_after"])], rel=1e-3
    )
    build_report([tmp_path / "run"], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "After 4 steps of pretraining on 23 documents of" in page
    assert "Loss on held-out documents" in page
    assert main(["train", "pretrain", "--model", "small"]) == 2
    assert "--data is missing" in capsys.readouterr().err
