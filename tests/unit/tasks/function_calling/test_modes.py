from __future__ import annotations

import itertools
import json

import changed_calls
import pytest
from call_rows import BFCL, XLAM
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought.tasks.function_calling import FunctionCalling
from secondthought.tasks.function_calling.gold import right_calls, written
from secondthought.tasks.function_calling.judge import RULES, judge
from secondthought.tasks.function_calling.matching import greedy_matching, largest_matching
from secondthought.tasks.function_calling.values import from_plain, is_exact, is_strict
from secondthought.tools.calls import Call, CallReading

MODES = sorted(RULES)
TEXTS = st.text(min_size=1, max_size=12)
SCALARS = st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


def judged(task, problem, calls, mode):
    return judge(CallReading(tuple(calls)), task.wanted(problem), mode)


def problems_of(task):
    return [task.parse(XLAM), task.parse(BFCL), *FunctionCalling().problems("train", 40, seed=0)]


@pytest.mark.parametrize("mode", MODES)
def test_gold_is_accepted_and_every_changed_gold_rejected(mode):
    task = FunctionCalling(mode=mode)
    for problem in problems_of(task):
        wanted = task.wanted(problem)
        right = right_calls(wanted, mode)
        assert right is not None
        assert task.verify(problem, task.gold(problem)).correct
        if not right:
            assert judged(task, problem, [Call("get_time", {})], mode).reason == "unwanted_call"
            continue
        required = [item.signature.required for item in wanted.calls]
        for kind, calls in (*changed_calls.wrong(right), *changed_calls.missing(right, required)):
            found = judged(task, problem, calls, mode)
            assert found is not None, (kind, calls)
            assert not task.verify(problem, written(calls) if calls else "").correct, (kind, calls)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("name", "wrong_tool"),
        ("missing argument", "wrong_parameter_names"),
        ("extra argument", "wrong_parameter_names"),
        ("argument's name", "wrong_parameter_names"),
        ("value", "wrong_parameter_values"),
        ("type", "wrong_parameter_values"),
        ("doubled call", "wrong_number_of_calls"),
        ("dropped call", "no_call"),
    ],
)
def test_each_change_has_its_reason(kind, reason):
    task = FunctionCalling()
    for row in (XLAM, BFCL):
        problem = task.parse(row)
        wanted = task.wanted(problem)
        right = right_calls(wanted, "strict")
        changed = (
            *changed_calls.wrong(right),
            *changed_calls.missing(right, [c.signature.required for c in wanted.calls]),
        )
        found = [judged(task, problem, calls, "strict") for name, calls in changed if name == kind]
        assert found
        assert {item.reason for item in found} == {reason}


@given(VALUES)
def test_a_value_is_itself_in_both_comparisons(value):
    accepted = from_plain(value)
    assert is_exact(json.loads(json.dumps(value)), accepted)
    assert is_strict(json.loads(json.dumps(value)), accepted)


@given(VALUES, VALUES)
def test_exact_is_equality_of_json_texts(one, other):
    """An oracle: two values are the same if their JSON is, with keys in one order."""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert is_exact(other, from_plain(one)) == same


@given(VALUES, VALUES)
def test_what_is_exact_is_strict(one, other):
    assert is_strict(other, from_plain(one)) or not is_exact(other, from_plain(one))


def depths(value):
    yield value
    for depth in range(1, 4):
        value = [value] if depth % 2 else {"k": value}
        yield value


@pytest.mark.parametrize(("truth", "number"), [(True, 1), (False, 0), (True, 1.0)])
def test_no_truth_value_is_a_number_at_any_depth(truth, number):
    for said, wanted in zip(depths(truth), depths(number), strict=True):
        assert not is_strict(said, from_plain(wanted))
        assert not is_strict(wanted, from_plain(said))
        assert not is_exact(said, from_plain(wanted))


@given(st.text(alphabet="abc 12", min_size=1, max_size=12), st.sampled_from(",./-_*^"), st.integers(0, 12))
def test_no_mark_can_be_added_or_dropped(text, mark, place):
    place = min(place, len(text))
    marked = text[:place] + mark + text[place:]
    assert not is_strict(marked, from_plain(text))
    assert not is_strict(text, from_plain(marked))


@settings(max_examples=200)
@given(
    st.integers(0, 4).flatmap(
        lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
def test_the_largest_matching_is_as_large_as_any_order_allows(table):
    size = len(table)
    pairs = largest_matching(size, size, lambda one, other: table[one][other])
    assert all(table[one][other] for one, other in pairs.items())
    assert len(set(pairs.values())) == len(pairs)
    best = max(
        (sum(table[one][other] for one, other in enumerate(order)) for order in itertools.permutations(range(size))),
        default=0,
    )
    assert len(pairs) == best
    assert len(greedy_matching(size, size, lambda one, other: table[one][other])) <= best


def test_parallel_calls_are_right_in_any_order_in_every_mode():
    row = {**XLAM, "answers": [{"name": "get_time", "arguments": {"city": city}} for city in ("Oslo", "Lima", "Pune")]}
    for mode in MODES:
        task = FunctionCalling(mode=mode)
        problem = task.parse(row)
        calls = [Call("get_time", {"city": city}) for city in ("Oslo", "Lima", "Pune")]
        assert all(judged(task, problem, order, mode) is None for order in itertools.permutations(calls))
        wrong = judged(task, problem, [*calls[:2], Call("get_time", {"city": "Rome"})], mode)
        assert (wrong.reason, wrong.argument) == ("wrong_parameter_values", "city")


def test_no_call_wanted():
    broken = CallReading((), "the JSON is broken")
    for mode, row in itertools.product(MODES, ({**XLAM, "answers": []}, {**BFCL, "ground_truth": []})):
        task = FunctionCalling(mode=mode)
        problem = task.parse(row)
        assert task.verify(problem, "No function fits.").correct
        assert task.verify(problem, "No function fits.").well_formed
        assert judged(task, problem, [Call("get_time", {})], mode).reason == "unwanted_call"
        found = judge(broken, task.wanted(problem), mode)
        assert (found is None) == (mode == "bfcl")


def test_any_call_wanted():
    row = {key: value for key, value in BFCL.items() if key != "ground_truth"} | {"id": "live_relevance_1"}
    for mode in MODES:
        task = FunctionCalling(mode=mode)
        problem = task.parse(row)
        assert task.parse(problem.data) == problem
        assert judged(task, problem, [Call("weather.get", {})], mode) is None
        assert (judged(task, problem, [Call("none.such", {})], mode) is None) == (mode == "bfcl")
        assert judged(task, problem, [], mode).reason == "no_call"
        assert judge(CallReading((), "broken"), task.wanted(problem), mode).reason == "malformed"


def test_the_number_of_calls_wins_over_the_tool_and_names_over_values():
    task = FunctionCalling()
    problem = task.parse(XLAM)
    other = Call("get_time", {"city": "Oslo"})
    assert judged(task, problem, [other, other], "exact").reason == "wrong_number_of_calls"
    assert judged(task, problem, [other], "exact").reason == "wrong_tool"
    both = Call("get_weather", {"city": "Lima", "unit": "C"})
    assert judged(task, problem, [both], "exact").reason == "wrong_parameter_names"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (Call("get_wether", {}), "There is no function `get_wether`."),
        (Call("get_time", {"city": "Oslo"}), "`get_time` does not fit the request as it was called."),
        (Call("get_weather", {"city": "Oslo", "unit": "C"}), "`get_weather` has no argument 'unit'."),
        (Call("get_weather", {"days": 3}), "The argument 'city' of `get_weather` is missing."),
        (
            Call("get_weather", {"city": "Oslo", "days": "3"}),
            "The argument 'days' of `get_weather` must be an integer, not text.",
        ),
        (
            Call("get_weather", {"city": "Rome", "days": 3}),
            "The value of the argument 'city' of `get_weather` is wrong.",
        ),
    ],
)
def test_feedback_says_what_is_wrong_and_not_what_is_right(call, sentence):
    task = FunctionCalling()
    problem = task.parse(XLAM)
    assert judged(task, problem, [call], "exact").feedback == sentence
    assert task.verify(problem, written([call])).feedback == sentence


def test_feedback_never_holds_the_wanted_values():
    task = FunctionCalling()
    for problem in task.problems("train", 60, seed=1):
        right = right_calls(task.wanted(problem), "exact")
        values = [str(value) for call in right for value in call.arguments.values() if len(str(value)) > 2]
        for _, calls in changed_calls.wrong(right) if right else ():
            feedback = judged(task, problem, calls, "exact").feedback
            assert feedback.endswith(".")
            assert not [value for value in values if value in feedback], feedback
