"""Checks of the detectors as plain functions: normal tests, and the executioners of their mutants in `test_mutants.py`.

They raise AssertionError and nothing else when a detector is wrong.
"""

import json

import numpy as np
import pytest

from secondthought.habits.agreement import presence_agreement
from secondthought.habits.catalog import shipped
from secondthought.habits.judge.detector import JudgeDetector
from secondthought.habits.patterns import PatternDetector
from secondthought.tasks.countdown.reading.detector import follow
from secondthought.types import Answer, Reading, Thought

NUMBERS, TARGET = (30, 25, 3, 4), 32


def worded(text):
    return PatternDetector().read(text).counts


def done(text, numbers=NUMBERS, target=TARGET):
    return follow(text, numbers, target).counts


def judged(said):
    """Counts of a text by a judge that answers so, whatever it is asked."""

    class Saying:
        name = "judge"

        def ask(self, conversations, sampling, keep=lambda answer: None):
            answers = [Answer(place, said) for place in range(len(conversations))]
            for answer in answers:
                keep(answer)
            return answers

    (reading,) = JudgeDetector(Saying(), shipped()[:1]).detect([Thought(text="It is 3. Wait, no.")])
    return reading.counts[shipped()[0].name]


def check_what_only_sounds_like_going_back_is_none():
    assert worded("But wait, that is not 32!")["backtracking"] == 1
    assert worded("But wait, there is more!")["backtracking"] == 0


def check_a_loop_of_words_counts_once():
    assert worded("Wait, no.\nSo it is 3.\n" * 9)["backtracking"] == 1


def check_a_numbered_loop_counts_once():
    assert worded("".join(f"{i}. Wait, that's not right.\n" for i in range(1, 60)))["backtracking"] == 1


def check_numbers_in_a_sentence_make_it_another():
    assert worded("Let me check 3*4 = 12.\nLet me check 5*7 = 35.\n")["verification"] == 2


def check_a_sentence_counts_once():
    assert worded("Wait, that's not right, let me go back and try again.")["backtracking"] == 1


def check_giving_up_compares_nothing():
    assert done("30 + 25 = 55. No good, back to the start. 3 * 4 = 12.")["verification"] == 0


def check_only_a_number_that_was_sought_is_compared_with():
    assert done("32 - 4 = 28, need 28: 30 + 3 = 33, need 28: no.")["verification"] == 1
    assert done("30 + 3 = 33, need 28: no.")["verification"] == 0


def check_an_attempt_made_before_is_none():
    assert done("30 * 4 = 120, 30 * 3 = 90. " * 5)["backtracking"] == 1


def check_the_final_answer_is_no_attempt():
    assert done("30 + 25 = 55, 55 - 3 = 52.</think><answer>30 * 3</answer>")["backtracking"] == 0


def check_a_number_used_twice_goes_on():
    assert done("9+2=11, 11-7=4, 4*2=8.", (2, 4, 7, 9), 14)["backtracking"] == 0


def check_a_goal_counts_when_it_is_reached():
    assert done("I need 8. 30 - 25 + 3 = 8.")["subgoal_setting"] == 1
    assert done("I need 7. 30 - 25 = 5.")["subgoal_setting"] == 0


def check_from_a_target_that_was_made_no_step_goes_back():
    assert done("32 / 4 = 8.")["backward_chaining"] == 1
    assert done("25 + 4 + 3 = 32, 32 + 30 = 62, 32 / 4 = 8.")["backward_chaining"] == 0


def check_a_quote_must_stand_in_the_text():
    assert judged(json.dumps({"evidence": ["Wait, no"]})) == 1
    assert judged(json.dumps({"evidence": ["nobody wrote this"]})) is None


def check_an_answer_that_cannot_be_read_is_missing():
    assert judged(json.dumps({"evidence": []})) == 0
    assert judged("I think that there are none.") is None


def check_kappa_is_that_of_the_textbook():
    """20 both, 5 and 10 one side alone, 15 neither: (0.7 - 0.5) / (1 - 0.5)."""
    cells = [(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15
    one, other = ([Reading(counts={"x": pair[side]}) for pair in cells] for side in (0, 1))
    found = presence_agreement(one, other, "x", np.random.default_rng(0))
    assert found.kappa.estimate == pytest.approx(0.4)


CHECKS = {name: value for name, value in list(globals().items()) if name.startswith("check_")}
