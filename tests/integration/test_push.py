"""A trained model is sent with its card to a hub that is a stand-in; what goes wrong is one sentence."""

import os
import subprocess
import sys

import hub_server
import pytest

SHORT = """
run_dir = "run"
task = {{ name = "words:Words", train_problems = 8 }}
model = {{ path = "{model}" }}
episode = {{ max_attempt_tokens = 4, max_reflection_tokens = 4 }}
train = {{ steps = 1, groups_per_step = 2, eval_problems = 4, self_checks = false }}
evaluation = {{ problems = 4, temperatures = [1.0], controls = false }}
"""
LOADS = {"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


@pytest.fixture
def hub():
    with hub_server.running() as server:
        yield server


@pytest.fixture
def send(hub, tmp_path):
    def run(*words, **variables):
        known = {
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": hub_server.KEY,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(tmp_path / "hub"),
        }
        others = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        command = [sys.executable, "-m", "secondthought", *map(str, words)]
        return subprocess.run(
            command, capture_output=True, text=True, env=others | known | variables, cwd=tmp_path, check=False
        )

    return run


def one_sentence(done):
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line]
    return line


def test_what_loads_the_model_and_its_card_are_sent(hub, send, whole):
    done = send("push", whole, "me/tiny", "--private")
    assert (done.returncode, done.stdout) == (0, f"{hub.url}/me/tiny\n"), done.stderr
    sent = hub.files["me/tiny"]
    assert sent.keys() >= LOADS
    assert not [name for name in sent if name.startswith(("optimizer", "critic")) or name == "trainer.json"]
    assert hub.private["me/tiny"] is True
    assert "| second try, temperature 1.0 |" in sent["README.md"].decode()


def test_a_run_sends_what_it_trained(hub, send, tmp_path, checkpoints):
    made = send("init", "words")
    assert made.returncode == 0, made.stderr
    (tmp_path / "words.toml").write_text(SHORT.format(model=checkpoints / "qwen2"))
    done = send("train", "reflect-retry", "words.toml", "--quiet", "--push", "me/trained")
    assert done.returncode == 0, done.stderr
    assert f"sent to {hub.url}/me/trained" in done.stderr
    assert hub.files["me/trained"].keys() >= LOADS


@pytest.mark.parametrize(
    ("repo", "variables", "expected"),
    [
        ("me/tiny", {"HF_TOKEN": "hf_another"}, "the hub answered 401; is the key right"),
        ("me/tiny", {"HF_TOKEN": ""}, "the hub's key is missing; run `hf auth login`, or set HF_TOKEN"),
        ("me/tiny", {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ("me/tiny", {"HF_ENDPOINT": "http://127.0.0.1:9"}, "the hub cannot be reached"),
        ("../tiny", {}, "is no name of a repository"),
    ],
)
def test_what_goes_wrong_is_found_before_anything_is_sent(hub, send, whole, repo, variables, expected):
    assert expected in one_sentence(send("push", whole, repo, **variables))
    assert hub.files == {}


def test_training_does_not_begin_where_the_hub_would_refuse(send, tmp_path, checkpoints):
    done = send(
        "train", "grpo", "--model", checkpoints / "qwen2", "--run-dir", "run", "--push", "me/x", HF_TOKEN="hf_no"
    )
    assert "the hub answered 401" in one_sentence(done)
    assert not (tmp_path / "run").exists()


def test_a_directory_without_a_model_is_refused(send, tmp_path):
    assert "holds no config.json or adapter_config.json" in one_sentence(send("push", tmp_path, "me/tiny"))
