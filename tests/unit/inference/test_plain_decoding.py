import pytest
import torch
from tiny_models import tiny_model

from secondthought import rng
from secondthought.errors import PolicyError
from secondthought.inference.plain_decoding import cache_of, sample_plainly
from secondthought.types import Prompt, Sampling


class Newest:
    def forward(self, input_ids, past_key_values=None, cache=None): ...


class Older:
    def forward(self, input_ids, past_key_values=None, **kwargs): ...


class Swallowing:
    def forward(self, input_ids, **kwargs): ...


BOTH = {"cache": "new", "past_key_values": "old", "cache_params": None}


def test_the_cache_goes_back_by_the_newest_name_that_the_forward_has():
    assert cache_of(Newest(), BOTH) == {"cache": "new"}
    assert cache_of(Newest(), {"past_key_values": "old"}) == {"past_key_values": "old"}
    assert cache_of(Older(), BOTH) == {"past_key_values": "old"}


@pytest.mark.parametrize(("model", "output"), [(Swallowing(), BOTH), (Newest(), {"logits": 1})])
def test_a_cache_that_would_be_swallowed_or_did_not_come_is_refused(model, output):
    with pytest.raises(PolicyError, match="gives back no cache that it takes"):
        cache_of(model, output)


def test_with_and_without_a_cache_it_is_the_same(architecture):
    model = tiny_model(architecture)
    prompts = [Prompt(trunk=tuple(range(3, 9 + n % 2)), key=rng.key("plain", n)) for n in range(4)]
    cached, uncached = (
        sample_plainly(model, frozenset(range(0, 272, 9)), prompts, Sampling(max_tokens=8), cached=cached)
        for cached in (True, False)
    )
    assert [row.token_ids for row in cached] == [row.token_ids for row in uncached]
    assert len({len(row.token_ids) for row in cached}) > 1
    for one, other in zip(cached, uncached, strict=True):
        torch.testing.assert_close(torch.tensor(one.logprobs), torch.tensor(other.logprobs), rtol=0, atol=1e-4)
