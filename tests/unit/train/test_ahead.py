"""The next step is sampled while this one is learned from: the same run as one that takes turns with old weights."""

import os
import signal
import threading
import time

import pytest
from small_runs import NO_CONTROLS, evaluations, small_config, untimed
from vllm_server import serving

from secondthought.errors import ConfigError, PolicyError
from secondthought.runs.recorder import read_metrics
from secondthought.train import run as run_module
from secondthought.train.ahead import Ahead
from secondthought.train.learner import Learner
from secondthought.train.run import execute

pytest.importorskip("peft")


@pytest.fixture
def held(checkpoints):
    with serving(checkpoints / "qwen2") as held:
        yield held


def config_of(run_dir, checkpoints, held, *, ahead=True, **train):
    return small_config(
        run_dir,
        checkpoints / "qwen2",
        model={"lora": {"rank": 4}},
        optim={"lr": 0.05, "warmup_steps": 0},
        evaluation=NO_CONTROLS,
        train={"steps": 4, "eval_every": 2, **train},
        inference={"engine": "vllm", "url": held.url, "attempts": 2, "ahead": ahead},
    )


def test_it_is_the_run_that_takes_turns_with_weights_one_update_older(tmp_path, checkpoints, held, monkeypatch):
    """The oracle plays the next step whole before it learns; sampling meanwhile must change nothing."""
    config = config_of(tmp_path / "run", checkpoints, held)
    execute(config, quiet=True)
    begin = Ahead.begin

    def play_first(self, step):
        begin(self, step)
        self._begun[1].exception()

    monkeypatch.setattr(Ahead, "begin", play_first)
    oracle = config_of(tmp_path / "oracle", checkpoints, held)
    execute(oracle, quiet=True)
    assert untimed(config.run_dir) == untimed(oracle.run_dir)
    assert evaluations(config.run_dir) == evaluations(oracle.run_dir)
    monkeypatch.undo()
    fresh = config_of(tmp_path / "fresh", checkpoints, held, ahead=False)
    execute(fresh, quiet=True)
    rows, others = untimed(config.run_dir), untimed(fresh.run_dir)
    assert [row.get("inference/staleness") for row in rows] == [None, 0.0, 1.0, 1.0, 1.0]
    assert all("inference/staleness" not in row for row in others)
    for row in rows:
        row.pop("inference/staleness", None)
    assert rows[1] == others[1], "the first step is of the same weights"
    assert rows[3] != others[3]


def test_the_model_learns_while_the_servers_sample(tmp_path, checkpoints, held, monkeypatch):
    """Each waits for the other here: a run that took turns would never end."""
    sampling, learning = threading.Event(), threading.Event()
    update, begin = Learner.update, Ahead.begin

    def met(answer):
        if threading.current_thread() is not threading.main_thread() and begun:
            sampling.set()
            assert learning.wait(30)
        return answer

    begun = []
    held.change = met

    def watched(self, step):
        begun.append(step)
        begin(self, step)

    def waits(self, *args, **kwargs):
        if begun:
            assert sampling.wait(30)
            learning.set()
        return update(self, *args, **kwargs)

    monkeypatch.setattr(Ahead, "begin", watched)
    monkeypatch.setattr(Learner, "update", waits)
    found = execute(config_of(tmp_path / "run", checkpoints, held, steps=2, eval_every=2), quiet=True)
    assert found["status"] == "finished"
    assert begun == [2]


def test_validation_is_by_the_newest_weights(tmp_path, checkpoints, held, monkeypatch):
    seen, validate = [], run_module.validate

    def watched(player, *args):
        before = len(held.routes("/v1/completions"))
        found = validate(player, *args)
        seen.append({body["model"] for body in held.routes("/v1/completions")[before:]})
        return found

    monkeypatch.setattr(run_module, "validate", watched)
    execute(config_of(tmp_path / "run", checkpoints, held), quiet=True)
    versions = [int(name.rsplit("-", 1)[1]) for names in seen for name in names]
    assert len(versions) == len(seen) == 3, "each of one version"
    assert versions == [1, 3, 4], "of no update, of two, of four: those of three nobody needed"


def test_what_the_servers_refuse_ends_the_step_that_needs_it(tmp_path, checkpoints, held):
    def refuse(answer):
        if len(held.routes("/v1/load_lora_adapter")) == 2:
            raise ValueError("no more")
        return answer

    held.change = refuse
    with pytest.raises(PolicyError, match=r"step \d: .*no more"):
        execute(config_of(tmp_path / "run", checkpoints, held, eval_every=4), quiet=True)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


@pytest.mark.parametrize("at", ["learning", "waiting"])
def test_ctrl_c_ends_it_at_once_and_it_goes_on(tmp_path, checkpoints, held, monkeypatch, at):
    """What is under way at the servers is let go, whether the model learns just then or waits for them."""
    update, gate = Learner.update, threading.Event()

    def interrupted(self, trees, step, *rest):
        found = update(self, trees, step, *rest)
        if step == 2:
            held.change = lambda answer: gate.wait(60) and answer
            later = 0.0 if at == "learning" else 1.0
            threading.Timer(later, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        return found

    monkeypatch.setattr(Learner, "update", interrupted)
    config, began = config_of(tmp_path / "run", checkpoints, held, eval_every=4), time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            execute(config, quiet=True)
        assert time.monotonic() - began < 40, "the servers are silent for a minute"
    finally:
        gate.set()
        held.change = lambda answer: answer
    monkeypatch.undo()
    found = execute(config, resume=True, quiet=True)
    assert found["status"] == "finished"
    rows = read_metrics(config.run_dir / "metrics.jsonl")
    assert [row["inference/staleness"] for row in rows[1:]] == [0.0, 1.0, 0.0, 1.0], "the first after resuming is fresh"


def test_a_budget_of_tokens_ends_it(tmp_path, checkpoints, held):
    config = config_of(tmp_path / "run", checkpoints, held, steps=100, max_sampled_tokens=600, eval_every=100)
    found = execute(config, quiet=True)
    assert found["status"] == "finished"
    assert found["tokens_sampled"] >= 600


@pytest.mark.parametrize("kind", ["reinforce", "reflect-grpo"])
def test_an_algorithm_without_a_ratio_against_the_weights_that_sampled_cannot(tmp_path, checkpoints, held, kind):
    with pytest.raises(ConfigError, match=f"importance ratio .* {kind} has none"):
        small_config(
            tmp_path / "run",
            checkpoints / "qwen2",
            algorithm={"type": kind, "kl_ref": 0.0},
            inference={"engine": "vllm", "url": held.url, "ahead": True},
        )


def test_what_is_said_of_a_step_is_of_the_weights_that_sampled_it(tmp_path, checkpoints, held, monkeypatch):
    from secondthought.inference.served.policy import ServedPolicy

    gaps, bring = [], ServedPolicy._bring_if_changed

    def watched(self):
        found = bring(self)
        if not gaps or found.reading.gap != gaps[-1]:
            gaps.append(found.reading.gap)
        return found

    monkeypatch.setattr(ServedPolicy, "_bring_if_changed", watched)
    config = config_of(tmp_path / "run", checkpoints, held, steps=3, eval_every=3)
    execute(config, quiet=True)
    rows = read_metrics(config.run_dir / "metrics.jsonl")
    assert [row["inference/gap"] for row in rows[1:]] == pytest.approx([gaps[0], gaps[0], gaps[1]], rel=1e-6)


def test_a_local_model_cannot(tmp_path, checkpoints):
    with pytest.raises(ConfigError, match=r"ahead is of a server"):
        small_config(tmp_path / "run", checkpoints / "qwen2", inference={"ahead": True})
