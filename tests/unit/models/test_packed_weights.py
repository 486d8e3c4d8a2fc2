"""Matrices laid out for sampling: products within a rounding of the plain ones, and nothing of it stays."""

import pytest
import torch
from tiny_models import tiny_policy

from secondthought import rng
from secondthought.config import LoraConfig
from secondthought.models import lora
from secondthought.models.packed_weights import _LastCast, available, packed
from secondthought.types import Prompt, Sampling

pytestmark = pytest.mark.skipif(not available("cpu"), reason="this build of PyTorch lays out no matrices")
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
PROMPTS = [Prompt(trunk=(1, 2, 3, 4), tail=(7,) * (number % 2), key=rng.key("packed", number)) for number in range(5)]


def policy_of(architecture="qwen2", *, adapters=False):
    policy = tiny_policy(architecture, precision="bf16")
    if adapters:
        policy.adapter = lora.add(policy.model, LoraConfig(rank=4), base="nowhere")
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, weight in policy.model.named_parameters():
                if "lora_B" in name:
                    weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return policy


def logits_of(policy):
    with torch.no_grad(), policy.autocast():
        return policy.model(input_ids=IDS).logits.float()


def forwards(model):
    return {name for name, module in model.named_modules() if "forward" in vars(module)}


@pytest.mark.parametrize("adapters", [False, True])
def test_laid_out_or_not_logits_differ_by_roundings_alone(architecture, adapters):
    policy = policy_of(architecture, adapters=adapters)
    plain = logits_of(policy)
    exact = policy.model.float()(input_ids=IDS).logits.detach()
    with packed(policy.model):
        assert forwards(policy.model)
        found = logits_of(policy)
    assert (found - exact).abs().max() <= 3 * (plain - exact).abs().max() + 2**-7 * exact.abs().max()


def test_weights_that_are_laid_out_are_those_of_now():
    policy = policy_of()
    with packed(policy.model):
        before = logits_of(policy)
    with torch.no_grad():
        policy.model.get_output_embeddings().weight.neg_()
    with packed(policy.model):
        assert torch.allclose(logits_of(policy), -before, atol=1e-5)


@pytest.mark.parametrize("adapters", [False, True])
def test_nothing_of_it_stays_even_after_a_failure(adapters):
    policy = policy_of(adapters=adapters)
    before = forwards(policy.model)
    plain = logits_of(policy)
    with pytest.raises(KeyError), packed(policy.model), packed(policy.model):
        raise KeyError
    assert forwards(policy.model) == before
    assert torch.equal(logits_of(policy), plain)


def test_sampling_goes_by_laid_out_matrices_and_gradients_do_not():
    policy = policy_of(adapters=True)
    with policy.flow() as flow:
        flow.add(PROMPTS, Sampling(max_tokens=2))
        assert len(forwards(policy.model)) > 5
        assert policy.sample(PROMPTS, Sampling(max_tokens=4))  # another call inside takes nothing away
        assert len(forwards(policy.model)) > 5
    assert not forwards(policy.model)
    with policy.autocast():
        policy.model(input_ids=IDS).logits.float().sum().backward()
    assert any(weight.grad is not None and weight.grad.abs().sum() for weight in policy.model.parameters())


def test_in_fp32_nothing_is_laid_out():
    policy = tiny_policy()
    with policy.flow():
        assert not forwards(policy.model)


def test_a_cast_is_made_anew_once_its_source_has_changed():
    cast, x = _LastCast(), torch.ones(3)
    first = cast(x)
    assert cast(x) is first
    x.mul_(2)
    assert torch.equal(cast(x), torch.full((3,), 2.0, dtype=torch.bfloat16))
    assert torch.equal(cast(torch.zeros(3)), torch.zeros(3, dtype=torch.bfloat16))


def test_no_other_device_is_tried():
    assert not available("cuda")
