"""Every arm learns a digit that only the reward knows; with rewards shuffled it does not."""

import math

import digits
import pytest

from secondthought.inference.local import LocalPolicy
from secondthought.runs.recorder import read_metrics
from secondthought.train.run import execute
from secondthought.types import Prompt, Sampling

ARMS = {
    "reflect-retry": {},
    "credit=retry": {"credit": "retry"},
    "credit=all": {"credit": "all"},
    "grpo": {"type": "grpo"},
    "retry-only": {"type": "retry-only"},
    "rloo": {"type": "rloo"},
    "reinforce": {"type": "reinforce"},
    "ppo": {"type": "ppo", "kl_reward": 0.001, "entropy_bonus": 0.001},
}
SETTINGS = {"ppo": {"critic": {"lr": 2e-3}, "train": {"mini_batches": 2}}}
"""Besides the algorithm's own: two updates of the policy and eight of the critic a step, as the paper."""
CHANCE = 0.1
FAST = ("reflect-retry", "credit=all", "grpo", "retry-only")
SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("listener")
    digits.listener(path)
    return path


@pytest.fixture(scope="module")
def train(model, tmp_path_factory):
    """Train once with the same settings; return the run's directory and its rows."""
    runs = {}

    def trained(**algorithm):
        name = str(algorithm)
        if name not in runs:
            runs[name] = tmp_path_factory.mktemp("trained") / "run"
            others = SETTINGS.get(algorithm.get("type"), {})
            execute(digits.config(runs[name], model, algorithm=algorithm, **others), quiet=True)
        return runs[name], read_metrics(runs[name] / "metrics.jsonl")[1:]

    return trained


def reward(rows):
    """Mean over the steps that found a failure to start from."""
    known = [row["reward/mean"] for row in rows if not math.isnan(row["reward/mean"])]
    return sum(known) / len(known)


def said(policy, *turns, letters=digits.SPLITS["train"]):
    """What the policy says next, on each letter's problem after these turns."""
    prompts = [
        Prompt(trunk=digits.conversation(policy, letter, *turns), key=key) for key, letter in enumerate(2 * letters)
    ]
    return [done.text for done in policy.sample(prompts, Sampling(max_tokens=1))]


def repeated(policy, digit):
    """How often a retry says the digit that the reflection named."""
    texts = said(policy, ("3", "w"), (digit, "r"))
    return texts.count(digit) / len(texts)


def reflections(policy):
    """Share of reflections that name the right digit."""
    texts = said(policy, ("3", "w"), letters=digits.SPLITS["test"])
    return texts.count(digits.RIGHT) / len(texts)


@pytest.mark.parametrize(
    "arm",
    [
        "reflect-retry",
        "credit=all",
        "grpo",
        "retry-only",
        "ppo",
        "rloo",
        "reinforce",
        pytest.param("credit=retry", marks=SLOW),
    ],
)
def test_an_arm_lifts_the_reward(train, arm):
    _, rows = train(**ARMS[arm])
    assert reward(rows[:2]) < 3 * CHANCE
    assert reward(rows[-5:]) > 0.7


@pytest.mark.parametrize(
    "arm", ["reflect-retry", "reinforce", *(pytest.param(arm, marks=SLOW) for arm in ("ppo", "grpo"))]
)
def test_shuffled_rewards_teach_nothing(train, arm):
    _, rows = train(permute_rewards=True, **ARMS[arm])
    assert reward(rows[-5:]) < 3 * CHANCE
    assert all(row["optim/grad_norm"] > 0 for row in rows if row["groups/kept"] > 0)


def test_reflect_retry_learns_through_what_its_reflections_say(train, model):
    """Nothing but the reflection's token learns, it names the right digit, and the retry repeats it."""
    untrained = LocalPolicy.load(model, device="cpu")
    assert reflections(untrained) < 3 * CHANCE
    assert min(repeated(untrained, digit) for digit in "257") > 0.8
    run, rows = train()
    assert all(row["tokens/learned"] == 8 * row["groups/kept"] for row in rows)
    trained = LocalPolicy.load(run / f"checkpoints/step_{rows[-1]['step']:06d}", device="cpu")
    assert reflections(trained) > 0.8
    assert repeated(trained, digits.RIGHT) > 0.8


def test_a_critic_comes_to_know_what_its_policy_will_earn(train):
    _, rows = train(**ARMS["ppo"])
    assert rows[0]["critic/value_mean"] == 0.0
    assert rows[-1]["critic/value_mean"] == pytest.approx(rows[-1]["critic/return_mean"], abs=0.1)
    assert all(row["critic/updates"] == 8 and row["groups/flat"] == 0 for row in rows)
