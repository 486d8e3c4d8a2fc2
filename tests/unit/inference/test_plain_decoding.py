import types

import pytest
from tiny_models import tiny_model

from secondthought.errors import PolicyError
from secondthought.inference.plain_decoding import cache_argument


def stand_in(forward):
    return types.SimpleNamespace(forward=forward, config=types.SimpleNamespace(model_type="made-up"))


def test_the_cache_goes_by_the_name_that_the_forward_has():
    assert cache_argument(stand_in(lambda input_ids, cache=None, **kwargs: None)) == "cache"
    assert cache_argument(stand_in(lambda input_ids, past_key_values=None, **kwargs: None)) == "past_key_values"
    assert cache_argument(stand_in(lambda input_ids, cache_params=None, **kwargs: None)) == "cache_params"


def test_the_newest_name_wins_where_an_old_one_is_still_taken():
    assert cache_argument(stand_in(lambda input_ids, past_key_values=None, cache=None: None)) == "cache"


def test_a_forward_that_would_swallow_the_cache_is_refused():
    with pytest.raises(PolicyError, match="made-up: the model's forward takes no cache"):
        cache_argument(stand_in(lambda input_ids, **kwargs: None))


def test_real_models_have_a_name():
    assert cache_argument(tiny_model()) in ("cache", "past_key_values")
