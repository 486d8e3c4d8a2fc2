"""Moves and lines: honest arithmetic, every number once, and the same solutions as brute force finds."""

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.rng import stream
from secondthought.tasks import expressions
from secondthought.tasks.countdown.writing.moves import (
    bracketed,
    choices,
    is_clear,
    left_after,
    moves,
    plain,
    solutions,
    tree,
)

NUMBERS = st.lists(st.integers(1, 12), min_size=3, max_size=4).map(lambda found: tuple(sorted(found)))
LARGEST = 200


def random_line(numbers, seed, *, chained=False):
    rng, pool, line = stream("line", seed), numbers, []
    while len(pool) > 1:
        found = choices(pool, LARGEST, chained=chained and bool(line))
        if not found:
            return None
        line.append(rng.choice(found))
        pool = left_after(pool, line[-1])
    return tuple(line)


def slow_solutions(numbers, target, chained):
    """Every order of play, written without the module's own recursion; lines as sets of workings."""
    found = set()

    def play(pool, line):
        if len(pool) == 1:
            if pool[0] == target and is_clear(tuple(line), numbers, target):
                found.add(tuple(line))
            return
        for x, y in permutations(range(len(pool)), 2):
            if x < y and not (chained and line and y != len(pool) - 1):
                for move in moves(pool[x], pool[y], LARGEST):
                    rest = [value for place, value in enumerate(pool) if place not in (x, y)]
                    play([*rest, move.result], [*line, move])

    play(list(numbers), [])
    return found


@given(numbers=NUMBERS, target=st.integers(13, 50), chained=st.booleans())
def test_solutions_are_those_of_brute_force(numbers, target, chained):
    found = solutions(numbers, target, LARGEST, chained)
    assert set(found) == slow_solutions(numbers, target, chained)
    assert len(set(found)) == len(found)


@given(numbers=NUMBERS, seed=st.integers(0, 10**6), chained=st.booleans())
def test_a_line_and_its_expressions_have_one_value(numbers, seed, chained):
    line = random_line(numbers, seed, chained=chained)
    if line is None:
        return
    for text in (plain(tree(line)), bracketed(tree(line))):
        expression = expressions.parse(text)
        assert expression.value == line[-1].result
        assert sorted(expression.numbers) == list(numbers)


@given(numbers=NUMBERS, seed=st.integers(0, 10**6))
def test_chained_lines_go_on_from_the_last_result(numbers, seed):
    line = random_line(numbers, seed, chained=True)
    if line is not None:
        assert all(before.result in (move.a, move.b) for before, move in pairwise(line))


def test_plain_drops_only_brackets_that_nobody_needs():
    assert plain(((8, "-", 3), "-", (7, "-", 2))) == "8 - 3 - (7 - 2)"
    assert plain(((8, "+", 3), "*", (7, "/", (4, "/", 2)))) == "(8 + 3) * 7 / (4 / 2)"


@pytest.mark.parametrize(("x", "y"), [(3, 3), (12, 5), (100, 12)])
def test_moves_are_positive_and_bounded(x, y):
    assert all(1 <= move.result <= LARGEST for move in moves(x, y, LARGEST))
    assert all(move.result != 0 for move in moves(3, 3, LARGEST))
