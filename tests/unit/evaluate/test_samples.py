"""Numbers of samples, several per problem: unbiased, over problems, and nothing where nothing can be said."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.evaluate import samples as rates
from secondthought.types import Branch, Completion, Group, Problem, StopReason, Turn, TurnKind, Verdict


def group(name, outcomes, *, texts=None, logprobs=(-1.0, -3.0), stop=StopReason.END):
    """One problem with a sample per outcome: True, False, or None for one that could not be read."""
    turns = [
        Turn(
            kind=TurnKind.ATTEMPT,
            prompt_ids=(1,),
            completion=Completion(
                token_ids=tuple(range(len(logprobs))),
                logprobs=tuple(logprobs),
                text=f"{place}" if texts is None else texts[place],
                stop=stop,
            ),
            verdict=Verdict(correct=bool(right), reward=float(bool(right)), reason="", well_formed=right is not None),
        )
        for place, right in enumerate(outcomes)
    ]
    problem = Problem(id=name, task="t", messages=(), data={})
    return Group(problem=problem, history=(), branches=tuple(Branch(reflection=None, tries=(turn,)) for turn in turns))


@given(st.lists(st.booleans(), min_size=2, max_size=8), st.data())
def test_chance_of_a_flat_group_is_the_share_of_all_that_could_be_drawn(outcomes, data):
    size = data.draw(st.integers(1, len(outcomes)))
    drawn = list(itertools.combinations(outcomes, size))
    flat = sum(len(set(one)) == 1 for one in drawn) / len(drawn)
    assert rates.flat_chance(len(outcomes), sum(outcomes), size) == pytest.approx(flat)


def test_means_are_over_problems_not_over_samples():
    groups = [group("a", [True] * 4), group("b", [False, False, None, None])]
    assert rates.first_try(groups).estimate == 0.5
    assert rates.format_valid(groups).estimate == 0.75
    assert rates.first_try(groups).n == 2


def test_pass_at_k_stops_at_the_samples_there_are():
    groups = [group("a", [True, False, False, False]), group("b", [False] * 4)]
    found = rates.passes(groups)
    assert list(found) == [1, 2, 4]
    assert [found[k].estimate for k in found] == [0.125, 0.25, 0.5]


def test_flat_groups_larger_than_the_samples_are_not_guessed():
    assert list(rates.flat_groups([group("a", [True, False] * 4)])) == [4, 8]
    assert rates.flat_groups([group("a", [True, False])]) == {}


def test_diversity_counts_pairs_that_differ():
    assert rates.distinct([group("a", [True] * 3, texts=["x", "x", "y"])]).estimate == pytest.approx(2 / 3)
    assert rates.distinct([group("a", [True] * 3, texts=["x"] * 3)]).estimate == 0.0
    assert math.isnan(rates.distinct([group("a", [True])]).estimate)


def test_entropy_is_nats_per_token_and_truncation_is_seen():
    assert rates.entropy([group("a", [True])]).estimate == 2.0
    assert rates.truncated([group("a", [True, False], stop=StopReason.LENGTH)]).estimate == 1.0
    assert rates.length([group("a", [True])]).estimate == 2.0


@pytest.mark.parametrize(("right", "low", "high"), [(False, 0.0, 0.49), (True, 0.51, 1.0)])
def test_problems_that_all_agree_leave_a_doubt(right, low, high):
    """Four problems without a right answer are no proof that there is none: Wilson's interval of 0 of 4."""
    found = rates.first_try([group(str(place), [right] * 8) for place in range(4)])
    assert (found.estimate, found.n) == (float(right), 4)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.001), pytest.approx(high, abs=0.001))


@pytest.mark.parametrize("right", range(5))
def test_problems_that_all_agree_on_anything_leave_a_doubt(right):
    """Every problem is solved by the same number of its four samples: that is worth one answer a problem."""
    found = rates.first_try([group(str(place), [at < right for at in range(4)]) for place in range(6)])
    assert found.estimate == right / 4
    assert 0 <= found.low < found.high <= 1
    assert found.high - found.low > 0.35
