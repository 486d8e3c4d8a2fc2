"""Names of models: a checkpoint on disk, a shipped one, a hub id."""

import pytest

from secondthought.config import ModelConfig
from secondthought.errors import PolicyError
from secondthought.inference.loading import load_policy
from secondthought.models import shipped


def test_disk_then_shipped_then_hub(checkpoints, tmp_path, monkeypatch):
    models = tmp_path / "models"
    (models / "small").mkdir(parents=True)
    (models / "small/config.json").write_text("{}")
    monkeypatch.setattr(shipped, "_MODELS", models)
    monkeypatch.chdir(tmp_path)
    assert shipped.resolve("small") == str(models / "small")
    assert shipped.resolve("large") == "large"
    assert shipped.resolve("somebody/small") == "somebody/small"
    (tmp_path / "small").mkdir()
    assert shipped.resolve("small") == str(models / "small")  # a directory that is no checkpoint hides nothing
    (tmp_path / "small/config.json").write_text("{}")
    assert shipped.resolve("small") == "small"


def test_a_checkpoint_is_called_as_the_config_calls_it(checkpoints):
    path = str(checkpoints / "qwen2")
    policy = load_policy(ModelConfig(path=path, precision="bf16"))
    assert (policy.name, policy.precision) == (path, "bf16")


def test_a_directory_that_is_called_like_a_shipped_model(checkpoints, tmp_path, monkeypatch):
    (tmp_path / "large").symlink_to(checkpoints / "qwen2")
    monkeypatch.chdir(tmp_path)
    assert load_policy(ModelConfig(path="large")).name == "large"


def test_what_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_MODELS", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match="ships no such model"):
        load_policy(ModelConfig(path="large"))
    with pytest.raises(PolicyError, match="no checkpoint"):
        load_policy(ModelConfig(path=str(tmp_path)))
    (tmp_path / "plain").mkdir()
    with pytest.raises(PolicyError, match="no checkpoint"):
        load_policy(ModelConfig(path="plain"))
