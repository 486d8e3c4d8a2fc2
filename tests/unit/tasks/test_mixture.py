"""A mixture: each problem is a part's own in all but its name."""

import json

import pytest

from secondthought.config import EpisodeConfig, TaskConfig
from secondthought.errors import RunError, TaskError
from secondthought.evaluate import evaluate
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.requirements import Draw
from secondthought.rollout import failure_file
from secondthought.rollout.mining import mine
from secondthought.rollout.player import Keys, Player, Requests
from secondthought.tasks import load
from secondthought.tasks.abilities import AnswerReader, ChangingTask
from secondthought.tasks.checks import run_checks
from secondthought.types import SPLITS

NAME = "countdown+arithmetic"
OPTIONS = {"countdown": {"preset": "tiny"}, "arithmetic.max_number": 60}
KEYS = Keys(seed=0, phase="test")


@pytest.fixture(scope="module")
def parts():
    return {"countdown": load("countdown", {"preset": "tiny"}), "arithmetic": load("arithmetic", {"max_number": 60})}


@pytest.fixture(scope="module")
def mixture():
    return load(NAME, OPTIONS)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_problems_are_the_parts_own_in_turn(mixture, parts, split, count):
    found = mixture.problems(split, count, 3)
    assert len(found) == count
    assert [problem.task for problem in found] == ([*parts] * count)[:count]
    for name, task in parts.items():
        own = [problem for problem in found if problem.task == name]
        assert [(p.messages, p.data["data"]) for p in own] == [
            (p.messages, p.data) for p in (task.problems(split, len(own), 3) if own else [])
        ]


def test_verdicts_answers_and_golds_are_the_parts_own(mixture, parts):
    for problem in mixture.problems("train", 12, 0):
        task = parts[problem.task]
        own = task.parse(problem.data["data"])
        texts = [mixture.gold(problem), "<answer> 3 + 4 </answer>", "no", *mixture.changed_golds(problem)]
        assert texts[0] == task.gold(own)
        for text in texts:
            assert mixture.verify(problem, text) == task.verify(own, text)
            assert mixture.answer(problem, text) == (task.answer(own, text) if isinstance(task, AnswerReader) else None)
        assert list(mixture.changed_golds(problem)) == (
            list(task.changed_golds(own)) if isinstance(task, ChangingTask) else []
        )


def test_a_problem_is_judged_in_a_process_that_did_not_draw_it(mixture):
    problem = mixture.problems("train", 2, 0)[1]
    again = load(NAME, OPTIONS)
    assert again.verify(problem, mixture.gold(problem)).correct
    assert again.parse(json.loads(json.dumps(dict(problem.data)))) == problem


def test_all_checks_pass():
    found = {item.check: item for item in run_checks(lambda: load(NAME, OPTIONS), 30)}
    assert {item.status for item in found.values()} == {"passed"}, found


def test_each_part_words_its_own_request(mixture, parts):
    told = Requests.resolve(mixture, EpisodeConfig())
    problems = mixture.problems("test", 8, 0)
    player = Player.resolve(ScriptedPolicy(["no"] * 3), mixture, EpisodeConfig())
    rows = evaluate(player, problems, num_tries=2, keys=KEYS).rows
    assert [row.turns[1].request for row in rows] == [parts[problem.task].reflection_request for problem in problems]
    assert dict(told.reflections) == {name: task.reflection_request for name, task in parts.items()}
    own = Requests.resolve(mixture, EpisodeConfig(reflection_request="Why?"))
    assert {own.reflection_on(problem, _failed(mixture, problem).verdict) for problem in problems} == {"Why?"}


def _failed(task, problem):
    player = Player.resolve(ScriptedPolicy(["no"]), task, EpisodeConfig())
    return mine(player, [problem], tries=1, keys=KEYS)[0][0].attempt


def test_failures_are_stored_and_read(mixture, tmp_path):
    policy = ScriptedPolicy(["no"])
    player = Player.resolve(policy, mixture, EpisodeConfig())
    failures, _ = mine(player, mixture.problems("train", 6, 0), tries=1, keys=KEYS)
    failure_file.write(tmp_path / "f.jsonl", failures)
    assert failure_file.read(tmp_path / "f.jsonl", mixture, policy) == failures
    with pytest.raises(RunError, match="line 1: countdown problem: field 'numbers' is missing"):
        failure_file.read(tmp_path / "f.jsonl", load("countdown", {"preset": "tiny"}), policy)


def test_a_smaller_file_gives_all_it_holds_and_no_more_of_the_others(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"question": f"What is {n} doubled?", "answer": 2 * n} for n in range(200)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mixture = load(f"arithmetic+{path}")
    held = load(str(path)).held("train")
    assert mixture.held("train") == 2 * held
    draw = Draw(task=mixture, split="train", count=4096, seed=0, field="x", default=4096)
    assert len(draw.problems()) == 2 * held
    with pytest.raises(TaskError, match="the train split holds"):
        mixture.problems("train", 2 * held + 2, 0)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("countdown+", {}, "names each of its tasks once"),
        ("countdown+countdown", {}, "names each of its tasks once"),
        ("countdown+nothing", {}, "there is no task 'nothing'"),
        (NAME, {"preset": "tiny"}, "option 'preset' is of no part; give countdown.preset"),
        (NAME, {"countdown": "tiny"}, "option 'countdown' is of no part"),
        (NAME, {"countdown.presets": "tiny"}, "presets"),
    ],
)
def test_misuse_is_told(name, options, said):
    with pytest.raises(TaskError, match=said):
        load(name, options)


@pytest.mark.parametrize("data", [{}, {"task": "gsm8k", "data": {}}, {"task": "countdown"}, {"task": [], "data": {}}])
def test_data_of_nobody_is_told(mixture, data):
    with pytest.raises(TaskError, match="'task' must be one of countdown, arithmetic"):
        mixture.parse(data)


def test_a_list_of_names_is_a_mixture_in_settings():
    assert TaskConfig(name=["countdown", "arithmetic"]).name == NAME
    assert TaskConfig(name=NAME).name == NAME
