"""Plans: they do what they say they do, and nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.rng import stream
from secondthought.tasks.countdown.writing.moves import left_after
from secondthought.tasks.countdown.writing.plans import Dials
from secondthought.tasks.countdown.writing.search import Searcher, undo
from secondthought.tasks.countdown.writing.short_form import DIALS
from secondthought.types import HABITS

NUMBERS = st.lists(st.integers(1, 12), min_size=3, max_size=4).map(lambda found: tuple(sorted(found)))
ALLOWED = st.sets(st.sampled_from(HABITS)).map(frozenset)


@st.composite
def plans(draw):
    """A plan with what was asked for; None where the problem lends itself to none."""
    dials = draw(st.sampled_from([Dials(), DIALS, replace(Dials(), early=1.0, back=1.0)]))
    allowed, correct = draw(ALLOWED), draw(st.booleans())
    searcher = Searcher(stream("plan", draw(st.integers(0, 10**6))), dials)
    return searcher.plan(draw(NUMBERS), draw(st.integers(13, 50)), allowed, correct=correct), allowed, correct, dials


@given(asked=plans())
def test_a_plan_shows_nothing_that_was_not_allowed(asked):
    plan, allowed, correct, _ = asked
    if plan is None:
        return
    assert plan.behaviors <= allowed
    assert plan.correct is correct
    assert (len(plan.attempts) > 1) == ("backtracking" in plan.behaviors)
    assert any(item.subgoal is not None for item in plan.attempts) == ("subgoal_setting" in plan.behaviors)
    assert any(item.backward is not None for item in plan.attempts) == ("backward_chaining" in plan.behaviors)


@given(asked=plans())
def test_attempts_can_be_played_and_only_the_last_may_hit(asked):
    plan, _, _, dials = asked
    if plan is None:
        return
    for attempt in plan.attempts:
        pool = plan.numbers
        for move in attempt.line:
            pool = left_after(pool, move)  # raises where an operand is not at hand
            assert 1 <= move.result <= dials.largest
        assert all(move.result != plan.target for move in attempt.line[:-1])
    assert all(attempt.result != plan.target for attempt in plan.attempts[:-1])
    assert plan.complete(plan.attempts[-1])


@given(asked=plans())
def test_what_is_kept_was_made_just_before(asked):
    plan, _, _, _ = asked
    if plan is None:
        return
    assert plan.attempts[0].kept == 0
    for before, attempt in zip(plan.attempts, plan.attempts[1:], strict=False):
        assert attempt.line[: attempt.kept] == before.line[: attempt.kept]
        assert attempt.fresh


@given(asked=plans())
def test_nothing_is_worked_out_twice(asked):
    plan, _, _, _ = asked
    if plan is not None:
        fresh = [move for attempt in plan.attempts for move in attempt.fresh]
        starts = [attempt.line[0] for attempt in plan.attempts if not attempt.kept]
        assert len(set(starts)) == len(starts)
        assert len(fresh) >= len(plan.attempts)


@given(asked=plans())
def test_aims_are_honest(asked):
    """A subgoal is reached and used; a step backwards leads to what a right line has before its last move."""
    plan, _, _, _ = asked
    if plan is None:
        return
    for attempt in plan.attempts:
        if attempt.subgoal is not None:
            assert attempt.subgoal in [move.result for move in attempt.line]
        if attempt.backward:
            assert attempt.backward.a == plan.target
            assert attempt.backward.b in plan.numbers
            reached = attempt.line[-2].result == attempt.backward.result
            assert reached == (attempt.result == plan.target)


@given(target=st.integers(1, 200), number=st.integers(1, 50))
def test_undoing_a_step_can_be_done_again(target, number):
    inverse = {"-": lambda need: need + number, "+": lambda need: need - number}
    inverse |= {"/": lambda need: need * number, "*": lambda need: need / number}
    for step in undo(target, number, 999):
        assert step.a == target
        assert inverse[step.operator](step.result) == target


def test_the_share_of_right_answers_is_a_dial():
    rng = stream("share")
    searcher = Searcher(rng, Dials(correct=0.3))
    found = [searcher.plan((2, 3, 7, 8), 29, frozenset()) for _ in range(600)]
    assert sum(plan.correct for plan in found) / len(found) == pytest.approx(0.3, abs=0.06)


def test_a_problem_without_a_whole_solution_has_no_right_plan():
    assert Searcher(stream("none"), Dials()).plan((3, 3, 8, 8), 24, frozenset(), correct=True) is None
