"""Sets that are not written by search: from any file, from own samples, from a teacher."""

import json

import pytest

from secondthought.data.priming.filtering import FORBIDDEN, TEST, UNWANTED, from_file
from secondthought.data.priming.from_samples import from_samples
from secondthought.data.priming.from_search import SetRequest, traces
from secondthought.data.priming.from_teacher import NO_ANSWER, NO_TAGS, from_teacher, system_text
from secondthought.errors import ConfigError, RunError, TaskError
from secondthought.tasks.arithmetic import Arithmetic
from secondthought.tasks.countdown import Countdown
from secondthought.tasks.options import split_of
from secondthought.types import HABITS, Answer

TASK = Countdown(preset="priming", answer_format="think")


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(split, count, text="<think>It is clear.</think><answer>1</answer>"):
    return [{"problem": dict(item.data), "completion": text} for item in TASK.problems(split, count, 0)]


def test_any_file_is_judged_and_kept_as_it_is(tmp_path):
    rows = [trace.row() for trace in traces(SetRequest(kind="all-strategies", count=10))]
    found = from_file(write(tmp_path / "human.jsonl", rows), TASK, 10).require("human.jsonl")
    assert [trace.completion for trace in found] == [row["completion"] for row in rows]
    assert [trace.correct for trace in found] == [row["correct"] for row in rows]


def test_right_answers_stay_out_of_a_set_of_wrong_ones(tmp_path):
    rows = [trace.row() for trace in traces(SetRequest(kind="all-strategies", count=10))]
    taken = from_file(write(tmp_path / "own.jsonl", rows), TASK, None, correct=False)
    assert taken.left_out[UNWANTED[True]] == sum(row["correct"] for row in rows) > 0
    assert not any(trace.correct for trace in taken.traces)


def test_first_tries_of_an_evaluation_are_traces_too(tmp_path):
    [row] = rows_of("train", 1)
    turns = [{"kind": "attempt", "text": row["completion"]}, {"kind": "reflection", "text": "Hm."}]
    path = write(tmp_path / "before_t1.0.jsonl", [{"problem_id": "x", "data": row["problem"], "turns": turns}])
    assert [trace.completion for trace in from_file(path, TASK, None).traces] == [row["completion"]]
    with pytest.raises(TaskError, match="line 1: field 'completion'"):
        from_file(write(tmp_path / "bad.jsonl", [{"data": row["problem"], "turns": []}]), TASK, None)


def test_test_problems_and_forbidden_habits_stay_out(tmp_path):
    path = write(tmp_path / "mixed.jsonl", [*rows_of("test", 3), *rows_of("train", 2), *rows_of("train", 2)])
    taken = from_file(path, TASK, 2)
    assert taken.left_out == {TEST: 3, "twice": 2}
    assert {split_of(trace.problem.id) for trace in taken.traces} == {"train"}
    searched = [trace.row() for trace in traces(SetRequest(kind="backtracking", count=5))]
    taken = from_file(write(tmp_path / "b.jsonl", searched), TASK, 5, forbids=("backtracking",))
    assert taken.left_out == {FORBIDDEN: 5}
    with pytest.raises(RunError, match=r"0 of 5 traces \(5 left out: shows what the set forbids\)"):
        taken.require("b.jsonl")


def test_habits_are_missing_where_the_task_has_no_reader(tmp_path):
    task = Arithmetic()
    rows = [{"problem": dict(item.data), "completion": "No, that is wrong."} for item in task.problems("train", 2, 0)]
    taken = from_file(write(tmp_path / "own.jsonl", rows), task, None, forbids=HABITS)
    assert [dict(trace.reading.counts) for trace in taken.traces] == [dict.fromkeys(HABITS)] * 2


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"problem": {"numbers": [1, 2], "target": 3}}, "line 1: field 'completion'"),
        ({"completion": "x"}, "line 1: field 'problem'"),
        ({"completion": "x", "problem": {"numbers": [1], "target": 3}}, "line 1: countdown problem"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, sentence):
    with pytest.raises(TaskError, match=sentence):
        from_file(write(tmp_path / "bad.jsonl", [row]), TASK, 1)


def solved(problem):
    return f"<think>This one I know.</think>{TASK.gold(problem)}"


def test_own_samples_become_a_wrong_try_then_a_right_one(tmp_path):
    one, two = TASK.problems("train", 2, 1)
    wrong = "<think>Just a guess.</think><answer>1 + 1</answer>"
    run_row = {
        "data": dict(one.data),
        "history": [{"kind": "attempt", "text": wrong}],
        "branches": [{"reflection": {"text": "I forgot a number."}, "tries": [{"text": solved(one)}]}],
    }
    evaluation_row = {
        "data": dict(two.data),
        "turns": [
            {"kind": "attempt", "text": wrong},
            {"kind": "reflection", "text": "I added too little."},
            {"kind": "retry", "text": solved(two)},
        ],
    }
    path = write(tmp_path / "samples.jsonl", [run_row, evaluation_row])
    found = from_samples([path], TASK, 2, 0).require("samples")
    assert {trace.problem.id for trace in found} == {one.id, two.id}
    for trace, reflection in zip(found, _reflections(found, one), strict=True):
        text = trace.completion
        assert trace.correct
        assert trace.attempts == 2
        assert text.index("Just a guess.") < text.index(reflection) < text.index("This one I know.")
        assert text.count("<answer>") == 1


def _reflections(found, one):
    return ["I forgot a number." if trace.problem.id == one.id else "I added too little." for trace in found]


def test_samples_that_are_all_alike_cannot_be_stitched(tmp_path):
    [problem] = TASK.problems("train", 1, 1)
    path = write(tmp_path / "right.jsonl", [{"problem": dict(problem.data), "completion": solved(problem)}])
    with pytest.raises(RunError, match="no problem has both"):
        from_samples([path], TASK, 1, 0)


class Teacher:
    """Answers every second conversation well; the others not at all or without tags."""

    name = "teacher"

    def __init__(self, *replies):
        self.replies, self.asked = replies, []

    def ask(self, conversations, sampling, keep=lambda answer: None):
        self.asked.append(conversations)
        answers = [Answer(place, self.replies[place % len(self.replies)]) for place in range(len(conversations))]
        for answer in answers:
            keep(answer)
        return answers


def test_a_teacher_is_asked_until_there_are_enough():
    teacher = Teacher("<think>Let me see.</think>\n<answer>1</answer>", None, "I do not know.")
    taken = from_teacher(teacher, TASK, "direct", 6, 0)
    assert len(taken.require("teacher")) == 6
    assert taken.left_out[NO_ANSWER] > 0
    assert taken.left_out[NO_TAGS] > 0
    problems = [conversation[-1].content for asked in teacher.asked for conversation in asked]
    assert len(set(problems)) == len(problems)
    assert len(teacher.asked) > 1


def test_a_teacher_that_answers_nothing_is_given_up():
    with pytest.raises(RunError, match="0 of 3 traces"):
        from_teacher(Teacher(None), TASK, "direct", 3, 0)


def test_a_teacher_is_told_what_to_leave_out():
    assert "Never calculate from the target" in system_text("backtracking-subgoals")
    assert "Name an intermediate number" in system_text("backtracking-subgoals")
    assert "Never" not in system_text("all-strategies")
    with pytest.raises(ConfigError, match="dots is made by search"):
        system_text("dots")
