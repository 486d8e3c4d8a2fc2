"""A whole run that trains an adapter: killed and resumed, read back as a model, merged by command."""

import json
import signal

import pytest
import torch
from killed_runs import at_call, run_and_die
from small_runs import NO_CONTROLS, assert_same_run, small_config

from secondthought.cli import main
from secondthought.config import LoraConfig, ModelConfig
from secondthought.inference.loading import load_policy
from secondthought.train.learner import Learner
from secondthought.train.run import execute
from secondthought.types import Prompt, Sampling


def config_of(run_dir, checkpoints):
    config = small_config(run_dir, checkpoints / "qwen2", optim={"lr": 0.03}, evaluation=NO_CONTROLS)
    return config.model_copy(update={"model": config.model.model_copy(update={"lora": LoraConfig(rank=4)})})


@pytest.fixture(scope="module")
def whole(tmp_path_factory, checkpoints):
    path = tmp_path_factory.mktemp("lora") / "run"
    execute(config_of(path, checkpoints), quiet=True)
    return path


def load(path):
    return load_policy(ModelConfig(path=str(path), device="cpu"))


def logits(policy):
    with torch.no_grad():
        return policy.model(input_ids=torch.arange(40)[None]).logits


def test_killed_and_resumed_it_is_the_same_run(tmp_path, checkpoints, whole):
    config = config_of(tmp_path / "run", checkpoints)
    assert run_and_die(config, patch=lambda: at_call(Learner, "update", 5)) == -signal.SIGKILL
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)


def test_its_checkpoints_are_adapters_that_load_as_models(checkpoints, whole):
    step = json.loads((whole / "checkpoints" / "last.json").read_text())["step"]
    found = load(whole / "checkpoints" / f"step_{step:06d}")
    assert found.adapter is not None
    assert not torch.allclose(logits(found), logits(load(checkpoints / "qwen2")), atol=1e-4)
    assert len(found.sample([Prompt(trunk=(1, 2), key=1)], Sampling(max_tokens=4))) == 1
    base = (checkpoints / "qwen2" / "model.safetensors").stat().st_size
    for file in whole.glob("checkpoints/step_*/*.safetensors"):
        assert file.stat().st_size < base / 2, file.name


def test_merge_writes_an_ordinary_checkpoint(tmp_path, checkpoints, whole, capsys):
    assert not main(["merge", str(whole), str(tmp_path / "merged"), "--checkpoint", "last", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["adapter"].startswith(str(whole / "checkpoints" / "step_"))
    merged, unmerged = load(tmp_path / "merged"), load(said["adapter"])
    assert merged.adapter is None
    assert said["parameters"] == sum(p.numel() for p in load(checkpoints / "qwen2").model.parameters())
    assert torch.allclose(logits(merged), logits(unmerged), rtol=1e-4, atol=1e-4)
    assert merged.fingerprint() == unmerged.fingerprint()
    assert not main(["merge", said["adapter"], str(tmp_path / "merged"), "--overwrite"])
    assert f"merged from {said['adapter']}" in capsys.readouterr().out


def test_merge_refuses_in_one_sentence(tmp_path, checkpoints, whole, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    for words, said in (
        ([str(whole), str(tmp_path / "full")], "already holds files"),
        ([str(checkpoints / "qwen2"), str(tmp_path / "out")], "holds no adapter"),
        ([str(tmp_path / "nothing"), str(tmp_path / "out")], "holds no adapter"),
    ):
        assert main(["merge", *words]) == 1
        assert said in capsys.readouterr().err
    assert (tmp_path / "full" / "file").read_text() == "mine"
