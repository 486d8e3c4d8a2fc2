"""A run goes on from the weights that it began from, by the code that is there, and never from what is no number."""

import json
import math

import pytest
import torch
from small_runs import small_config
from tiny_models import byte_tokenizer, tiny_model, tiny_policy

from secondthought.distributed.world import World
from secondthought.errors import RunError
from secondthought.models.digest import sum_of_weights
from secondthought.runs.directory import RunDirectory
from secondthought.train import base, checkpoint
from secondthought.train.gradient_step import BrokenUpdate, take_step
from secondthought.train.run import execute

FEW = {"problems": 2, "controls": False}


def test_one_number_of_a_weight_changes_the_digest():
    model = tiny_model()
    before = sum_of_weights(model)
    assert sum_of_weights(tiny_model()) == before
    with torch.no_grad():
        model.lm_head.weight[37, 5] += 1e-6
    assert sum_of_weights(model) != before
    assert sum_of_weights(tiny_model().half()) != before


def test_other_weights_are_refused_and_a_run_without_a_record_gets_one(tmp_path):
    run, policy = RunDirectory(tmp_path), tiny_policy()
    base.require_same_base(run, World.alone(), policy)
    assert json.loads((tmp_path / base.BASE).read_text()) == {"digest": policy.sum_of_weights(), "revision": None}
    base.require_same_base(run, World.alone(), tiny_policy())
    with pytest.raises(RunError, match="tiny-qwen2 has other weights now than when this run began, so its KL terms"):
        base.require_same_base(run, World.alone(), tiny_policy(seed=1))


def test_a_hub_revision_is_named(tmp_path):
    policy = tiny_policy()
    policy.model.config._commit_hash = "abc"
    base.require_same_base(RunDirectory(tmp_path), World.alone(), policy)
    other = tiny_policy(seed=1)
    other.model.config._commit_hash = "def"
    with pytest.raises(RunError, match=r"\(revision abc; now def\)"):
        base.require_same_base(RunDirectory(tmp_path), World.alone(), other)


REMOTE = """
import transformers
from transformers import Qwen2Config, Qwen2ForCausalLM


class OwnConfig(Qwen2Config):
    model_type = "own-kind"


class OwnForCausalLM(Qwen2ForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def remote(tmp_path):
    """A checkpoint that brings its own code."""
    path = tmp_path / "remote"
    tiny_model().save_pretrained(path)
    byte_tokenizer().save_pretrained(path)
    (path / "own.py").write_text(REMOTE, encoding="utf-8")
    config = json.loads((path / "config.json").read_text())
    config |= {"model_type": "own-kind", "architectures": ["OwnForCausalLM"]}
    config["auto_map"] = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnForCausalLM"}
    (path / "config.json").write_text(json.dumps(config))
    return path


def test_a_model_with_code_of_its_own_ends_and_resumes_without_a_question(remote, tmp_path, monkeypatch):
    def asked(*_):
        raise AssertionError("asked on the terminal")

    monkeypatch.setattr("builtins.input", asked)
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))

    def config_of(steps):
        config = small_config(tmp_path / "run", remote, train={"steps": steps}, evaluation=FEW)
        return config.model_copy(update={"model": config.model.model_copy(update={"trust_remote_code": True})})

    assert execute(config_of(1), quiet=True)["status"] == "finished"
    config = config_of(2)
    assert execute(config, resume=True, quiet=True)["steps"] == 2


@pytest.mark.parametrize("broken", [math.nan, math.inf, 1e30])
def test_no_checkpoint_is_written_of_weights_that_are_no_numbers(broken, tmp_path):
    class Learner:
        world = World.alone()

    policy = tiny_policy()
    with torch.no_grad():
        policy.model.model.norm.weight[2] = broken
    with pytest.raises(RunError, match=r"^step 7: no checkpoint is written: .* stands in model\.norm\.weight: take an"):
        checkpoint.save(tmp_path, policy, Learner(), {"step": 7})
    assert not list(tmp_path.iterdir())


def test_an_update_that_leaves_the_numbers_stops_there():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.ones(3)
    optimizer = torch.optim.AdamW([weight])
    with pytest.raises(BrokenUpdate, match=r"learning rate of 1e\+30 left weights .*; lower critic\.lr"):
        take_step(optimizer, [weight], lr=1e30, max_norm=1.0, world=World.alone(), setting="critic.lr")


def test_a_run_that_leaves_the_numbers_is_not_finished_and_says_the_step(checkpoints, tmp_path):
    config = small_config(
        tmp_path / "run", checkpoints / "qwen2", train={"steps": 3}, optim={"lr": 1e25}, evaluation=FEW
    )
    with pytest.raises(RunError, match=r"^step \d: the update .*; lower optim\.lr"):
        execute(config, quiet=True)
    run = RunDirectory.open(tmp_path / "run")
    assert run.summary()["status"] == "failed"
    for step in run.checkpoints.steps():
        checkpoint.load_weights(run.checkpoints.at(step), tiny_policy())
