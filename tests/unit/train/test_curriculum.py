"""What a step starts from depends on the step alone, and nobody is passed over."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from secondthought.train.curriculum import ShuffledPool

pools = st.integers(1, 40).map(lambda size: [f"p{number}" for number in range(size)])


@given(pools, st.integers(1, 50), st.integers(0, 3), st.lists(st.integers(1, 30), min_size=1, max_size=10))
def test_a_function_of_the_step(pool, count, seed, steps):
    asked = ShuffledPool(pool, seed)
    assert [asked.take(step, count) for step in steps] == [ShuffledPool(pool, seed).take(step, count) for step in steps]


@given(pools, st.integers(1, 50), st.integers(1, 4))
def test_nothing_twice_in_a_lap_and_all_of_it_where_steps_fill_the_pool(pool, count, laps):
    rounds, size = ShuffledPool(pool, 0), min(count, len(pool))
    per_lap = len(pool) // size
    for lap in range(laps):
        taken = Counter(item for step in range(per_lap) for item in rounds.take(lap * per_lap + step + 1, count))
        assert max(taken.values()) == 1
        assert taken.total() == per_lap * size


@given(pools, st.integers(1, 50), st.integers(1, 200))
def test_no_step_holds_an_item_twice(pool, count, step):
    taken = ShuffledPool(pool, 0).take(step, count)
    assert len(set(taken)) == len(taken)


@given(pools, st.integers(1, 50), st.integers(1, 30))
def test_a_step_is_no_longer_than_the_pool(pool, count, step):
    assert len(ShuffledPool(pool, 0).take(step, count)) == min(count, len(pool))


def test_laps_and_seeds_have_orders_of_their_own():
    pool = list(range(30))
    first, second = ShuffledPool(pool, 0).take(1, 30), ShuffledPool(pool, 0).take(2, 30)
    assert pool != first != second != pool
    assert ShuffledPool(pool, 1).take(1, 30) != first
