"""Calibration: rates of detectors that are known to be right, fooled, or silent."""

import math
import re

import pytest

from secondthought.habits import calibration
from secondthought.habits.calibration import calibrate
from secondthought.habits.patterns import PatternDetector
from secondthought.tasks.countdown.reading.detector import FunctionalDetector
from secondthought.types import Problem, Reading

FOUR = ("verification", "backtracking", "subgoal_setting", "backward_chaining")


class Counting:
    """Counts a pattern for every behaviour."""

    name = "counting"

    def __init__(self, pattern, behaviors=FOUR, at_most=10**9):
        self.pattern, self.behaviors, self.at_most = re.compile(pattern), behaviors, at_most
        self.thoughts = []

    def detect(self, thoughts):
        self.thoughts += thoughts
        counts = [min(self.at_most, len(self.pattern.findall(thought.text))) for thought in thoughts]
        return [Reading(counts=dict.fromkeys(self.behaviors, count)) for count in counts]


def rates(rows):
    return {(row.texts, row.behavior): row.wrong.estimate for row in rows}


def test_who_finds_nothing_is_never_wrong():
    rows = calibrate(Counting("(?!)"))
    assert set(rates(rows).values()) == {0.0}
    assert len(rows) == 4 * 4 + 4
    assert all(row.wrong.high > 0 for row in rows)
    assert all(row.highest == 0 for row in rows)


@pytest.mark.parametrize(
    ("pattern", "fooled"),
    [
        (r"^$", {"empty"}),
        (r"= \d+", {"list", "rejected", "loop"}),
        (r"\(not \d+\)", {"rejected"}),
        (r"two and two", {"loop"}),
        (r"[.] ", {"list", "rejected", "loop", "repeated habit"}),
    ],
)
def test_who_is_fooled_is_told_by_what(pattern, fooled):
    rows = calibrate(Counting(pattern))
    wrong = {row.texts for row in rows if row.wrong.estimate > 0}
    # The sentence that shows verification holds a sum; in a loop it is counted many times.
    assert wrong - {"repeated habit"} == fooled - {"repeated habit"}
    assert all(0 < row.wrong.estimate <= 1 and row.highest > 0 for row in rows if row.texts in wrong & fooled)


def test_a_repeated_habit_may_be_found_once():
    once, often = calibrate(Counting("wait", at_most=1)), calibrate(Counting("wait"))
    assert rates(once)["repeated habit", "backtracking"] == 0
    assert rates(often)["repeated habit", "backtracking"] == 1
    assert rates(often)["repeated habit", "verification"] == 0


def test_what_cannot_be_told_is_missing_and_not_right():
    class Silent(Counting):
        def detect(self, thoughts):
            return [Reading(counts=dict.fromkeys(self.behaviors)) for _ in thoughts]

    for row in calibrate(Silent("")):
        assert math.isnan(row.wrong.estimate)
        assert row.missing > 0
        assert row.highest is None


def test_own_behaviors_have_no_sentence_of_their_own():
    rows = calibrate(Counting("a", behaviors=("dreaming",)))
    assert {row.texts for row in rows} == {"empty", "list", "rejected", "loop"}


def test_texts_are_what_they_are_said_to_be_and_the_same_each_time():
    first, second = Counting("(?!)"), Counting("(?!)")
    problem = Problem(id="p", task="t", messages=(), data={})
    calibrate(first, problem=problem, copies=7)
    calibrate(second, copies=7)
    texts = [thought.text for thought in first.thoughts]
    assert texts == [thought.text for thought in second.thoughts]
    assert len(texts) == len(set(texts))
    assert all(thought.problem is problem for thought in first.thoughts)
    sums = [(int(a), int(b), int(c)) for text in texts for a, b, c in re.findall(r"(-?\d+) \+ (\d+) = (\d+)", text)]
    assert sums
    assert all(a + b == c for a, b, c in sums)
    for text in texts:
        assert all(result != target for result, target in re.findall(r"= (\d+) \(not (\d+)\)", text))


@pytest.mark.parametrize("detector", [PatternDetector(), FunctionalDetector()], ids=lambda detector: detector.name)
@pytest.mark.parametrize("name", FOUR)
def test_each_habits_sentence_and_its_loop_are_found_once(detector, name):
    """A row whose sentence nobody finds could never fail."""
    once, looped = (
        detector.detect(calibration._about([text]))[0].counts[name]
        for text in (calibration._SENTENCES[name], f"{calibration._SENTENCES[name]} " * 20)
    )
    assert (once, looped) == (1, 1)
    rows = {row.behavior: row for row in calibrate(detector) if row.texts == "repeated habit"}
    assert rows[name].highest == 1


def test_the_table_of_the_documents_is_what_is_said():
    """Patterns see nothing; to the functional detector, sums tried one after another are a search."""
    for detector, wrong in (
        (PatternDetector(), {}),
        (
            FunctionalDetector(),
            {("list", "backtracking"): 1, ("rejected", "backtracking"): 1, ("rejected", "verification"): 1},
        ),
    ):
        rows = calibrate(detector)
        assert all(row.missing == 0 for row in rows)
        assert {key: rate for key, rate in rates(rows).items() if rate} == wrong


def test_lists_are_sums_of_the_numbers_of_their_problem():
    seen = Counting("(?!)")
    calibrate(seen)
    for thought in seen.thoughts:
        for a, b, result in re.findall(r"(\d+) \+ (\d+) = (\d+)", thought.text):
            numbers = thought.problem.data["numbers"]
            assert {int(a), int(b)} <= set(numbers)
            assert int(result) != thought.problem.data["target"]
