from __future__ import annotations

import pytest

from secondthought.errors import TaskError
from secondthought.protocols import DiagnosableTask
from secondthought.tasks.countdown import Countdown, prompts, solver


def test_prompt():
    problem = Countdown().parse({"numbers": [7, 3, 12], "target": 24})
    assert problem.id == "countdown:3-7-12=24"
    assert problem.messages[0].content == (
        "Using the numbers [7, 3, 12], create an equation that equals 24. You can use basic arithmetic operations"
        " (+, -, *, /) and each number can only be used once. Return the final answer in <answer> </answer> tags, for"
        " example <answer> (1 + 2) / 3 </answer>."
    )
    boxed = Countdown(answer_format="boxed").parse({"numbers": [7, 3, 12], "target": 24})
    assert boxed.id == problem.id
    assert boxed.messages[0].content.endswith(prompts.PROMPT_AFTER_TARGET_BOXED)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"numbers": [1, 2]}, "'target' is missing"),
        ({"target": 3}, "'numbers' is missing"),
        ({"numbers": [1, True], "target": 3}, "'numbers' must be a list of whole numbers"),
        ({"numbers": "12", "target": 3}, "'numbers' must be a list"),
        ({"numbers": [1, 2.0], "target": 3}, "'numbers' must be a list of whole numbers"),
        ({"numbers": [1, 2], "target": True}, "'target' must be a whole number"),
        ({"numbers": [1, 2], "target": 3.0}, "'target' must be a whole number"),
        ({"numbers": [1], "target": 3}, "2 to 6"),
        ({"numbers": [1] * 7, "target": 3}, "2 to 6"),
        ({"numbers": [-1, 2], "target": 3}, "'numbers' must be between 0"),
        ({"numbers": [10**9, 2], "target": 3}, "'numbers' must be between 0"),
        ({"numbers": [1, 2], "target": 10**9}, "'target' must be at most"),
        ({"numbers": [1, 2], "target": 3, "goal": 4}, "unknown field 'goal'"),
        ([1, 2], "must be a JSON object"),
    ],
)
def test_parse_names_the_field(data, field):
    with pytest.raises(TaskError, match=field):
        Countdown().parse(data)


def test_unsolvable_problems_have_no_gold_and_no_oracle():
    task = Countdown()
    problem = task.parse({"numbers": [1, 1, 1], "target": 100})
    assert task.gold(problem) is None
    assert task.oracle_reflection(problem, "") is None


def test_oracle_and_contrary_reflections_do_what_they_say():
    task = Countdown(preset="tiny")
    assert isinstance(task, DiagnosableTask)
    for problem in task.problems("train", 30, 0):
        numbers, target = tuple(problem.data["numbers"]), problem.data["target"]
        attempt = f"<answer> {' + '.join(map(str, numbers))} </answer>"
        assert task.leak(problem, task.oracle_reflection(problem, attempt) or "") != "none"
        if solver.dead_steps(numbers, target):
            contrary = task.contrary_reflection(problem, attempt)
            assert contrary is not None
            assert task.leak(problem, contrary) == "none"


def test_gold_leaks_the_solution():
    task = Countdown()
    for problem in task.problems("test", 10, 0):
        assert task.leak(problem, task.gold(problem) or "") == "solution"


def test_chance_level_is_that_of_the_published_shapes():
    assert 0.01 < Countdown(preset="tiny").chance_level < 0.08
    assert 0 < Countdown().chance_level < 0.02


@pytest.mark.parametrize(
    ("text", "reward"),
    [
        ("<answer> 2 * 12 </answer>", 0.1),  # a number is left out
        ("<answer> (7 - 3) + 12 </answer>", 0.1),  # another value
        ("<answer> (7 - 3) * 12 </answer>", 1.0),
        ("<answer> seven </answer>", 0.0),
        ("(7 - 3) + 12", 0.0),
    ],
)
def test_a_readable_wrong_answer_may_have_a_reward_and_stays_wrong(text, reward):
    task, plain = Countdown(format_reward=0.1), Countdown()
    problem = task.parse({"numbers": [7, 3, 12], "target": 48})
    found, usual = task.verify(problem, text), plain.verify(problem, text)
    assert found.reward == reward
    assert (found.correct, found.reason, found.well_formed) == (usual.correct, usual.reason, usual.well_formed)
    assert usual.reward == float(usual.correct)


def test_format_is_never_worth_a_right_answer():
    with pytest.raises(TaskError, match="format_reward"):
        Countdown(format_reward=1.0)
