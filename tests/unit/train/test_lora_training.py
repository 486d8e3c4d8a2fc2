"""Training an adapter: the loss and its gradient are those of full fine-tuning, seen from the adapter's matrices."""

import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lucky_task import Lucky
from strategies import forests
from tiny_models import byte_tokenizer, tiny_model, tiny_policy

from secondthought.config import AlgorithmConfig, LoraConfig, ModelConfig, OptimConfig, TrainConfig
from secondthought.errors import RunError
from secondthought.inference.loading import load_policy
from secondthought.models import lora
from secondthought.models.bf16_weights import is_held
from secondthought.train import checkpoint
from secondthought.train import self_checks as checks
from secondthought.train.learner import Learner
from secondthought.train.reference import AdapterBefore, AdapterOff

ALGORITHM = AlgorithmConfig(kl_ref=0.5, kl_anchor=0.3)
TASK = Lucky()


def adapted(architecture="qwen2", by=0.05):
    """A policy whose adapter is moved away from the base, so that every matrix has a gradient."""
    policy = tiny_policy(architecture)
    policy.adapter = lora.add(policy.model, LoraConfig(rank=4), base="nowhere")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter.add_(by * torch.randn(parameter.shape, generator=generator))
    return policy


def learner(policy, algorithm=ALGORITHM, lr=1e-3, **train):
    return Learner(policy, algorithm, OptimConfig(lr=lr, warmup_steps=0), TrainConfig(**train))


BY_ARCHITECTURE = {}


def gradient(policy, trees, **train):
    found = learner(policy, **train)
    found.reference = AdapterOff(policy.model, policy.adapter)  # as for an adapter that was new when the run began
    found.backward([tree for tree in trees if not tree.is_flat])
    assert all(parameter.grad is None for parameter in policy.model.parameters() if not parameter.requires_grad)
    return torch.cat([parameter.grad.flatten().double() for parameter in found.parameters])


@settings(max_examples=5)
@given(forests())
def test_shared_and_plain_gradients_agree(architecture, trees):
    policy = BY_ARCHITECTURE.setdefault(architecture, adapted(architecture))
    shared, plain = (gradient(policy, trees, share_trunk=share) for share in (True, False))
    assert float((shared - plain).norm()) <= 1e-5 * float(plain.norm()) + 1e-6


@settings(max_examples=5)
@given(forests())
@pytest.mark.parametrize("name", ["qwen2", "llama"])
def test_loss_and_gradient_equal_the_oracle_with_the_base_as_reference(name, trees):
    policy = BY_ARCHITECTURE.setdefault(name, adapted(name))
    found = gradient(policy, trees)
    exact = reference.double(policy.model)
    loss = reference.step_loss(exact, trees, ALGORITHM, reference.double(tiny_model(name)))
    loss.backward()
    wanted = torch.cat([p.grad.flatten() for name, p in exact.named_parameters() if ".lora_" in name])
    assert float((found - wanted).norm()) <= 1e-5 * float(wanted.norm()) + 1e-6


def test_only_the_adapter_is_optimized_and_no_second_model_is_kept():
    policy = adapted(by=0.0)
    found = learner(policy)
    assert isinstance(found.reference, AdapterOff)
    assert found.reference.model is policy.model
    own = {id(parameter) for name, parameter in policy.model.named_parameters() if ".lora_" in name}
    assert {id(p) for group in found.optimizer.param_groups for p in group["params"]} == own


@settings(max_examples=3)
@given(forests(2, 3))
def test_a_step_moves_the_adapter_and_leaves_the_base(trees):
    policy = adapted()
    found = learner(policy)
    found.reference = AdapterOff(policy.model, policy.adapter)
    before = {name: value.clone() for name, value in policy.model.state_dict().items()}
    stats = found.update(trees, step=1)
    moved = {name for name, value in policy.model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(".lora_" in name for name in moved)
    assert stats.kl_ref > 1e-6
    with policy.adapter.switched_off(), torch.no_grad():
        ids = torch.arange(30)[None]
        assert torch.equal(policy.model(input_ids=ids).logits, tiny_model()(input_ids=ids).logits)


def test_a_new_adapter_has_no_divergence_from_its_reference():
    policy = tiny_policy()
    policy.adapter = lora.add(policy.model, LoraConfig(rank=4), base="nowhere")
    found = learner(policy)
    tree = checks._sampled_tree(policy, TASK.problems("train", 1, 0)[0], 1.0)
    assert found.backward([tree]).kl_ref == 0.0


@settings(max_examples=4)
@given(forests(2, 3), st.booleans())
def test_an_adapter_that_was_trained_before_is_itself_the_reference(trees, share):
    """RL from a primed model is held to the primed model, not to its base."""
    policy = adapted()
    began = reference.double(policy.model)
    found = learner(policy, share_trunk=share)
    assert found.backward(trees).kl_ref == 0.0
    found.update(trees, step=1)
    exact = reference.double(policy.model)
    reference.step_loss(exact, trees, ALGORITHM, began).backward()
    wanted = torch.cat([p.grad.flatten() for name, p in exact.named_parameters() if ".lora_" in name])
    kept = [value.clone() for value in policy.model.state_dict().values()]
    sums = found.backward([tree for tree in trees if not tree.is_flat])
    ours = torch.cat([parameter.grad.flatten().double() for parameter in found.parameters])
    assert sums.kl_ref > 0
    assert float((ours - wanted).norm()) <= 1e-5 * float(wanted.norm()) + 1e-6
    assert all(torch.equal(a, b) for a, b in zip(kept, policy.model.state_dict().values(), strict=True))


def test_a_run_that_goes_on_from_an_adapter_keeps_its_matrices_and_no_second_model(checkpoints, tmp_path):
    policy = load_policy(ModelConfig(path=str(checkpoints / "qwen2"), device="cpu", lora={"rank": 2}))
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.add_(0.1 * parameter.requires_grad)
    policy.save(tmp_path)
    found = learner(load_policy(ModelConfig(path=str(tmp_path), device="cpu")))
    assert isinstance(found.reference, AdapterBefore)
    assert found.reference.model is found.policy.model
    assert sum(value.numel() for _, value in found.reference.before) == sum(p.numel() for p in found.parameters)


def test_self_checks_pass_over_weights_held_in_bf16_whose_layers_are_computed_again(tmp_path):
    """The backward of the comparison in fp32 is no place to widen weights in, so nothing is computed again in it."""
    tiny_model("qwen2").to(torch.bfloat16).save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    model = ModelConfig(path=str(tmp_path), device="cpu", precision="bf16", lora=LoraConfig(rank=4))
    found = learner(load_policy(model), gradient_checkpointing=True)
    assert is_held(found.policy.model)
    before = found.train
    assert checks.run_checks(found.policy, TASK, found, TASK.problems("train", 4, 0))["check/shared_gradient"] > 0
    assert (found.train, found.policy.precision) == (before, "bf16")


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("by", [0.0, 0.05])
def test_self_checks_pass_and_leave_no_trace(by, share):
    policy = adapted(by=by)
    found = learner(policy, share_trunk=share)
    before = {name: value.clone() for name, value in policy.model.state_dict().items()}
    numbers = checks.run_checks(policy, TASK, found, TASK.problems("train", 4, 0))
    assert numbers["check/masked_gradient"] == 0.0
    assert 0 < numbers["check/drift"] < 1e-4
    assert (0 < numbers["check/shared_gradient"] < 1e-4) if share else numbers["check/shared_gradient"] == 0.0
    assert all(torch.equal(value, before[name]) for name, value in policy.model.state_dict().items())
    assert [p.requires_grad for p in policy.model.parameters()].count(True) == len(found.parameters)


def trained_on_disk(checkpoints, directory, trees):
    """A policy after one step and its checkpoint."""
    policy = load_policy(ModelConfig(path=str(checkpoints / "qwen2"), device="cpu", lora={"rank": 4}))
    found = learner(policy)
    found.update(trees, step=1)
    checkpoint.save(directory, policy, found, {"step": 1})
    return policy, found


@settings(max_examples=2)
@given(forests(2, 3))
def test_a_checkpoint_goes_on_to_the_bit_and_holds_no_base(checkpoints, tmp_path_factory, trees):
    directory = tmp_path_factory.mktemp("checkpoint")
    policy, found = trained_on_disk(checkpoints, directory, trees)
    names = {lora.CONFIG, lora.WEIGHTS, lora.BASE, checkpoint.OPTIMIZER, checkpoint.TRAINER}
    assert {file.name for file in directory.iterdir()} == names
    trained = sum(parameter.numel() for parameter in found.parameters)
    assert (directory / lora.WEIGHTS).stat().st_size < 4 * trained + 10_000
    moments = [file for file in directory.rglob("*.safetensors") if file.name != lora.WEIGHTS]
    assert sum(file.stat().st_size for file in moments) < 8 * trained + 20_000
    again = load_policy(ModelConfig(path=str(checkpoints / "qwen2"), device="cpu", lora={"rank": 4}))
    other = learner(again)
    assert checkpoint.load(directory, again, other) == {"step": 1}
    assert found.update(trees, step=2) == other.update(trees, step=2)
    after, wanted = again.model.state_dict(), policy.model.state_dict()
    assert all(torch.equal(after[name], wanted[name]) for name in wanted)


def test_a_checkpoint_of_another_rank_is_refused(checkpoints, tmp_path):
    policy = load_policy(ModelConfig(path=str(checkpoints / "qwen2"), device="cpu", lora={"rank": 4}))
    checkpoint.save(tmp_path, policy, learner(policy), {"step": 0})
    other = load_policy(ModelConfig(path=str(checkpoints / "qwen2"), device="cpu", lora={"rank": 2}))
    with pytest.raises(RunError, match=r"cannot resume from this checkpoint: .*its matrices are not those"):
        checkpoint.load_weights(tmp_path, other)
