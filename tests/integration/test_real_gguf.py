"""A real model from its GGUF file: weights, logits, samples and a step of training. `make test-real` runs it."""

import json

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors.torch import load_file
from small_runs import small_config
from transformers import LlamaForCausalLM

from secondthought.config import ModelConfig
from secondthought.inference.loading import load_policy
from secondthought.models.gguf.cache import checkpoint_of
from secondthought.models.gguf.families import name_in_checkpoint
from secondthought.train.run import execute
from secondthought.types import Message, Prompt, Sampling

pytestmark = pytest.mark.real
TEXT = "The capital of France is Paris, and the capital of Italy is Rome."


@pytest.fixture(scope="module")
def smollm(real_model):
    return real_model("smollm2-135m-instruct")


def reference(file):
    """The weights by `gguf` alone, in fp32, tensor by tensor; queries' and keys' rows are put back by a loop."""
    found = {}
    for tensor in GGUFReader(file).tensors:
        values = np.array(dequantize(tensor.data, tensor.tensor_type))
        heads = {"attn_q": 9, "attn_k": 3}.get(tensor.name.split(".")[-2])
        if heads:
            half_head = len(values) // heads // 2
            halves = [(2 * head * half_head, half) for head in range(heads) for half in (0, 1)]
            rows = [first + 2 * row + half for first, half in halves for row in range(half_head)]
            values = values[rows]
        found[name_in_checkpoint(tensor.name)] = torch.from_numpy(values)
    return found


def test_weights_and_logits_are_those_of_gguf(smollm):
    directory, wanted = checkpoint_of(smollm), reference(smollm)
    held = load_file(directory / "model.safetensors")
    assert held.keys() == wanted.keys()
    assert all(torch.equal(held[name].float(), wanted[name].to(held[name].dtype).float()) for name in held)
    policy = load_policy(ModelConfig(path=str(smollm)))
    model = LlamaForCausalLM(policy.model.config).eval()
    model.load_state_dict({name: value.to(held[name].dtype).float() for name, value in wanted.items()}, strict=False)
    model.tie_weights()
    ids = torch.tensor([policy.chat.tokenizer(TEXT)["input_ids"]])
    with torch.no_grad():
        ours, theirs = (one(ids).logits.float().log_softmax(-1)[0] for one in (policy.model, model))
    assert float((ours - theirs).abs().max()) < 1e-3
    # A model whose rows or positions were out of order would be at ten nats a token.
    assert -float(ours[:-1].gather(1, ids[0, 1:, None]).mean()) < 3.0


def test_it_talks(smollm):
    policy = load_policy(ModelConfig(path=str(smollm)))
    start = policy.start([Message(role="user", content="What is the capital of France? Answer in one sentence.")])
    (said,) = policy.sample([Prompt(trunk=start, key=1)], Sampling(max_tokens=24, temperature=0.0))
    assert "Paris" in said.text


def test_a_step_of_training(smollm, tmp_path):
    config = small_config(
        tmp_path / "run",
        smollm,
        model={"lora": {"rank": 2}, "precision": "bf16"},
        algorithm={"type": "grpo", "group_size": 2, "kl_ref": 0.0},
        train={"steps": 1, "groups_per_step": 1, "eval_every": 1, "eval_problems": 2, "checkpoint_every": 1},
        evaluation={"problems": 2, "controls": False},
    )
    execute(config)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["steps"] == 1
