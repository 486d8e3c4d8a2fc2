"""No worse by more than a margin: what is kept, what is lost, what cannot be told, and how likely a yes was."""

import random

import pytest

from secondthought.stats import non_inferiority


def pairs(n, only_before, only_after, both=0):
    """Outcomes after and before, in which so many items are right on one side alone."""
    neither = n - only_before - only_after - both
    before = [True] * only_before + [False] * only_after + [True] * both + [False] * neither
    after = [False] * only_before + [True] * only_after + [True] * both + [False] * neither
    return after, before


@pytest.mark.parametrize(
    ("outcomes", "answer"),
    [
        (pairs(2000, 10, 10, 900), "kept"),
        (pairs(2000, 30, 60, 900), "kept"),
        (pairs(2000, 120, 20, 900), "lost"),
        (pairs(200, 10, 10, 90), "cannot tell"),
        (pairs(40_000, 120, 20, 900), "kept"),  # a real loss, within the margin
    ],
)
def test_answers(outcomes, answer):
    found = non_inferiority(*outcomes, margin=0.01)
    assert found.answer == answer
    assert found.to_json()["answer"] == answer


def test_what_is_kept_within_the_margin_still_shows_its_loss():
    found = non_inferiority(*pairs(40_000, 120, 20, 900), margin=0.01)
    assert found.difference.high < 0
    assert found.p_value < 1e-9


@pytest.mark.parametrize(("n", "differ", "margin"), [(400, 0.1, 0.05), (1000, 0.05, 0.02)])
def test_the_power_is_how_often_equal_models_are_told_to_be(n, differ, margin):
    rng = random.Random(0)
    kept, told = 0, []
    for _ in range(400):
        kinds = rng.choices(("before", "after", "both"), (differ / 2, differ / 2, 1 - differ), k=n)
        outcome = pairs(n, kinds.count("before"), kinds.count("after"), kinds.count("both"))
        found = non_inferiority(*outcome, margin=margin)
        kept += found.answer == "kept"
        told.append(found.power)
    assert kept / 400 == pytest.approx(sum(told) / 400, abs=0.06)


def test_with_the_items_that_it_names_the_power_is_80_percent():
    few = non_inferiority(*pairs(300, 12, 12, 100), margin=0.01)
    scale = round(few.items_for_power / 300)
    many = non_inferiority(*pairs(300 * scale, 12 * scale, 12 * scale, 100 * scale), margin=0.01)
    assert few.power < 0.3
    assert many.power == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("n", "margin"), [(0, 0.01), (10, 0.0), (10, float("nan"))])
def test_without_items_or_margin_there_is_no_answer(n, margin):
    with pytest.raises(ValueError, match="needs items and a margin above 0"):
        non_inferiority([True] * n, [True] * n, margin)
