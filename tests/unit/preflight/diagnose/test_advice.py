"""Advice: each rule speaks beyond its threshold, is silent where the number is uncertain, and names the number."""

import shlex
from dataclasses import replace

import pytest
from diagnoses import HEALTHY, SICK, habit, sick, sure, unsure, way, ways

from secondthought.preflight.diagnose import RULES, Subject, advise, undecided
from secondthought.stats import Interval

PLAIN = Subject(model="m", task="t")


def names(found):
    return [item.rule.name for item in advise(found)]


def test_every_rule_has_a_case_here():
    assert {rule.name for rule in RULES} == set(SICK)


def test_a_healthy_model_is_trained_now():
    assert names(HEALTHY) == ["train now"]


@pytest.mark.parametrize("rule", SICK)
def test_a_rule_speaks_beyond_its_threshold_and_shows_the_number(rule):
    given = {item.rule.name: item for item in advise(sick(rule))}
    [expected] = [known for known in RULES if known.name == rule]
    assert rule in given
    assert given[rule].rule is expected
    assert given[rule].to_json()["source"]
    assert ("train now" in given) == (not expected.objects)


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
    found = replace(HEALTHY, format_valid=unsure(0.3), both_ways=ways(listening=sure(0.25)))
    assert [item.rule.what for item in undecided(found)] == ["format valid", "listening"]
    assert undecided(HEALTHY) == []


def test_whoever_does_not_search_is_told_which_set():
    [item] = advise(sick("no search"))
    assert item.commands[0].startswith("secondthought prime backtracking-verification ")
    shown = item.to_json()
    assert shown["number"]["estimate"] == 0.03
    assert (shown["what"], shown["threshold"]) == (item.rule.what, "below 0.1")


@pytest.mark.parametrize("rule", SICK)
def test_a_task_without_priming_sets_is_never_told_to_prime(rule):
    found = sick(rule, PLAIN)
    for item in (*advise(found), *undecided(found)):
        assert not any(command.startswith("secondthought prime") for command in item.commands)
        assert "Prime" not in item.remedy.says
    assert names(sick("no search", PLAIN)) == ["train now"]


def test_a_task_without_answers_is_not_told_to_learn_them():
    [item] = advise(sick("format", replace(PLAIN, has_gold=False)))
    assert item.commands == ("secondthought tasks sample t",)


def test_the_way_to_train_is_the_one_that_listens():
    """With the failed try in sight nothing is heard, without it much is."""
    deaf, hears = way(listening=sure(0.0)), way(listening=sure(0.6))
    both = replace(ways(both=hears, unseen=sure(0.5)), ways={"all": deaf, "reflection": hears})
    given = {item.rule.name: item for item in advise(replace(HEALTHY, both_ways=both))}
    assert both.recommended == "reflection"
    assert {"retry sees", "listens"} <= set(given)
    assert "does not listen" not in given
    assert shlex.split(given["listens"].commands[0])[-2:] == ["--episode.retry-sees", "reflection"]


@pytest.mark.parametrize("unseen", [None, unsure(0.2), sure(-0.5)])
def test_the_published_way_stays_unless_the_other_is_surely_better(unseen):
    found = replace(HEALTHY, both_ways=ways(unseen=unseen, listening=sure(0.6)))
    assert found.both_ways.recommended == "all"
    [listens] = [item for item in advise(found) if item.rule.name == "listens"]
    assert "retry-sees" not in listens.commands[0]


def test_commands_name_the_options_that_were_given():
    subject = Subject(
        model="my model", task="rows.jsonl", options={"num_numbers": [3, 4], "preset": "tiny", "think": True}
    )
    words = shlex.split(subject.train("grpo"))
    assert words[:7] == ["secondthought", "train", "grpo", "--model", "my model", "--task", "rows.jsonl"]
    assert words[7:] == ["--options.num-numbers", "[3, 4]", "--options.preset", "tiny", "--options.think", "true"]
