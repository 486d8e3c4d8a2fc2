"""When to believe an unchecked second try: what is read off, what it is worth, and what chance makes of it."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.errors import ConfigError, RunError
from secondthought.serve.ask.rule import FEWEST, MeasuredTries, TriedTwice, figures_of, read, rule_of

PROBABILITY = st.floats(0.0, 1.0)


def row(number, says=True, changed=True, first=False, second=True):
    return TriedTwice(problem_id=f"p{number}", says_right=says, changed=changed, first=first, second=second)


def world(seed, n, *, knows, mends, breaks):
    """A model that calls wrong answers wrong so often, and whose second tries mend and break so often."""
    rng = random.Random(seed)
    rows = []
    for number in range(n):
        first = rng.random() < 0.5
        says = rng.random() >= (knows if not first else 1 - knows)
        changed = rng.random() < 0.7
        second = (rng.random() >= breaks if first else rng.random() < mends) if changed else first
        rows.append(
            TriedTwice(problem_id=f"{seed} {number}", says_right=says, changed=changed, first=first, second=second)
        )
    return rows


def test_a_case_takes_the_second_where_it_is_surely_better():
    rows = [row(n) for n in range(40)] + [row(100 + n, says=False, first=True, second=False) for n in range(40)]
    rule = rule_of(rows)
    assert rule.takes_second((True, True))
    assert not rule.takes_second((False, True))
    assert not rule.takes_second((None, True)), "a case that was never seen keeps the first"
    assert rule.stops(False)
    assert not rule.stops(True)


def test_few_problems_conclude_nothing():
    assert not rule_of([row(n) for n in range(FEWEST - 1)]).takes_second((True, True))
    assert rule_of([row(n) for n in range(FEWEST)]).takes_second((True, True))


def test_by_chance_a_second_answer_is_seldom_taken():
    """Two tries that are right as often: of two hundred calibrations few take the second anywhere."""
    taken = 0
    for seed in range(200):
        rng = random.Random(seed)
        rows = [
            TriedTwice(
                problem_id=str(n),
                says_right=rng.random() < 0.5,
                changed=True,
                first=rng.random() < 0.4,
                second=rng.random() < 0.4,
            )
            for n in range(200)
        ]
        taken += any(item.takes_second for item in rule_of(rows).cases.values())
    assert taken <= 14


def test_another_model_or_wording_is_refused():
    kept = MeasuredTries(about={"model": "m", "episode": {"feedback": "failed", "note": None}}, rows=(row(1),))
    kept.require_same({"model": "m", "episode": {"feedback": "failed", "note": None}})
    with pytest.raises(ConfigError, match="the calibration is of m, and other is asked"):
        kept.require_same({"model": "other", "episode": {}})
    with pytest.raises(ConfigError, match=r"made with another episode\.feedback: 'failed', and now it is 'detail'"):
        kept.require_same({"model": "m", "episode": {"feedback": "detail", "note": None}})


def test_a_model_that_knows_its_mistakes_gains_and_breaks_little():
    found = figures_of(world(0, 800, knows=0.9, mends=0.5, breaks=0.6))
    assert found.gain.low > 0.1
    assert found.right_to_wrong.high < found.right_to_wrong_always.low
    assert found.asked_again.estimate < 0.7


@pytest.mark.parametrize("seed", range(5))
def test_a_model_whose_second_tries_are_chance_is_left_with_its_first(seed):
    found = figures_of(world(seed, 300, knows=0.5, mends=0.3, breaks=0.5))
    assert found.right_to_wrong.estimate < 0.1
    assert found.chosen.estimate >= found.first.estimate - 0.02


@given(st.integers(0, 10**6), st.integers(10, 80), PROBABILITY, PROBABILITY, PROBABILITY)
def test_figures_are_those_of_an_obvious_count(seed, n, knows, mends, breaks):
    rows = world(seed, n, knows=knows, mends=mends, breaks=breaks)
    rule, found = rule_of(rows), figures_of(rows)
    for case, item in rule.cases.items():
        of_case = [one for one in rows if one.case == case]
        assert item.first.n == len(of_case)
        assert item.second.estimate == pytest.approx(sum(one.second for one in of_case) / len(of_case))
    assert found.first.estimate == pytest.approx(sum(one.first for one in rows) / n)
    assert found.gain.estimate == pytest.approx(found.chosen.estimate - found.first.estimate)
    if all(not rule.takes_second(case) for case in rule.cases):
        assert all(rule.chosen(one) == one.first for one in rows)


def test_a_file_is_read_as_it_was_written(tmp_path):
    kept = MeasuredTries(about={"model": "m"}, rows=tuple(world(1, 30, knows=0.7, mends=0.4, breaks=0.2)))
    kept.write(tmp_path / "c.json")
    assert read(tmp_path / "c.json") == kept


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda found: found.update(format="other"), "another format"),
        (lambda found: found["rows"][0].update(first="yes"), "is no calibration"),
        (lambda found: found["rows"][0].pop("second"), "is no calibration"),
        (lambda found: found.pop("about"), "is no calibration"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, change, says):
    path = tmp_path / "c.json"
    MeasuredTries(about={}, rows=(row(1),)).write(path)
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    with pytest.raises(RunError, match=says):
        read(path)


@pytest.mark.parametrize("text", [None, "", "[]", "{"])
def test_what_is_no_file_of_ours_is_named(tmp_path, text):
    path = tmp_path / "c.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RunError, match=str(path)):
        read(path)
