from __future__ import annotations

import statistics
import time
from fractions import Fraction

import pytest
import reference_countdown as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought.rng import stream
from secondthought.tasks import expressions
from secondthought.tasks.countdown import solver

THREE = st.lists(st.integers(0, 12), min_size=2, max_size=3).map(tuple)
FOUR = st.lists(st.integers(0, 9), min_size=4, max_size=4).map(tuple)
TARGETS = st.integers(-5, 40)


def exact(text):
    expression = expressions.parse(text)
    return sorted(expression.numbers), expression.value


@settings(max_examples=150, deadline=None)
@given(THREE, TARGETS)
def test_agrees_with_brute_force_on_three(numbers, target):
    expected = target in reference.reachable([Fraction(number) for number in numbers])
    assert solver.solvable(numbers, target) == expected == bool(solver.solutions(numbers, target))
    assert solver.first_steps(numbers, target) == reference.first_steps(numbers, target)


@settings(max_examples=6, deadline=None)
@given(FOUR, TARGETS)
def test_agrees_with_brute_force_on_four(numbers, target):
    assert solver.solvable(numbers, target) == (target in reference.reachable([Fraction(n) for n in numbers]))
    assert solver.first_steps(numbers, target) == reference.first_steps(numbers, target)


@settings(max_examples=60, deadline=None)
@given(THREE, TARGETS)
def test_lists_all_solutions_once(numbers, target):
    """Every brute-force expression that hits has the canonical form of one listed solution, and the other way round."""
    hits = {text for text, value in reference.trees([(str(n), Fraction(n)) for n in numbers]) if value == target}
    listed = solver.solutions(numbers, target)
    assert len(set(listed)) == len(listed)
    assert {canonical_form(text) for text in hits} == {canonical_form(text) for text in listed}
    assert len({canonical_form(text) for text in listed}) == len(listed)


def canonical_form(text):
    """An independent canonical form: signed terms of a sum, powers of a product, flattened by hand."""

    def combine(kind, left, right, flip):
        own = left[1] if left[0] == kind else ((1, left),)
        other = right[1] if right[0] == kind else ((1, right),)
        return kind, tuple(sorted([*own, *((flip * sign, node) for sign, node in other)], key=repr))

    stack = []
    for token in expressions.parse(text).postfix:
        if isinstance(token, int):
            stack.append(("n", token))
            continue
        right, left = stack.pop(), stack.pop()
        stack.append(combine("s" if token in "+-" else "p", left, right, 1 if token in "+*" else -1))
    return stack[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=3, max_size=5).map(tuple), st.integers(1, 100))
def test_solutions_are_right(numbers, target):
    found = solver.solutions(numbers, target)
    assert bool(found) == solver.solvable(numbers, target) == bool(solver.first_steps(numbers, target))
    assert all(exact(text) == (sorted(numbers), target) for text in found)


@settings(max_examples=60, deadline=None)
@given(FOUR, TARGETS, st.randoms(use_true_random=False))
def test_order_of_numbers_does_not_matter(numbers, target, random):
    shuffled = list(numbers)
    random.shuffle(shuffled)
    assert solver.solutions(tuple(shuffled), target) == solver.solutions(numbers, target)
    assert solver.first_steps(tuple(shuffled), target) == solver.first_steps(numbers, target)


@given(THREE, TARGETS)
def test_dead_and_right_steps_are_all_steps(numbers, target):
    dead, right = solver.dead_steps(numbers, target), solver.first_steps(numbers, target)
    assert not dead & right
    a, b = sorted(numbers)[:2]
    assert {(a, "+", b), (a, "*", b), (a, "-", b)} <= dead | right


@pytest.mark.parametrize("numbers", [(0, 1, 2, 7), (0, 0, 3, 5), (4, 4, 1, 9), (1, 2, 3, 20), (2, 3, 7, 11)])
def test_zero_targets(numbers):
    """Zero absorbs factors, so it is where an inverted operation can lose solutions."""
    assert solver.solvable(numbers, 0) == (0 in reference.reachable([Fraction(number) for number in numbers]))
    assert bool(solver.solutions(numbers, 0)) == solver.solvable(numbers, 0)


def test_known_puzzles():
    assert solver.solutions((3, 3, 8, 8), 24) == ("8 / (3 - 8 / 3)",)
    assert solver.solutions((1, 1, 1, 1), 24) == ()
    assert solver.solutions((1, 3, 4, 6), 24) == ("6 / (1 - 3 / 4)",)
    assert solver.solvable((3, 4, 25, 30), 32)


@pytest.mark.parametrize("function", [solver.solvable, solver.solutions, solver.first_steps])
def test_four_numbers_take_less_than_five_milliseconds(function):
    rng = stream("solver speed")
    times = []
    for _ in range(100):
        numbers = tuple(rng.randint(1, 50) for _ in range(4))
        start = time.process_time()
        function.__wrapped__(numbers, rng.randint(10, 100))
        times.append(time.process_time() - start)
    assert statistics.median(times) < 0.005
