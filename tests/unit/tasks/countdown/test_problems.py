from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought.errors import TaskError
from secondthought.tasks.countdown import problems, solver
from secondthought.tasks.countdown.problems import PRESETS, generate, identity, read_options
from secondthought.tasks.options import split_of
from secondthought.types import SPLITS


@st.composite
def option_sets(draw):
    low, high = sorted(draw(st.lists(st.integers(3, 4), min_size=2, max_size=2)))
    smallest, target = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    return {
        "num_numbers": (low, high),
        "min_number": smallest,
        "max_number": smallest + draw(st.integers(15, 60)),
        "min_target": target,
        "max_target": target + draw(st.integers(20, 60)),
        "solvable": draw(st.sampled_from([True, False, None])),
        "order": draw(st.sampled_from(["mixed", "sorted"])),
    }


@settings(max_examples=30, deadline=None)
@given(option_sets(), st.sampled_from(SPLITS), st.integers(0, 2**32))
def test_problems_are_as_asked(given_options, split, seed):
    options = read_options(given_options)
    found = generate(options, split, 10, seed)
    assert len({identity(*item) for item in found}) == 10
    for numbers, target in found:
        assert options.counts[0] <= len(numbers) <= options.counts[1]
        assert all(options.min_number <= number <= options.max_number for number in numbers)
        assert options.min_target <= target <= options.max_target
        assert split_of(identity(numbers, target)) == split
        if options.solvable is not None:
            assert solver.solvable(numbers, target) == options.solvable
        if options.order == "sorted":
            assert list(numbers) == sorted(numbers)


def test_identity_forgets_the_order():
    assert identity((12, 3, 7), 24) == identity((7, 12, 3), 24) == "countdown:3-7-12=24"
    assert identity((1, 23), 4) != identity((12, 3), 4)


def test_a_problem_is_shown_the_same_way_whatever_the_seed():
    options = read_options({"num_numbers": 3, "max_number": 8, "max_target": 20})
    shown = {}
    for seed in range(3):
        for numbers, target in generate(options, "train", 300, seed):
            assert shown.setdefault(identity(numbers, target), numbers) == numbers
    assert any(list(numbers) != sorted(numbers) for numbers in shown.values())


def test_splits_have_their_shares():
    counts = Counter(split_of(f"problem {n}") for n in range(20_000))
    assert [round(counts[split] / 20_000, 2) for split in SPLITS] == [0.8, 0.05, 0.15]


def test_neighbouring_seeds_share_no_more_than_others():
    options = read_options({})
    first, second, far = ({identity(*p) for p in generate(options, "train", 300, seed)} for seed in (0, 1, 10**9))
    assert len(first & second) <= 2
    assert len(first & far) <= 2


def test_a_used_up_split_is_an_error():
    options = read_options({"num_numbers": 3, "max_number": 3, "max_target": 12})
    with pytest.raises(TaskError, match="problems found in the test split; ask for fewer"):
        generate(options, "test", 5000, 0)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_can_be_read(preset):
    assert read_options({"preset": preset}).solvable is True


def test_options_go_on_top_of_a_preset():
    options = read_options({"preset": "tiny", "max_target": 50})
    assert (options.counts, options.max_number, options.max_target) == ((3, 3), 30, 50)


@pytest.mark.parametrize(
    ("given_options", "sentence"),
    [
        ({"preset": "tinny"}, "did you mean 'tiny'"),
        ({"preset": ["tiny"]}, "unknown preset"),
        ({"max_numbr": 3}, "unknown option 'max_numbr' .did you mean 'max_number'.*allowed: preset, num_numbers"),
        ({"num_numbers": 7}, "num_numbers must be 2 to 6"),
        ({"num_numbers": (4, 3)}, "lowest first"),
        ({"min_number": 0}, "option min_number"),
        ({"min_target": 50, "max_target": 49}, "min_target must not exceed max_target"),
        ({"answer_format": "json"}, "option answer_format"),
    ],
)
def test_bad_options_are_named(given_options, sentence):
    with pytest.raises(TaskError, match=sentence):
        read_options(given_options)


def test_what_is_drawn_again_is_the_same_and_nobody_elses_to_change():
    options = read_options({"preset": "tiny"})
    first = generate(options, "train", 20, 0)
    drawn = list(first)
    first.clear()
    assert generate(options, "train", 20, 0) == drawn
    assert generate(options, "train", 10, 0) == drawn[:10]


@pytest.mark.slow
def test_the_default_space_holds_fifty_thousand_problems():
    found = generate(read_options({}), "train", 50_000, 0)
    assert len({identity(*item) for item in found}) == 50_000
    assert {len(item.numbers) for item in found} == {4}


def test_the_default_space_is_large():
    """Birthday estimate: 2,000 draws of two seeds from a space of 50,000 would share about 80."""
    options = read_options({})
    first, second = ({identity(*item) for item in generate(options, "train", 2000, seed)} for seed in (0, 1))
    assert len(first & second) < 40
    assert problems.CountdownOptions().counts == (4, 4)
