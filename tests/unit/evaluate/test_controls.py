"""Controls on the same failures, and paired comparisons."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from countdown_play import keys, player, policy, problems, requests, sampling, task  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought.errors import RunError
from secondthought.evaluate import (
    CONTROLS,
    compare,
    compare_rescues,
    evaluate,
    listening,
    play_controls,
    rescue_rates,
    second_try_rates,
    summarise,
)
from secondthought.evaluate.controls import FIXED_REFLECTION, FailedTries, shuffled
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.stats import mcnemar
from secondthought.tasks import load
from secondthought.tasks.countdown.script import countdown_answers
from secondthought.types import Completion, Episode, Problem, StopReason


@pytest.fixture
def evaluation(player, problems, keys):
    return evaluate(player, problems, num_tries=2, keys=keys)


@pytest.fixture
def controls(player, keys):
    def run(policy, failures, **changes):
        return play_controls(replace(player, policy=policy), failures, keys=keys, **changes)

    return run


class TestControls:
    def test_own_repeats_the_evaluation(self, controls, policy, evaluation):
        failed = [item for item in evaluation.rows if not item.solved_by(1)]
        outcomes = controls(policy, evaluation.failures)
        assert list(outcomes) == list(CONTROLS)
        assert [item.text for item in outcomes["own"]] == [item.turns[2].text for item in failed]
        assert [item.reflection for item in outcomes["own"]] == [item.turns[1].text for item in failed]
        assert rescue_rates(outcomes)["own"] == summarise(evaluation)["rescue_rate"]
        rates = second_try_rates(evaluation, outcomes)
        assert rates["own"] == summarise(evaluation)["second_try"]

    def test_known_reflections_are_not_sampled_again(self, controls, policy, evaluation):
        sampled = controls(policy, evaluation.failures)
        before = policy.num_sampled
        known = controls(policy, evaluation.failures, reflections=evaluation.reflections)
        assert known == sampled
        cost = policy.num_sampled - before
        written = sum(len(said.token_ids) for said in evaluation.reflections)
        assert sum(item.num_tokens for items in known.values() for item in items) == cost + written

    def test_all_start_from_the_same_failures(self, controls, policy, evaluation):
        ids = [failure.problem.id for failure in evaluation.failures]
        outcomes = controls(policy, evaluation.failures)
        for name in ("second_sample", "no_reflection", "own", "shuffled", "fixed", "oracle"):
            assert [item.problem_id for item in outcomes[name]] == ids, name
            assert {item.control for item in outcomes[name]} == {name}
        assert {item.reflection for item in outcomes["second_sample"] + outcomes["no_reflection"]} == {None}
        assert len({item.reflection for item in outcomes["fixed"]}) == 1

    def test_shuffled_are_others_reflections(self, controls, policy, evaluation):
        outcomes = controls(policy, evaluation.failures)
        own = [item.reflection for item in outcomes["own"]]
        other = [item.reflection for item in outcomes["shuffled"]]
        assert sorted(own) == sorted(other)
        assert own != other

    def test_the_oracle_is_listened_to(self, controls, task, evaluation):
        policy = ScriptedPolicy(countdown_answers(first_try=0.0, listening=1.0))
        outcomes = controls(policy, evaluation.failures)
        rates = rescue_rates(outcomes)
        assert rates["oracle"].estimate == 1.0
        assert rates["contrary"].estimate == 0.0
        assert rates["no_reflection"].estimate == rates["fixed"].estimate == rates["second_sample"].estimate == 0.0
        for item, failure in zip(outcomes["oracle"], evaluation.failures, strict=True):
            assert item.reflection == task.oracle_reflection(failure.problem, failure.attempt.completion.text)
        gap = listening(outcomes)
        assert gap.estimate == pytest.approx(1 - rates["shuffled"].estimate)

    def test_a_second_sample_is_a_fresh_first_try(self, controls, task, policy, evaluation):
        unsure = ScriptedPolicy(lambda messages, key: "first" if len(messages) == 1 else "later")
        (item, *_) = controls(unsure, evaluation.failures, controls=("second_sample",))["second_sample"]
        assert item.text == "first"
        again = controls(policy, evaluation.failures, controls=("second_sample",))["second_sample"]
        assert any(item.verdict.correct for item in again)

    def test_controls_do_not_depend_on_each_other_or_on_order(self, controls, policy, evaluation):
        together = controls(policy, evaluation.failures)
        for name in CONTROLS:
            assert controls(policy, evaluation.failures, controls=(name,)) == {name: together[name]}
        backwards = controls(policy, evaluation.failures[::-1])
        assert {name: items[::-1] for name, items in backwards.items()} == together

    def test_a_lone_failure_has_no_other_reflection(self, controls, policy, evaluation):
        outcomes = controls(policy, evaluation.failures[:1])
        assert outcomes["shuffled"] == []
        assert math.isnan(rescue_rates(outcomes)["shuffled"].estimate)
        assert math.isnan(second_try_rates(evaluation, outcomes)["own"].estimate)

    def test_no_failures(self, controls, policy):
        assert controls(policy, ()) == {name: [] for name in CONTROLS}

    def test_a_task_that_writes_no_reflections(self, player, keys):
        task = load("arithmetic")
        silent = replace(player, policy=ScriptedPolicy(lambda messages, key: "no"), task=task)
        found = evaluate(silent, task.problems("test", 5, seed=0), num_tries=1, keys=keys)
        outcomes = play_controls(silent, found.failures, keys=keys)
        assert outcomes["contrary"] == []
        assert all(
            task.gold(failure.problem) in item.reflection
            for item, failure in zip(outcomes["oracle"], found.failures, strict=True)
        )
        assert [item.reflection for item in outcomes["fixed"]] == [FIXED_REFLECTION] * 5

    def test_a_task_may_word_the_fixed_reflection(self, task, controls, policy, evaluation, monkeypatch):
        monkeypatch.setattr(type(task), "general_reflection", lambda self: "Take care.", raising=False)
        items = controls(policy, evaluation.failures, controls=("fixed",))["fixed"]
        assert {item.reflection for item in items} == {"Take care."}


@given(st.sets(st.text(max_size=5), min_size=2, max_size=20), st.integers(0, 5))
@settings(deadline=None)
def test_shuffled_is_a_derangement(names, seed):
    problems = [Problem(id=name, task="t", messages=(), data={}) for name in sorted(names)]
    own = tuple(Completion(token_ids=(), logprobs=(), text=problem.id, stop=StopReason.END) for problem in problems)
    keys = type("FakeKeys", (), {"seed": seed})()
    episodes = tuple(Episode(problem=problem, turns=()) for problem in problems)
    failed = FailedTries(player=None, keys=keys, episodes=episodes, own=own)
    got = [said.text for said in shuffled(failed)]
    assert sorted(got) == sorted(names)
    assert all(said != problem.id for said, problem in zip(got, problems, strict=True))


class TestCompare:
    def test_against_itself(self, evaluation):
        for difference in compare(evaluation, evaluation).values():
            # z^2 / (n + z^2): no pair differs, of 40.
            assert (difference.interval.estimate, difference.interval.low, difference.interval.high) == pytest.approx(
                (0, -0.0876, 0.0876), abs=1e-4
            )
            assert difference.p_value == 1.0

    def test_a_better_reflector(self, evaluation, player, problems, keys):
        better = ScriptedPolicy(countdown_answers(first_try=0.3, good_reflection=1.0, listening=1.0))
        after = evaluate(replace(player, policy=better), problems, num_tries=2, keys=keys)
        found = compare(after, evaluation)
        assert list(found) == ["pass@1", "second_try"]
        assert found["pass@1"].interval.estimate == 0
        gain = found["second_try"]
        assert gain.interval.low > 0
        assert gain.p_value < 0.01
        assert gain.interval.n == 40
        expected = summarise(after)["second_try"].estimate - summarise(evaluation)["second_try"].estimate
        assert gain.interval.estimate == pytest.approx(expected)
        reverse = compare(evaluation, after)["second_try"]
        assert reverse.interval.estimate == pytest.approx(-expected)
        assert gain.p_value == mcnemar(
            [row.solved_by(2) for row in after.rows], [row.solved_by(2) for row in evaluation.rows]
        )

    def test_problems_are_matched_by_id(self, evaluation, player, problems, keys):
        other = ScriptedPolicy(countdown_answers(first_try=0.6))
        after = evaluate(replace(player, policy=other), problems, num_tries=2, keys=keys)
        turned = replace(after, rows=after.rows[::-1])
        assert compare(turned, evaluation) == compare(after, evaluation)

    def test_other_problems_are_refused(self, evaluation):
        with pytest.raises(RunError, match="1 of them occur on one side only"):
            compare(replace(evaluation, rows=evaluation.rows[1:]), evaluation)

    def test_json(self, evaluation):
        value = compare(evaluation, evaluation)["pass@1"].to_json()
        bounds = {name: value.pop(name) for name in ("low", "high")}
        assert json.loads(json.dumps(value)) == {"estimate": 0.0, "n": 40, "p": 1.0}
        assert bounds["low"] == -bounds["high"] < 0


class TestStored:
    """Rescues of stored failures: the control `own` on the same ones before and after."""

    def test_the_same_failures_before_and_after(self, controls, policy, evaluation):
        before = controls(policy, evaluation.failures, controls=("own",))["own"]
        better = ScriptedPolicy(countdown_answers(first_try=0.9, good_reflection=1.0, listening=1.0))
        after = controls(better, evaluation.failures, controls=("own",))["own"]
        assert [item.problem_id for item in after] == [item.problem_id for item in before]
        assert compare_rescues(before, before).p_value == 1.0
        gain = compare_rescues(after, before)
        assert gain.interval.low > 0
        assert gain.interval.n == len(evaluation.failures)

    def test_other_failures_are_refused(self, controls, policy, evaluation):
        played = controls(policy, evaluation.failures, controls=("own",))["own"]
        with pytest.raises(RunError, match="same problems"):
            compare_rescues(played, played[1:])
