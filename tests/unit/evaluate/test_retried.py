"""Retries by control: changed answers, copies, and the bars that own reflections must pass."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

from dataclasses import replace

import pytest
from countdown_play import keys, player, policy, problems, requests, sampling, task  # noqa: F401

from secondthought.evaluate import evaluate, summarise
from secondthought.evaluate.controls import GOLD_REFLECTION, Outcome
from secondthought.evaluate.evidence import ON_RIGHT, evidence_of
from secondthought.evaluate.retried import bars, is_other_answer
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.stats import wilson
from secondthought.tasks import load
from secondthought.tasks.arithmetic import Arithmetic
from secondthought.tasks.countdown.script import countdown_answers
from secondthought.types import Verdict

TASK = load("arithmetic")
PROBLEM = TASK.parse({"a": 30, "operator": "+", "b": 12})


def outcomes(control, right):
    return [
        Outcome(
            control=control,
            problem_id=str(place),
            reflection="r",
            text="t",
            verdict=Verdict(correct=bool(correct), reward=float(correct), reason="x", well_formed=True),
            num_tokens=1,
        )
        for place, correct in enumerate(right)
    ]


def played(**right):
    return {control: outcomes(control, each) for control, each in right.items()}


class TestBars:
    def test_all_must_be_surely_beaten(self):
        found = bars(played(own=[1] * 30, second_sample=[0] * 30, fixed=[0] * 30, shuffled=[0] * 30))
        assert found.are_passed
        assert found.says().startswith("Own reflections help by what they say")
        one = bars(played(own=[1] * 30, second_sample=[0] * 30, fixed=[1] * 30))
        assert not one.are_passed
        assert "do not pass the bars" in one.says()

    def test_what_helps_on_any_problem_says_nothing_of_this_one(self):
        """A model learned to ask for the task again: any retry is better then, whatever the failure was."""
        found = bars(played(own=[1] * 30, second_sample=[0] * 30, fixed=[0] * 30, shuffled=[1] * 28 + [0] * 2))
        assert not found.are_passed
        assert "not shown that they do by what they say of the failure: one on another problem" in found.says()

    def test_harm_is_named(self):
        found = bars(played(own=[0] * 30, second_sample=[1] * 30, fixed=[0] * 30))
        assert "do harm: retries after them are right less often than a second sample (" in found.says()

    def test_few_failures_prove_nothing(self):
        assert not bars(played(own=[1, 1], second_sample=[0, 0], fixed=[0, 0])).are_passed

    def test_none_played(self):
        assert not bars({}).are_passed
        assert bars({}).to_json()["above"] == {}


class TestAnswers:
    def test_two_wordings_of_one_answer_are_no_change(self):
        assert not is_other_answer(TASK, PROBLEM, "So <answer> 41 </answer>", "I think <answer>041</answer>!")
        assert is_other_answer(TASK, PROBLEM, "So <answer> 41 </answer>", "So <answer> 42 </answer>")

    def test_an_answer_in_place_of_none_is_a_change(self):
        assert is_other_answer(TASK, PROBLEM, "41", "<answer> 41 </answer>")

    def test_without_answers_words_are_compared(self):
        assert not is_other_answer(TASK, PROBLEM, "I do not know.", "i do NOT know")
        assert is_other_answer(TASK, PROBLEM, "I do not know.", "Nobody knows.")

    @pytest.mark.parametrize("correct", [True, False])
    def test_a_changed_answer_of_a_solved_problem_may_be_right_again(self, task, problems, correct):
        assert is_other_answer(task, problems[0], "<answer> 1 + 2 </answer>", f"<answer> 2 + {1 + correct} </answer>")


class TestEvidence:
    def test_a_policy_that_repeats_itself_changes_nothing(self, player, keys):
        stubborn = replace(player, policy=ScriptedPolicy(lambda messages, key: "<answer> 41 </answer>"), task=TASK)
        found = evaluate(stubborn, TASK.problems("test", 12, seed=0), num_tries=2, keys=keys)
        evidence = evidence_of(stubborn, found, keys, controls=True)
        assert {item.changed.estimate for item in evidence.retries.values()} == {0.0}
        assert evidence.retries["own"].repeats_try.estimate == 1.0
        assert evidence.retries["fixed"].repeats_try.estimate == 0.0
        assert evidence.retries["own"].right_if_changed.n == 0

    def test_a_task_with_nothing_but_gold_has_an_oracle(self, player, keys):
        def answers(messages, key):
            said = [message.content for message in messages if "The right answer is" in message.content]
            return said[-1].partition("\n")[2] if said else "no"

        listener = replace(player, policy=ScriptedPolicy(answers), task=TASK)
        found = evaluate(listener, TASK.problems("test", 8, seed=0), num_tries=1, keys=keys)
        evidence = evidence_of(listener, found, keys, controls=True)
        assert evidence.to_json()["controls"]["oracle"] == wilson(8, 8).to_json()
        gold = TASK.gold(found.failures[0].problem)
        assert evidence.outcomes["oracle"][0].reflection == GOLD_REFLECTION.format(gold=gold)
        assert evidence.retries["oracle"].right_if_changed == wilson(8, 8)

    def test_own_is_the_evaluations_second_try(self, player, problems, keys):
        found = evaluate(player, problems, num_tries=2, keys=keys)
        evidence = evidence_of(player, found, keys, controls=True)
        assert evidence.retries["own"].right == summarise(found)["rescue_rate"]
        assert evidence.retries["second_sample"].repeats_task.n == 0

    def test_right_tries_that_are_spoilt(self, player, keys):
        """Right at first; whoever is told that it was wrong says something else."""

        def answers(messages, key):
            return TASK.gold(PROBLEM) if len(messages) == 1 else "<answer> 1 </answer>"

        asked = [PROBLEM, TASK.parse({"a": 40, "operator": "+", "b": 2}), TASK.parse({"a": 1, "operator": "+", "b": 2})]
        fickle = replace(player, policy=ScriptedPolicy(answers), task=TASK)
        found = evaluate(fickle, asked, num_tries=2, keys=keys)
        assert len(found.right_tries) == 2
        evidence = evidence_of(fickle, found, keys, controls=False, on_right=1)
        assert tuple(evidence.right_to_wrong) == ON_RIGHT
        assert evidence.right_to_wrong["own"] == wilson(1, 1)
        assert evidence.right_to_wrong["second_sample"] == wilson(0, 1)
        assert evidence.to_json()["bars"] is None

    def test_a_task_without_gold_has_no_oracle(self, player, keys, monkeypatch):
        monkeypatch.setattr(Arithmetic, "gold", lambda self, problem: None)
        silent = replace(player, policy=ScriptedPolicy(lambda messages, key: "no"), task=TASK)
        found = evaluate(silent, TASK.problems("test", 4, seed=0), num_tries=1, keys=keys)
        evidence = evidence_of(silent, found, keys, controls=True)
        assert evidence.outcomes["oracle"] == []
        assert evidence.to_json()["retries"]["oracle"]["right"]["estimate"] is None


def test_a_listening_policy_passes_no_bar_without_its_own_good_reflections(player, problems, keys):
    quiet = replace(player, policy=ScriptedPolicy(countdown_answers(first_try=0.3, good_reflection=0.0, listening=1.0)))
    found = evaluate(quiet, problems, num_tries=2, keys=keys)
    assert not evidence_of(quiet, found, keys, controls=True).bars.are_passed
