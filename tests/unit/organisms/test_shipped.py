"""The shipped models: present, small, ordinary, and they listen."""

import pytest

from secondthought.inference.local import LocalPolicy
from secondthought.organisms import SHIPPED, shipped
from secondthought.organisms.check import check
from secondthought.organisms.recipe import recipe
from secondthought.organisms.tokenizer import build_tokenizer
from secondthought.rng import key
from secondthought.tasks.countdown import Countdown
from secondthought.tasks.countdown.reading.detector import FunctionalDetector
from secondthought.types import Prompt, Sampling, Thought

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
    policy = LocalPolicy.load(shipped(name), device="cpu")
    text = "Using the numbers [3, 17, 28], 28-17=11<answer>28-17</answer> I left out 3."
    text += " <think>want 31: 31-7=24, need 24: 8*3=24, instead: back to 12.</think>"
    assert policy.chat.tokenizer(text)["input_ids"] == build_tokenizer(recipe(name).words)(text)["input_ids"]
    assert policy.unshared_reason is None


def test_the_bases_of_the_habits_study_differ_in_their_habits_not_in_their_answers():
    task = Countdown(preset="four")
    problems = task.problems("validation", 60, 0)
    shares, right = {}, {}
    for name in ("terse", "rich"):
        policy = LocalPolicy.load(shipped(name), device="cpu")
        prompts = [
            Prompt(trunk=policy.start(p.messages), key=key("shipped", p.id, i)) for p in problems for i in (0, 1)
        ]
        texts = [found.text for found in policy.sample(prompts, Sampling(max_tokens=128))]
        posed = [problem for problem in problems for _ in (0, 1)]
        readings = FunctionalDetector().detect([Thought(text=t, problem=p) for t, p in zip(texts, posed, strict=True)])
        shares[name] = sum(bool(reading.counts["verification"]) for reading in readings) / len(readings)
        right[name] = sum(task.verify(p, t).correct for t, p in zip(texts, posed, strict=True)) / len(texts)
    assert shares["terse"] < 0.08
    assert shares["rich"] > 0.2
    assert abs(right["terse"] - right["rich"]) < 0.1


def test_the_small_model_listens():
    table = check(LocalPolicy.load(shipped("small"), device="cpu"), Countdown(preset="tiny"), 100, 0, num_groups=8)
    assert table.may_ship
    assert table.listening.low > 0
