"""What the final evaluation plays and compares: keys, stored failures, which side is subtracted from which."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

from dataclasses import replace

import pytest
from countdown_play import player, policy, problems, requests, sampling, task  # noqa: F401

from secondthought.config import EvalConfig, resolve
from secondthought.evaluate import final, validation
from secondthought.evaluate.retried import bars
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout.player import Keys
from secondthought.tasks import load
from secondthought.tasks.countdown.script import countdown_answers
from secondthought.types import TurnKind

TASK = load("countdown", {"preset": "tiny"})
CONFIG = EvalConfig(problems=40, temperatures=(1.0, 0.5), controls=True)


@pytest.fixture
def before(player, problems):
    weak = ScriptedPolicy(countdown_answers(first_try=0.3, good_reflection=0.2, listening=0.3))
    return final.measure(replace(player, policy=weak), CONFIG, problems)


@pytest.fixture
def after(player, problems, before):
    """A policy that is right less often at once, and then listens to everything."""
    strong = ScriptedPolicy(countdown_answers(first_try=0.1, good_reflection=1.0, listening=1.0))
    return final.measure(replace(player, policy=strong), CONFIG, problems, before.first.failures)


def test_differences_are_after_minus_before(before, after):
    sides = {"before": final.side(before, TASK), "after": final.side(after, TASK)}
    paired = final.pair(after, before)
    for name in ("t1.0", "t0.5"):
        for rate in ("first_try", "second_try"):
            old, new = (sides[when]["rates"][name][rate]["estimate"] for when in ("before", "after"))
            assert paired[name][rate]["estimate"] == pytest.approx(new - old)
        assert paired[name]["first_try"]["estimate"] < 0 < paired[name]["second_try"]["estimate"]
        assert paired[name]["second_try"]["n"] == 40
    rescues = [side["stored_rescue"]["estimate"] for side in sides.values()]
    assert paired["stored_rescue"]["estimate"] == pytest.approx(rescues[1] - rescues[0])
    assert paired["stored_rescue"]["estimate"] > 0.5
    skill = final.other_skills(after, before)["using an oracle's reflection"]
    assert skill["paired"]["estimate"] == pytest.approx(skill["after"]["estimate"] - skill["before"]["estimate"])
    assert skill["after"]["estimate"] == 1.0
    oracle, own = (sum(item.verdict.correct for item in before.stored[name]) for name in ("oracle", "own"))
    assert oracle != own
    assert skill["before"]["estimate"] == pytest.approx(oracle / len(before.stored["oracle"]))


def test_stored_failures_are_those_of_the_side_before(before, after):
    stored = [failure.problem.id for failure in before.first.failures]
    for name in ("own", "oracle"):
        assert [item.problem_id for item in before.stored[name]] == stored
        assert [item.problem_id for item in after.stored[name]] == stored
    played = [item.problem_id for item in after.controls["own"]]
    assert played == [failure.problem.id for failure in after.first.failures]
    assert played != stored


def test_a_side_says_what_reflections_are_like_and_what_they_do(before):
    found = final.side(before, TASK)
    for name, evaluation in before.evaluations.items():
        lengths = [row.reflections[0].num_tokens for row in evaluation.rows if row.reflections]
        shown = found["rates"][name]["reflections"]
        assert shown["length"]["estimate"] == pytest.approx(sum(lengths) / len(lengths))
        assert shown["generality"]["n"] == len(lengths)
    assert found["retries"].keys() == found["controls"].keys()
    assert {name: item["right"] for name, item in found["retries"].items()} == found["controls"]
    assert found["bars"]["says"] == bars(before.controls).says()
    silent = final.side(replace(before, controls={}), TASK)
    assert (silent["retries"], silent["bars"]) == ({}, None)


def test_listening_is_paired_and_of_the_policys_own_failures(before, after):
    for measured in (before, after):
        gap = final.side(measured, TASK)["listening"]
        right = {
            name: {item.problem_id: item.verdict.correct for item in measured.controls[name]}
            for name in ("oracle", "shuffled")
        }
        both = right["oracle"].keys() & right["shuffled"].keys()
        assert gap["n"] == len(both)
        expected = sum(right["oracle"][name] - right["shuffled"][name] for name in both) / len(both)
        assert gap["estimate"] == pytest.approx(expected)
    silent = replace(before, controls={})
    assert final.side(silent, TASK)["listening"]["estimate"] is None


class Keyed:
    """A policy that notes the keys that it is asked with, and what they ask."""

    def __init__(self):
        self.inner = ScriptedPolicy(self._says)
        self.name, self.keys = "keyed", []

    def _says(self, messages, key):
        return "no"

    def sample(self, prompts, sampling):
        self.keys.append((sampling.temperature, [prompt.key for prompt in prompts]))
        return self.inner.sample(prompts, sampling)

    def __getattr__(self, name):
        return getattr(self.inner, name)


def asked(player, problems, **settings):
    keyed = Keyed()
    config = EvalConfig(problems=4, controls=False, **settings)
    final.measure(replace(player, policy=keyed), config, problems[:4])
    return keyed.keys


def test_temperatures_share_no_keys_and_every_run_has_the_same(player, problems):
    first = asked(player, problems, temperatures=(1.0, 0.5))
    assert asked(player, problems, temperatures=(1.0, 0.5)) == first
    by_heat = {heat: {key for at, keys in first if at == heat for key in keys} for heat in (1.0, 0.5)}
    assert by_heat[1.0]
    assert by_heat[0.5]
    assert not by_heat[1.0] & by_heat[0.5]


def test_a_second_sample_has_another_key_than_the_first_try(player, problems):
    keys = Keys(seed=0, phase="evaluation t1.0")
    tries = {keys.of(problem, TurnKind.ATTEMPT, number) for problem in problems for number in (0, 1)}
    assert len(tries) == 2 * len(problems)
    keyed = Keyed()
    one = replace(player, policy=keyed)
    final.measure(one, EvalConfig(problems=4, temperatures=(1.0,)), problems[:4])
    first = [key for _, some in keyed.keys for key in some if key in tries]
    assert len(set(first)) == 8  # four first tries, four second samples


def validated(player, problems, **settings):
    keyed = Keyed()
    config = resolve({"task": {"name": "countdown"}, **settings}, source="test")
    found = validation.validate(replace(player, policy=keyed), config, problems[:4])
    return found, [key for _, keys in keyed.keys for key in keys]


def test_validation_has_keys_of_its_own_that_the_runs_seed_decides(player, problems):
    found, keys = validated(player, problems, seed=0)
    assert validated(player, problems, seed=0)[1] == keys
    assert not set(validated(player, problems, seed=1)[1]) & set(keys)
    final_keys = {key for _, some in asked(player, problems, temperatures=(1.0,)) for key in some}
    assert not set(keys) & final_keys
    assert found["eval/second_try"] == 0


def test_validation_plays_two_tries_at_most_and_tells_them_apart(player, problems):
    answers = ScriptedPolicy(countdown_answers(first_try=0.2, good_reflection=1.0, listening=1.0))
    three, two = (
        validation.validate(
            replace(player, policy=answers),
            resolve({"task": {"name": "countdown"}, "evaluation": {"tries": tries}}, source="test"),
            problems,
        )
        for tries in (3, 2)
    )
    assert {name: value for name, value in three.items() if value == value} == {
        name: value for name, value in two.items() if value == value
    }
    assert three["eval/first_try"] < three["eval/second_try"]
    rescued = (three["eval/second_try"] - three["eval/first_try"]) / (1 - three["eval/first_try"])
    assert three["eval/rescue"] == pytest.approx(rescued)
