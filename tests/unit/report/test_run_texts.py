"""The two sides of a run: evaluations before and after, or first and last steps, by kind of turn."""

import pytest
from fake_runs import turn, write_evaluation

from secondthought.errors import ConfigError, RunError
from secondthought.report.numbers.run_texts import texts_of_run
from secondthought.runs import RunDirectory, files
from secondthought.types import TurnKind


def group(step, problem):
    branches = [
        {"reflection": turn("reflection", "why?", f"step {step}"), "tries": [turn("retry", "again", "so", True)]}
        for _ in range(2)
    ]
    history = [turn("attempt", "Make 7.", "8", False)]
    return {"step": step, "problem_id": problem, "data": {"say": "seven"}, "history": history, "branches": branches}


@pytest.fixture
def run(tmp_path):
    """A run of seven stored steps, with an evaluation on either side."""
    with RunDirectory.create(tmp_path / "run") as made:
        made.write_config({})
        for step in range(1, 8):
            made.episodes_path(step).parent.mkdir(exist_ok=True)
            files.write_rows(made.episodes_path(step), [group(step, "p0"), group(step, "p1")])
    for name in ("before_t1.0", "after_t1.0", "after_t0.0", "other"):
        rows = [{"problem_id": "p", "turns": [turn("attempt", "Make 7.", name, True)]} for _ in range(3)]
        write_evaluation(made, name, rows)
    return made


def test_evaluations_are_compared_where_they_have_the_turn(run):
    found = texts_of_run(run.path, TurnKind.ATTEMPT)
    assert (found.compared, found.before_from, found.after_from) == ("evaluations", "before_t1.0", "after_t1.0")
    assert [text.text for text in found.after] == ["after_t1.0"] * 3
    assert found.before[0].given == "Make 7."
    assert found.before[0].source == "before_t1.0, problem p"


def test_else_the_first_third_of_steps_with_the_last(run):
    found = texts_of_run(run.path)
    assert (found.turn, found.compared) == (TurnKind.REFLECTION, "steps")
    assert (found.before_from, found.after_from) == ("steps 1 to 3", "steps 5 to 7")
    assert {text.text for text in found.after} == {"step 5", "step 6", "step 7"}
    assert len(found.before) == 3 * 2 * 2
    assert {text.problem for text in found.before} == {"p0", "p1"}
    assert found.before[0].given.split("\n") == ["seven", "Make 7.", "why?"]


def test_a_turn_that_is_not_there_is_said(run):
    with pytest.raises(ConfigError, match=r"evaluations do not have the turn 'retry'.*attempt 6; choose with --turn"):
        texts_of_run(run.path, TurnKind.RETRY, "evaluations")
    with pytest.raises(ConfigError, match=r"steps do not have the turn 'attempt'.*reflection 24, retry 24"):
        texts_of_run(run.path, TurnKind.ATTEMPT, "steps")


def test_a_run_that_keeps_nothing_is_said(tmp_path):
    with RunDirectory.create(tmp_path / "run") as made:
        made.write_config({})
    with pytest.raises(RunError, match=r"keeps neither evaluations .* --train.episode-groups"):
        texts_of_run(made.path)


def test_damaged_rows_are_passed_over(run):
    for step in range(1, 8):
        rows = [{"branches": None}, {"branches": [3, {"tries": "x"}]}, {"problem_id": 3, "branches": [{"tries": [{}]}]}]
        files.write_rows(run.episodes_path(step), [*rows, group(step, "p0")])
    assert len(texts_of_run(run.path).before) == 3 * 2
