"""The quality of reflections: each number on reflections of which it is known."""

from __future__ import annotations

import itertools
import math
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.evaluate import overlap
from secondthought.evaluate.quality import Reflected, generality, leaks, quality, reflected, repeats_task, repeats_try
from secondthought.evaluate.rows import ProblemRow, TurnRow
from secondthought.stats import wilson
from secondthought.tasks import load
from secondthought.tasks.arithmetic import Arithmetic
from secondthought.types import StopReason, TurnKind, Verdict

TASK = load("arithmetic")
PROBLEM = TASK.parse({"a": 30, "operator": "+", "b": 12})
WRONG = Verdict(correct=False, reward=0.0, reason="wrong", well_formed=True)


def about(text, attempt="<answer> 41 </answer>", reason="wrong"):
    return Reflected(problem=PROBLEM, attempt=attempt, reason=reason, text=text, num_tokens=len(text.split()))


class Reading(Arithmetic):
    """Arithmetic that reads two mistakes from a reflection."""

    def named_mistakes(self, problem, reflection):
        return {reason for reason, sign in (("wrong", "sum"), ("malformed", "tags")) if sign in reflection}


def test_only_the_first_reflection_of_a_problem_counts():
    def turn(kind, text, verdict=None):
        return TurnRow(kind=kind, request=None, text=text, num_tokens=3, stop=StopReason.END, verdict=verdict)

    tried = turn(TurnKind.ATTEMPT, "no", WRONG)
    rounds = [turn(TurnKind.REFLECTION, "one"), turn(TurnKind.RETRY, "no", WRONG), turn(TurnKind.REFLECTION, "two")]
    rows = [
        ProblemRow(problem_id="p", data=PROBLEM.data, temperature=1.0, turns=(tried, *rounds)),
        ProblemRow(problem_id="q", data=PROBLEM.data, temperature=1.0, turns=(tried,)),
    ]
    [item] = reflected(rows, TASK)
    assert (item.text, item.attempt, item.reason, item.problem) == ("one", "no", "wrong", PROBLEM)


def test_what_is_copied_from_the_task_or_the_try():
    assert repeats_task(about(f"The question is: {PROBLEM.messages[0].content}"))
    assert not repeats_task(about("I added the tens and forgot to carry what the ones gave."))
    assert repeats_try(about("I said <answer> 41 </answer> and should say it again."))
    assert not repeats_try(about("I was off by one."))
    assert not repeats_try(about("anything", attempt=""))


def test_a_leak_is_the_gold_answer_without_its_tags():
    assert leaks(TASK, PROBLEM, "It is 42, not 41.")
    assert not leaks(TASK, PROBLEM, "It is 420, not 41.")
    countdown = load("countdown", {"preset": "tiny"})
    [puzzle] = countdown.problems("train", 1, seed=0)
    assert leaks(countdown, puzzle, countdown.gold(puzzle))
    assert not leaks(countdown, puzzle, "Check each step.")


def test_a_task_that_knows_no_gold_tells_no_leak(monkeypatch):
    monkeypatch.setattr(Arithmetic, "gold", lambda self, problem: None)
    assert leaks(TASK, PROBLEM, "It is 42.") is None
    assert math.isnan(quality([about("It is 42.")], TASK)["leak"].estimate)


def test_agreement_is_of_those_that_name_a_mistake():
    task = Reading()
    found = quality([about("the sum"), about("the tags"), about("sum and tags"), about("no idea")], task)
    assert found["names_a_mistake"] == wilson(3, 4)
    assert found["names_the_mistake"] == wilson(2, 3)
    assert "names_the_mistake" not in quality([about("the sum")], TASK)


def test_one_sentence_for_all_is_general_and_common():
    same = quality([about("Check every step again.")] * 5, TASK)
    assert same["generality"].estimate == same["commonest"].estimate == 1.0
    texts = ["carry the ones", "mind that sign", "subtract instead please"]
    differ = quality([about(text) for text in texts], TASK)
    assert (differ["generality"].estimate, differ["commonest"].estimate) == (0.0, pytest.approx(1 / 3))
    assert same["length"].estimate == 4.0


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=6).map(" ".join), min_size=3, max_size=7))
def test_generality_is_the_jackknife_of_all_pairs(texts):
    def mean(some):
        sets = [set(overlap.grams(text, 2)) for text in some]
        pairs = [len(a & b) / len(a) for a, b in itertools.permutations(sets, 2)]
        return sum(pairs) / len(pairs)

    n, found = len(texts), generality(texts)
    without = [mean(texts[:i] + texts[i + 1 :]) for i in range(n)]
    centre = sum(without) / n
    deviation = math.sqrt((n - 1) / n * sum((value - centre) ** 2 for value in without))
    assert found.estimate == pytest.approx(mean(texts))
    if deviation > 1e-9 and found.high < 1:
        from secondthought.stats import t_quantile

        assert found.above == pytest.approx(t_quantile(0.975, n - 1) * deviation)


def test_generality_is_the_same_number_in_every_process():
    """The order of a set of strings is another one in each process, and the last digit of a sum depends on it."""
    draw = random.Random(0)
    texts = [" ".join(draw.choices("abcdefghij", k=7 + number % 9)) for number in range(60)]
    program = f"from secondthought.evaluate.quality import generality; print(repr(generality({texts!r})))"
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(told) == 1


def test_nothing_written_is_undefined():
    assert all(math.isnan(value.estimate) for value in quality([], TASK).values())
