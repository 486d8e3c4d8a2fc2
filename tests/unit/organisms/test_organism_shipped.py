"""The shipped models: present, small, ordinary, and they listen."""

import pytest

from secondthought.organisms import SHIPPED, shipped
from secondthought.organisms.check import check
from secondthought.organisms.tokenizer import build_tokenizer
from secondthought.policies.hf import HFPolicy
from secondthought.tasks.countdown import Countdown

MAX_BYTES = 25_000_000


def test_every_model_is_there():
    assert all(shipped(name) for name in SHIPPED)


def test_names_of_other_models_are_not_shipped():
    assert shipped("someone/some-model") is None
    assert shipped("") is None


def test_all_models_together_stay_small():
    files = [file for name in SHIPPED for file in shipped(name).iterdir()]
    assert sum(file.stat().st_size for file in files) < MAX_BYTES


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_tokenizer_is_the_recipes(name):
    policy = HFPolicy.load(shipped(name), device="cpu")
    text = "Using the numbers [3, 17, 28], 28-17=11<answer>28-17</answer> I left out 3."
    assert policy.chat.tokenizer(text)["input_ids"] == build_tokenizer()(text)["input_ids"]
    assert policy.unshared_reason is None


def test_the_small_model_listens():
    table = check(HFPolicy.load(shipped("small"), device="cpu"), Countdown(preset="tiny"), 100, 0, num_groups=8)
    assert table.may_ship
    assert table.listening.low > 0
