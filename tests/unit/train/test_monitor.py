"""Each sign of trouble is told once, when there is enough of it."""

import math

import pytest

from secondthought.config import AlgorithmConfig
from secondthought.train.monitor import ENTROPY_SHARE, ORACLE_DROP, PATIENCE, Monitor
from secondthought.types import LARGE_REWARD


def told(*rows):
    monitor = Monitor()
    return [text for step, row in enumerate(rows) for text in monitor.warnings(step, row)]


@pytest.mark.parametrize(("reward", "hint"), [(0.0, "too hard"), (1.0, "too easy")])
def test_constant_reward_is_told_once_after_some_patience(reward, hint):
    rows = [{"reward/mean": reward}] * (PATIENCE + 10)
    assert told(*rows[: PATIENCE - 1]) == []
    (only,) = told(*rows)
    assert hint in only
    assert only.startswith(f"step {PATIENCE - 1}:")


@pytest.mark.parametrize("other", [0.5, math.nan])
def test_another_reward_between_begins_the_count_again(other):
    assert told(*[{"reward/mean": 0.0}] * (PATIENCE - 1), {"reward/mean": other}, {"reward/mean": 0.0}) == []


def test_none_right_then_all_right_is_not_constant():
    assert told(*[{"reward/mean": 0.0}] * (PATIENCE - 1), {"reward/mean": 1.0}) == []


def test_collapsing_entropy_is_told_once():
    low = {"policy/entropy": 2.0 * ENTROPY_SHARE * 0.9}
    (only,) = told({}, {"policy/entropy": 2.0}, {"policy/entropy": math.nan}, {"policy/entropy": 1.0}, low, low)
    assert only.startswith("step 4: entropy fell")


def test_drift_of_untrained_turns_is_told_once_with_both_numbers():
    low = {"eval/rescue_oracle": 0.8 - ORACLE_DROP - 0.01}
    (only,) = told({"eval/rescue_oracle": 0.8}, {"eval/rescue_oracle": 0.75}, low, low)
    assert "from 0.80 to 0.69" in only
    assert "algorithm.kl_anchor" in only


def test_a_row_without_anything_says_nothing():
    assert told({}, {}, {"reward/mean": math.nan, "policy/entropy": math.nan, "eval/rescue_oracle": math.nan}) == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, 1),
        ({"scale_by_std": True}, 0),
        ({"type": "ppo", "group_size": 1}, 1),
    ],
)
def test_rewards_that_an_algorithm_takes_as_they_are_are_told_where_they_are_large(settings, told):
    monitor = Monitor(algorithm=AlgorithmConfig(**settings))
    large = [{"reward/mean": reward} for reward in (math.nan, 1.0, -LARGE_REWARD, 20_000.0, 20_000.0)]
    warnings = [text for step, row in enumerate(large) for text in monitor.warnings(step, row)]
    assert len(warnings) == told
    assert all("step 3: rewards average 20000" in text for text in warnings)


def test_steps_without_a_group_are_told_though_no_reward_is_there():
    """Rewards that are absent are neither 0 nor 1, and must not silence the warning."""
    row = {"tokens/learned": 0, "groups/played": 0, "reward/mean": math.nan}
    assert told(*[row] * (PATIENCE - 1)) == []
    (only,) = told(*[row] * (PATIENCE + 3))
    assert "failed at no problem" in only


def test_equal_rewards_other_than_0_and_1_are_told():
    row = {"tokens/learned": 0, "groups/played": 4, "reward/mean": 0.1}
    (only,) = told(*[row] * PATIENCE)
    assert "alike" in only
    assert told(*[row] * (PATIENCE - 1), {**row, "tokens/learned": 5}, row) == []
