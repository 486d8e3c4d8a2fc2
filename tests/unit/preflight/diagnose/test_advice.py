"""Advice: each rule speaks beyond its threshold, is silent where the number is uncertain, and names the number."""

import re
from dataclasses import replace

import pytest

from secondthought.data.priming.kinds import KINDS
from secondthought.habits.rates import HabitRates
from secondthought.preflight.diagnose import RULES, ModelDiagnosis, advise, undecided
from secondthought.stats import Interval


def sure(value):
    return Interval(estimate=value, low=value - 0.01, high=value + 0.01, n=100)


def unsure(value):
    return Interval(estimate=value, low=value - 0.4, high=value + 0.4, n=5)


def habit(value):
    return HabitRates(missing=0, total=1, presence=value, mean_count=value, per_1000=value)


HEALTHY = ModelDiagnosis(
    model="m",
    task="t",
    problems=100,
    samples=16,
    temperature=1.0,
    first_try=sure(0.3),
    format_valid=sure(0.95),
    truncated=sure(0.02),
    length=sure(50.0),
    passes={1: sure(0.3), 16: sure(0.8)},
    flat_groups={4: sure(0.5), 16: sure(0.2)},
    distinct=sure(0.9),
    entropy=sure(0.5),
    detector="functional",
    habits={name: habit(sure(0.5)) for name in ("verification", "backtracking")},
    retries={},
    rescue=None,
    listening=None,
)
SICK = {
    "format": {"format_valid": sure(0.2)},
    "truncated": {"truncated": sure(0.5)},
    "too hard": {"passes": {1: sure(0.0), 16: sure(0.02)}},
    "too easy": {"first_try": sure(0.97)},
    "flat groups": {"flat_groups": {16: sure(0.9)}},
    "no search": {"habits": {name: habit(sure(0.03)) for name in ("verification", "backtracking")}},
    "one answer": {"distinct": sure(0.1)},
    "listens": {"listening": sure(0.6)},
    "does not listen": {"listening": sure(0.05)},
}


def names(found):
    return [item.rule.name for item in advise(found)]


def test_every_rule_has_a_case_here():
    assert {rule.name for rule in RULES} == set(SICK)


def test_a_healthy_model_is_trained_now():
    assert names(HEALTHY) == ["train now"]


@pytest.mark.parametrize("rule", SICK)
def test_a_rule_speaks_beyond_its_threshold_and_shows_the_number(rule):
    given = {item.rule.name: item for item in advise(replace(HEALTHY, **SICK[rule]))}
    [expected] = [known for known in RULES if known.name == rule]
    assert rule in given
    assert given[rule].rule is expected
    assert given[rule].to_json()["source"]
    assert ("train now" in given) == (rule in ("listens", "does not listen"))


def test_a_rule_is_silent_where_the_number_is_uncertain():
    assert names(replace(HEALTHY, format_valid=unsure(0.3), first_try=unsure(0.8))) == ["train now"]


def test_an_undefined_number_says_nothing():
    nan = float("nan")
    assert names(replace(HEALTHY, distinct=Interval(estimate=nan, low=nan, high=nan, n=0))) == ["train now"]


def test_what_must_come_first_silences_what_comes_later():
    assert names(replace(HEALTHY, **SICK["format"], **SICK["no search"])) == ["format"]


def test_one_common_habit_is_enough_to_search():
    mixed = {"verification": habit(sure(0.02)), "backtracking": habit(sure(0.5))}
    assert names(replace(HEALTHY, habits=mixed)) == ["train now"]


def test_a_number_around_its_threshold_is_named_once_as_undecided():
    found = replace(HEALTHY, format_valid=unsure(0.3), listening=sure(0.25))
    assert [item.rule.what for item in undecided(found)] == ["format valid", "listening"]
    assert undecided(HEALTHY) == []


def test_whoever_does_not_search_is_told_which_set():
    [item] = advise(replace(HEALTHY, **SICK["no search"]))
    assert "`prime backtracking-verification SET.jsonl`" in item.rule.says
    shown = item.to_json()
    assert shown["number"]["estimate"] == 0.03
    assert (shown["what"], shown["threshold"]) == (item.rule.what, "below 0.1")


def test_sets_that_are_advised_can_be_made():
    advised = {name for rule in RULES for name in re.findall(r"`prime ([\w-]+)", rule.says)}
    assert advised
    assert advised <= set(KINDS)
