"""Gradient checkpointing: the same gradient from less memory, or a clear refusal."""

import pytest
import reference
import torch
from tiny_models import ARCHITECTURES, tiny_policy

from secondthought.config import AlgorithmConfig, OptimConfig, TrainConfig
from secondthought.errors import ConfigError
from secondthought.train.learner import Learner
from secondthought.trees import TokenTree, TreeBranch


def branch(token_ids, advantage):
    size = len(token_ids)
    return TreeBranch(
        token_ids=tuple(token_ids),
        old_logprobs=(-5.0,) * size,
        advantages=(advantage,) * size,
        learns=(True,) * size,
        anchored=(False,) * size,
    )


TREES = [
    TokenTree(
        trunk=tuple(range(start, start + 30)),
        trunk_anchored=(False,) * 29 + (True,),
        branches=(branch(range(40, 52), 0.5), branch(range(60, 65), -0.5)),
    )
    for start in (1, 5)
]


def learner(policy, **train):
    algorithm = AlgorithmConfig(kl_ref=0.1, kl_anchor=0.1)
    return Learner(policy, algorithm, OptimConfig(), TrainConfig(gradient_checkpointing=True, **train))


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_gradient_stays(architecture, share):
    policy = tiny_policy(architecture)
    gradients = []
    for checkpointing in (False, True):
        found = Learner(
            policy,
            AlgorithmConfig(kl_ref=0.1, kl_anchor=0.1),
            OptimConfig(),
            TrainConfig(share_trunk=share, gradient_checkpointing=checkpointing),
        )
        found.backward(TREES)
        gradients.append(reference.flat_gradient(policy.model))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-5, atol=1e-7)
    assert not policy.model.training
    assert policy.model.config._attn_implementation != "secondthought_tree"


def test_less_is_kept_for_the_backward():
    policy = tiny_policy()

    def kept_bytes(*, checkpointing):
        found = Learner(
            policy, AlgorithmConfig(kl_ref=0.0), OptimConfig(), TrainConfig(gradient_checkpointing=checkpointing)
        )
        sizes = {}

        def keep(x):
            sizes[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            found.backward(TREES)
        return sum(sizes.values())

    assert kept_bytes(checkpointing=True) < 0.8 * kept_bytes(checkpointing=False)


def test_dropout_is_refused_by_name():
    policy = tiny_policy()
    policy.model.config.attention_dropout = 0.1
    with pytest.raises(ConfigError, match=r"gradient_checkpointing: .*attention_dropout = 0\.1"):
        learner(policy).backward(TREES)


def test_a_model_that_cannot_is_refused():
    policy = tiny_policy()
    policy.model.supports_gradient_checkpointing = False
    with pytest.raises(ConfigError, match="Qwen2ForCausalLM does not support it"):
        learner(policy).backward(TREES)
