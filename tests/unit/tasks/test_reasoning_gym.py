"""Data sets of reasoning-gym as tasks: by a stand-in of the library, and the library itself where it is installed."""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path

import pytest

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.checks import run_checks
from secondthought.tasks.reasoning_gym import task as gym_task

INSTALLED = any(found.name.replace("_", "-") == "reasoning-gym" for found in importlib.metadata.distributions())
"""By its distribution: the stand-in has the library's name."""
STAND_INS = Path(__file__).parents[2] / "support" / "stand_ins"


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(STAND_INS), os.environ.get("PYTHONPATH", "")]))


def tagged(text):
    return f"<answer>{text}</answer>"


def one(task, split="train"):
    return task.problems(split, 1, 0)[0]


@pytest.mark.usefixtures("stand_in")
class TestStandIn:
    def test_all_checks_pass(self):
        found = run_checks(lambda: load("reasoning_gym:doubles"), 20)
        assert {item.check: item.status for item in found if item.status != "passed"} == {"chance level": "skipped"}

    def test_questions_are_judged_by_the_librarys_scorer(self):
        task = load("reasoning_gym:doubles", {"reward": "score"})
        problem = one(task)
        right = problem.data["answer"]
        said = [task.verify(problem, text) for text in (tagged(f" +{right} "), tagged("-1"), tagged("x"), right)]
        assert [(v.correct, v.reward, v.reason) for v in said] == [
            (True, 1.0, "correct"),
            (False, 0.25, "wrong"),
            (False, 0.0, "wrong"),
            (False, 0.0, "no_answer"),
        ]
        plain = load("reasoning_gym:doubles")
        assert plain.verify(problem, tagged("-1")).reward == 0.0

    def test_a_problem_survives_json_though_its_entry_does_not(self):
        task = load("reasoning_gym:doubles", {"answer_in": "box"})
        problem = one(task, "test")
        again = load("reasoning_gym:doubles", {"answer_in": "box"}).parse(json.loads(json.dumps(dict(problem.data))))
        assert again == problem
        assert task.verify(again, f"\\boxed{{{problem.data['answer']}}}").correct

    def test_another_config_makes_other_questions_and_is_told_of_it(self):
        problem = one(load("reasoning_gym:doubles"))
        with pytest.raises(TaskError, match="now makes another question of number"):
            load("reasoning_gym:doubles", {"config": {"most": 7}}).verify(problem, tagged("1"))

    def test_a_small_space_of_questions_ends(self):
        task = load("reasoning_gym:doubles", {"config": {"most": 12}})
        total = 0
        for split in ("train", "validation", "test"):
            with pytest.raises(TaskError, match=rf"the {split} split holds \d+ problems, not 50"):
                task.problems(split, 50, 0)
            count = next(n for n in range(13) if not _holds(task, split, n + 1))
            total += count
        assert total == 12

    def test_entries_that_their_number_does_not_make_are_told(self):
        task = load("reasoning_gym:unstable")
        with pytest.raises(TaskError, match="now makes another question"):
            task.verify(one(task), tagged("1"))

    def test_the_order_of_a_set_is_the_same_in_every_process(self):
        tasks = [load("reasoning_gym:unordered") for _ in range(3)]
        assert len({one(task).messages for task in tasks}) == 1
        assert all(task.verify(one(tasks[0]), tasks[0].gold(one(tasks[0]))).correct for task in tasks)

    def test_a_question_without_a_known_answer_has_no_gold(self):
        task = load("reasoning_gym:unknown")
        problem = one(task)
        assert task.gold(problem) is None
        assert task.changed_golds(problem) == []

    def test_what_a_scorer_evaluates_is_a_literal(self, tmp_path):
        task = load("reasoning_gym:spiral_matrix")
        problem = one(task)
        spot = tmp_path / "spot"
        assert task.verify(problem, tagged(f"[{problem.data['answer']}]")).correct
        assert not task.verify(problem, tagged(f"[open({str(spot)!r}, 'w').write('x')]")).correct
        assert not spot.exists()

    def test_a_scorer_that_takes_anything_is_not_asked(self):
        task = load("reasoning_gym:game_of_life_halting")
        problem = one(task)
        assert task.verify(problem, task.gold(problem)).correct
        assert not any(
            task.verify(problem, text).correct for text in (tagged("anything"), *task.changed_golds(problem))
        )

    def test_a_scorer_is_shut_in(self, tmp_path):
        task = load("reasoning_gym:opening")
        kept = tmp_path / "kept"
        kept.write_text("")
        said = {
            text: task.verify(one(task), tagged(text)).correct for text in ("read", "socket", kept, tmp_path / "new")
        }
        assert said == {"read": True, "socket": False, kept: False, tmp_path / "new": False}
        assert kept.read_text() == ""
        assert list(tmp_path.iterdir()) == [kept]

    def test_a_scorer_that_does_not_end_is_ended(self, monkeypatch):
        monkeypatch.setattr(gym_task, "_SCORE_S", 1.0)
        task = load("reasoning_gym:endless")
        problem = one(task)
        assert not task.verify(problem, tagged("loop")).correct
        assert task.verify(problem, task.gold(problem)).correct

    @pytest.mark.parametrize(
        ("name", "options", "said"),
        [
            ("doublets", {}, r"no data set 'doublets' \(did you mean 'doubles'\?\)"),
            ("doubles", {"config": {"most": 0}}, "doubles cannot be made: most must be positive"),
            ("doubles", {"config": {"least": 0}}, "doubles cannot be made: .*unexpected keyword argument 'least'"),
            ("doubles", {"config": {"seed": 3}}, "'seed' is set by the split and the seed of a run"),
            ("doubles", {"answer_in": "end"}, "option answer_in"),
        ],
    )
    def test_wrong_names_and_options_are_told(self, name, options, said):
        with pytest.raises(TaskError, match=said):
            load(f"reasoning_gym:{name}", options)

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ({"number": -1, "question": "q"}, "'number' must not be negative"),
            ({"number": 1}, "'question' is missing"),
            ({"number": 1, "question": "q", "answer": 3}, "'answer' must be a text"),
            ({"number": 1, "question": "q", "extra": 3}, "unknown field 'extra'"),
        ],
    )
    def test_damaged_problems_are_told(self, data, said):
        with pytest.raises(TaskError, match=said):
            load("reasoning_gym:doubles").parse(data)


def _holds(task, split, count):
    try:
        return bool(task.problems(split, count, 0))
    except TaskError:
        return False


@pytest.mark.skipif(INSTALLED, reason="the library is there")
def test_a_missing_library_is_told():
    with pytest.raises(TaskError, match=r"pip install 'secondthought\[gym\]'"):
        load("reasoning_gym:leg_counting")


@pytest.mark.skipif(not INSTALLED, reason="needs the extra `gym`")
@pytest.mark.parametrize("name", ["leg_counting", "spiral_matrix", "polynomial_multiplication"])
def test_the_library_itself(name):
    found = run_checks(lambda: load(f"reasoning_gym:{name}"), 5)
    assert {item.check: item.detail for item in found if item.status == "failed"} == {}
