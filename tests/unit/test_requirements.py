"""What can be known before any work is checked first, and everything that is missing is named at once."""

import json

import pytest
from lucky_task import Lucky

from secondthought.config import resolve
from secondthought.errors import SecondthoughtError
from secondthought.requirements import CHECKS, Plan, draws_of, plan_of, require
from secondthought.tasks import load


def config_of(**tables):
    return resolve({"task": {"name": "lucky_task:Lucky", "train_problems": 12}, **tables}, source="test")


def test_all_shortfalls_are_named_at_once(tmp_path):
    config = config_of(
        task={"name": "lucky_task:Lucky", "train_problems": 300},
        model={"path": "nowhere/at/all"},
        train={"eval_problems": 201, "failures": tmp_path / "none.jsonl"},
        evaluation={"problems": 900, "peers": {"other": "also/not/here"}},
    )
    with pytest.raises(SecondthoughtError) as caught:
        require(plan_of(config, Lucky()))
    said = str(caught.value)
    for part in (
        "model.path: nowhere/at/all",
        "evaluation.peers.other: also/not/here",
        "train.failures: ",
        "lower task.train_problems (300)",
        "lower train.eval_problems (201)",
        "lower evaluation.problems (900)",
    ):
        assert part in said
    assert "\n" not in said


def test_what_is_there_passes(checkpoints):
    small = {"train": {"eval_problems": 8}, "evaluation": {"problems": 8}}
    require(plan_of(config_of(model={"path": str(checkpoints / "qwen2")}, **small), Lucky()))


def test_turns_longer_than_the_models_positions(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 200}))
    small = {"model": {"path": str(tmp_path)}, "train": {"eval_problems": 8}, "evaluation": {"problems": 8}}
    with pytest.raises(
        SecondthoughtError, match=r"episode.max_attempt_tokens \(256\) leaves no prompt in its 200 positions; lower it"
    ):
        require(plan_of(config_of(**small), Lucky()))
    require(plan_of(config_of(**small, episode={"max_attempt_tokens": 100, "max_reflection_tokens": 100}), Lucky()))


def test_a_disk_that_is_too_small(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(bytes(1000))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 8999}))
    plan = Plan(models={"model.path": str(tmp_path)}, checkpoints_in=tmp_path / "runs/new")
    with pytest.raises(SecondthoughtError, match="3 checkpoints of weights and optimizer take at least"):
        require(plan)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 9000}))
    require(plan)


def test_question_files_default_to_what_they_hold(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps({"question": f"{n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(100)))
    task = load(str(path))
    numbers = [len(draw.problems()) for draw in draws_of(resolve({"task": {"name": str(path)}}, source="test"), task)]
    assert numbers == [task.held(split) for split in ("train", "validation", "test")]
    assert sum(numbers) == 100
    asked = resolve({"task": {"name": str(path)}, "evaluation": {"problems": 99}}, source="test")
    with pytest.raises(SecondthoughtError, match=r"not 99; lower evaluation.problems \(99\)"):
        require(plan_of(asked, task))


def test_every_check_is_silent_about_nothing():
    assert [sentence for check in CHECKS for sentence in check(Plan())] == []
