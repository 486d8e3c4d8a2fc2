"""Answers are kept by what decides them: a local model's weights change under its name."""

import torch
from tiny_models import tiny_policy

from secondthought.inference.chat.answer_cache import identity_of, key_of
from secondthought.inference.chat.local_chat import LocalChat
from secondthought.types import Message, Sampling

ASKED = [Message(role="user", content="Is it right?")]
SAMPLING = Sampling(temperature=0.5, max_tokens=4)


class Endpoint:
    name = "an endpoint"


def test_a_local_model_is_known_by_its_weights_its_tokenizer_and_the_seed():
    policy = tiny_policy()
    first = identity_of(LocalChat(policy))
    assert identity_of(LocalChat(policy)) == first
    assert first.startswith(policy.name)
    others = [identity_of(LocalChat(policy, seed=1))]
    policy.chat.tokenizer.chat_template += "{# other #}"
    others.append(identity_of(LocalChat(policy)))
    with torch.no_grad():
        next(policy.model.parameters()).view(-1)[0] += 1
    others.append(identity_of(LocalChat(policy)))
    assert len({first, *others}) == 4


def test_an_endpoint_is_known_by_its_name():
    assert identity_of(Endpoint()) == "an endpoint"
    assert key_of("a", ASKED, SAMPLING) != key_of("b", ASKED, SAMPLING)
    assert key_of("a", ASKED, SAMPLING) != key_of("a", ASKED, Sampling(temperature=0.5, max_tokens=5))
