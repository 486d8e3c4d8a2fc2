"""Every example runs, and says what the documents say that it says."""

import runpy
import sys
from pathlib import Path

import pytest
import torch
import transformers as hf
from tiny_models import byte_tokenizer

from secondthought.train.curriculum import ShuffledPool

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def example(capsys, monkeypatch):
    """Run an example as `python examples/NAME.py ARGUMENTS` does, and return what it printed."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)  # a reader's computer has no other worker

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    yield run
    sys.modules.pop("own_task", None)


@pytest.fixture
def checkpoint(tmp_path):
    """A random model with room for a conversation in bytes."""
    config = hf.Qwen2Config(
        vocab_size=272,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=1024,
        bos_token_id=None,
        eos_token_id=258,
        pad_token_id=256,
    )
    path = tmp_path / "checkpoint"
    hf.Qwen2ForCausalLM(config).save_pretrained(path)
    byte_tokenizer().save_pretrained(path)
    return path


def test_every_example_has_a_test():
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == [
        "one_page",
        "own_task",
        "play_and_measure",
        "show_a_tree",
        "train_own_task",
    ]


def test_own_task(example):
    out = example("own_task")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["correct", "wrong", "no_answer"]


def test_one_page(example, monkeypatch):
    """Its numbers are held by the golden curve; here it runs as a reader runs it, for one step."""
    take = ShuffledPool.take
    monkeypatch.setattr(ShuffledPool, "take", lambda pool, step, count: take(pool, step, 2))
    lines = example("one_page").splitlines()
    assert [line.split("  ")[0] for line in lines] == ["step 1", "step 2", "step 3"]
    assert all("optim/grad_norm" in line for line in lines if "loss/total" in line)


def test_play_and_measure(example):
    out = example("play_and_measure")
    rates = {line.split()[0]: float(line.split()[1]) for line in out.splitlines() if line.startswith("  ")}
    assert rates["pass@1"] < rates["second_try"]
    assert rates["shuffled"] < rates["own"] < rates["oracle"]
    assert rates["contrary"] < rates["own"]


def test_show_a_tree(example):
    out = example("show_a_tree")
    credited = out.split("credit = ")[1:]
    assert [part.split()[0] for part in credited] == ["reflection", "retry", "all"]
    only_reflection, only_retry, everything = (part.splitlines()[2:] for part in credited)
    assert all("." not in line for line in only_reflection)
    assert all("_ ." in line for line in only_retry)
    assert {"+", "-"} <= set("".join(only_reflection))
    assert all(len(a) < len(b) for a, b in zip(only_reflection, everything, strict=True))


def test_train_own_task(example, checkpoint, tmp_path):
    out = example("train_own_task", checkpoint, tmp_path / "run")
    lines = out.splitlines()
    assert lines[0].startswith("before first_try 0.")
    assert lines[1].startswith("after first_try 0.")
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
