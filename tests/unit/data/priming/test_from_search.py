"""Priming sets: exact sizes and shares, nothing forbidden, no problem of the test split, the same for the same seed."""

import contextlib
import json

import pytest

from secondthought import jsonl
from secondthought.data.priming.fillers import dots
from secondthought.data.priming.from_search import SetRequest, problems_of, traces
from secondthought.data.priming.kinds import KINDS, kind
from secondthought.data.priming.set_file import provenance_path, write_set
from secondthought.errors import ConfigError, TaskError
from secondthought.tasks.countdown import Countdown
from secondthought.tasks.countdown.reading.detector import FunctionalDetector
from secondthought.tasks.countdown.writing.wordings import WORDINGS
from secondthought.tasks.options import split_of
from secondthought.types import HABITS, Thought

COUNT = 24


def words(text):
    return len(text.split())


def made(name, wording="english", **kwargs):
    return list(traces(SetRequest(kind=name, count=COUNT, wording=wording, **kwargs), words))


@pytest.fixture(scope="module", params=WORDINGS)
def every_set(request):
    return request.param, {name: made(name, request.param) for name in KINDS}


def test_eleven_kinds(every_set):
    language, sets = every_set
    assert len(sets) == 11
    for name, found in sets.items():
        fixed = {"incorrect-only": 0, "correct-only": COUNT}
        right = fixed.get(name, round(WORDINGS[language].dials.correct * COUNT))
        assert len(found) == COUNT
        assert len({trace.problem.id for trace in found}) == COUNT
        assert {split_of(trace.problem.id) for trace in found} == {"train"}
        assert sum(trace.correct for trace in found) == right


def test_what_a_kind_forbids_occurs_in_none_of_its_traces(every_set):
    detector = FunctionalDetector()
    for name, found in every_set[1].items():
        readings = detector.detect([Thought(text=item.completion, problem=item.problem) for item in found])
        assert kind(name).forbids == tuple(b for b in HABITS if b not in kind(name).behaviors) or "all" not in name
        for behavior in kind(name).forbids:
            assert not any(reading.counts[behavior] for reading in readings), (name, behavior)


def test_what_a_kind_is_named_after_occurs_in_most(every_set):
    for name, found in every_set[1].items():
        if KINDS[name].thought == "told":
            for behavior in KINDS[name].requires:
                share = sum(bool(trace.reading.counts[behavior]) for trace in found) / COUNT
                assert share > 0.7, (name, behavior, share)


def test_controls_hold_no_thought(every_set):
    for trace in every_set[1]["empty"]:
        assert "<think> </think>" in trace.completion
    for trace in every_set[1]["dots"]:
        thought = trace.completion.split("<think>")[1].split("</think>")[0]
        assert set(thought) <= set(". \n")
        assert "." in thought


def test_controls_pair_with_the_thoughts_that_they_leave_out(every_set):
    """The same problems in the same order, the same answers, and as many tokens of dots as the thought had."""
    told, empty, dotted = (
        [item.completion.split("</think>") for item in every_set[1][name]]
        for name in ("all-strategies", "empty", "dots")
    )
    for name in ("empty", "dots", "neutral"):
        twins = zip(every_set[1]["all-strategies"], every_set[1][name], strict=True)
        assert all(one.problem == other.problem and one.correct == other.correct for one, other in twins)
    for (thought, answer), (_, same), (points, too) in zip(told, empty, dotted, strict=True):
        assert answer.strip() == same.strip() == too.strip()
        assert words(points) == words(thought)


def test_plain_words_are_as_long_as_the_thoughts_and_say_nothing(every_set):
    told, plain = (
        [trace.completion.split("</think>")[0].removeprefix("<think>") for trace in every_set[1][name]]
        for name in ("all-strategies", "neutral")
    )
    assert [words(thought) for thought in plain] == [words(thought) for thought in told]
    assert not any(character in "0123456789=+*/" for thought in plain for character in thought)
    assert len(set(plain)) > COUNT / 2


def test_dots_of_a_given_length():
    assert dots(7, words).count(".") == 7
    assert dots(1, words) == "."


def test_the_task_judges_as_the_rows_say(every_set):
    for name, found in every_set[1].items():
        for trace in found:
            row = json.loads(jsonl.dumps(trace.row()))
            task = Countdown(preset="priming", answer_format="think")
            assert task.verify(task.parse(row["problem"]), row["completion"]).correct is row["correct"], name


def test_a_seed_is_a_set():
    assert made("backtracking", seed=3) == made("backtracking", seed=3)
    assert made("backtracking", seed=3) != made("backtracking", seed=4)


def test_attempts_and_right_answers_are_dials():
    found = made("backtracking", dials={"correct": 0.25, "attempts": (0.0, 0.0, 1.0)})
    assert sum(trace.correct for trace in found) == 6
    assert {trace.attempts for trace in found} <= {2, 3}
    assert sum(trace.attempts == 3 for trace in found) > COUNT * 0.8


def test_sentences():
    with pytest.raises(ConfigError, match=r"no priming arm 'backtrakcing' .did you mean 'backtracking'"):
        made("backtrakcing")
    with pytest.raises(ConfigError, match="--tokenizer"):
        list(traces(SetRequest(kind="dots", count=1)))
    with pytest.raises(TaskError, match="problems"):
        made("direct", options={"num_numbers": 2, "max_number": 3, "min_target": 4, "max_target": 6})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"task": "arithmetic"}, "task arithmetic: search cannot write its priming sets, since it has no `writer`"),
        ({"task": "arithmetic", "exact_options": True}, "task arithmetic: search cannot write its priming sets"),
        ({"task": "coutdown"}, "there is no task 'coutdown' .did you mean 'countdown'"),
        ({"wording": "englsh"}, "no wording 'englsh'"),
        ({"dials": {"corect": 1}}, "unknown setting 'corect'"),
    ],
)
def test_a_task_that_cannot_write_so_is_one_sentence(settings, sentence):
    with pytest.raises(TaskError, match=sentence):
        list(traces(SetRequest(kind="direct", count=1, **settings)))


FEW = {"num_numbers": 3, "max_number": 7, "min_target": 10, "max_target": 12, "answer_format": "think"}
"""Countdown with so few problems that a split of it is soon used up."""


@pytest.fixture(scope="module")
def few():
    """How many problems the train split holds, by asking for one more until that fails."""
    task, count = Countdown(**FEW), 1
    with contextlib.suppress(TaskError):
        while task.problems("train", count + 1, 0):
            count += 1
    return count


def test_a_split_is_used_up_before_there_are_too_few(few):
    """A request for more problems than there are must not hide those that are left."""
    found = list(traces(SetRequest(kind="direct", count=few - 14, options=FEW)))
    assert len({trace.problem.id for trace in found}) == few - 14


def test_near_the_end_every_problem_is_drawn_once_and_in_order(few):
    task = Countdown(**FEW)
    drawn = list(problems_of(SetRequest(kind="direct", count=few // 2, options=FEW), task))
    assert drawn == task.problems("train", few, 0)


def test_too_few_is_one_sentence_with_the_number_that_there_are(few):
    with pytest.raises(TaskError, match=rf"{few + 1} traces .* only {few} of {few + 1} problems .* --options.preset"):
        list(traces(SetRequest(kind="direct", count=few + 1, options=FEW)))
    given = {**FEW, "min_number": 5, "max_number": 12, "min_target": 5, "max_target": 12}
    made = []
    with pytest.raises(TaskError, match=r"300 traces .* fewer with --count, .* --options.preset") as error:
        made += (trace for trace in traces(SetRequest(kind="direct", count=300, options=given)))
    assert f"only {len(made)} can be made" in str(error.value)


def test_provenance_tells_how_a_set_was_made(tmp_path):
    path = tmp_path / "sets" / "direct.jsonl"
    about = write_set(path, made("direct"), {"arm": "direct", "seed": 0})
    assert json.loads(provenance_path(path).read_text()) == about
    assert about["count"] == len(path.read_text().splitlines()) == COUNT
    assert about["correct"] == COUNT // 2
    assert about["behaviors"]["backtracking"] == {"present": 0, "mean": 0.0, "missing": 0}
