"""The writer that Countdown offers: its thoughts show what was asked for, by Countdown's own reader."""

import pytest

from secondthought.errors import TaskError
from secondthought.protocols import WritableTask
from secondthought.rng import stream
from secondthought.tasks import load
from secondthought.types import Thought

HABITS = ("verification", "backtracking")


def written(wording, shows, *, correct, **settings):
    """Task, problems, completions and thoughts of the problems that lend themselves to it."""
    plain = load("countdown")
    assert isinstance(plain, WritableTask)
    task = load("countdown", plain.writing_options(wording))
    writer = task.writer(wording, settings)
    for problem in task.problems("train", 40, 0):
        found = writer.write(problem, stream("writer", problem.id), shows=shows, requires=shows, correct=correct)
        if found:
            yield task, problem, writer.completion(found.thought, found.answer), found


@pytest.mark.parametrize("wording", ["english", "short"])
@pytest.mark.parametrize("shows", [(), ("backtracking",), HABITS])
@pytest.mark.parametrize("correct", [True, False])
def test_a_thought_shows_what_was_asked_for_and_is_as_right(wording, shows, correct):
    found = list(written(wording, shows, correct=correct))
    assert len(found) > 10
    for task, problem, text, thought in found:
        [reading] = task.reader().detect([Thought(text=text, problem=problem)])
        shown = {name for name, count in reading.counts.items() if count}
        # Of the others the reader may see what was not planned: such thoughts are drawn again where a set forbids it.
        assert shown & set(HABITS) >= set(shows)
        assert task.verify(problem, text).correct == thought.correct == correct
        assert (thought.attempts > 1) == ("backtracking" in shows)


def test_the_same_stream_writes_the_same_thought():
    first, again = (list(written("english", HABITS, correct=True)) for _ in range(2))
    assert [text for *_, text, _ in first] == [text for *_, text, _ in again]


def test_an_empty_thought_leaves_a_blank():
    writer = load("countdown").writer("short")
    assert writer.completion("", "<answer>1+2</answer>") == "<think> </think><answer>1+2</answer>"
    assert writer.completion("1+2=3.", "<answer>1+2</answer>") == "<think>1+2=3.</think><answer>1+2</answer>"


def test_a_target_among_the_numbers_is_nothing_to_think_about():
    task = load("countdown")
    problem = task.parse({"numbers": [3, 4, 24], "target": 24})
    assert task.writer("english").write(problem, stream("writer"), shows=(), correct=True) is None


def test_settings_are_the_wordings_but_for_those_given():
    task = load("countdown")
    plain, own = task.writer("short").settings, task.writer("short", {"correct": 0.9}).settings
    assert own == {**plain, "correct": 0.9}
    assert task.writing_options("short", {"preset": "tiny"}) == {"preset": "tiny", "answer_format": "think"}


@pytest.mark.parametrize(
    ("wording", "settings", "sentence"),
    [
        ("englsh", {}, r"no wording 'englsh' \(did you mean 'english'\?\); known: english, short"),
        ("short", {"corect": 1}, "unknown setting 'corect'; allowed: correct, attempts"),
    ],
)
def test_unknown_names(wording, settings, sentence):
    with pytest.raises(TaskError, match=sentence):
        load("countdown").writer(wording, settings)
    if not settings:
        with pytest.raises(TaskError, match=sentence):
            load("countdown").writing_options(wording)
