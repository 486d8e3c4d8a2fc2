"""`forget` asks two models the same and says what was kept."""

import json
import re
import sys

import pytest

from secondthought.config import EpisodeConfig
from secondthought.evaluate.forgetting import TaskExam
from secondthought.runs.contents import digest_of
from secondthought.tasks import load


def test_a_table_and_json_say_the_same(cli, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"question": f"q{n}", "answer": n}) + "\n" for n in range(200)))
    words = ["forget", "small", "large", "--tasks", "countdown", str(rows), "--problems", "12", "--threads", "1"]
    words += ["--options.countdown.preset", "tiny", "--margin", "2", "--episode.max-attempt-tokens", "8"]
    found = cli(*words, "--json").object
    assert [item["task"] for item in found["tasks"]] == ["countdown", str(rows)]
    countdown, own = found["tasks"]
    assert own["before"]["estimate"] == own["after"]["estimate"] == 0
    assert own["difference"]["n"] == countdown["difference"]["n"] == 12
    assert own["answer"] == "cannot tell"
    assert own["margin"] == 0.02
    shown = cli(*words).out
    assert "margin 2 points" in shown
    assert "cannot tell: the interval reaches below minus the margin" in shown


def test_several_models_after_training_are_compared_with_each_other(cli, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"question": f"q{n}", "answer": n}) + "\n" for n in range(200)))
    words = ["--tasks", "countdown", str(rows), "--problems", "12", "--threads", "1"]
    words += ["--options.countdown.preset", "tiny", "--episode.max-attempt-tokens", "24"]
    found = cli("forget", "terse", "small", "large", *words, "--json").object
    assert found["after"] == ["small", "large"]
    assert [(item["task"], item["model"]) for item in found["tasks"]] == [
        ("countdown", "small"), ("countdown", "large"), (str(rows), "small"), (str(rows), "large"),
    ]  # fmt: skip
    assert [(item["model"], item["other"]) for item in found["contrasts"]] == [("large", "small")] * 2
    alone = cli("forget", "small", "large", *words, "--json").object
    assert alone["contrasts"] == []
    for both, item in zip(found["contrasts"], alone["tasks"], strict=True):
        assert both["difference"]["estimate"] == item["difference"]["estimate"]
    shown = cli("forget", "terse", "small", "large", *words).out
    assert "model - other" in shown


def test_answers_are_kept_and_nothing_is_asked_twice(cli, tmp_path, monkeypatch):
    asked = []
    right = TaskExam.right
    monkeypatch.setattr(TaskExam, "right", lambda exam, *rest: asked.append(exam.name) or right(exam, *rest))
    words = ["--problems", "12", "--threads", "1", "--options.preset", "tiny", "--episode.max-attempt-tokens", "24"]
    words += ["--out", str(tmp_path / "kept")]
    first = cli("forget", "terse", "small", *words, "--json").object
    assert len(asked) == 2
    assert json.loads((tmp_path / "kept" / "forgetting.json").read_text()) == first
    grown = cli("forget", "terse", "small", "large", *words, "--json").object
    assert len(asked) == 3
    assert grown["tasks"][0] == first["tasks"][0]
    cli("forget", "terse", "small", *words, "--temperature", "1")
    assert len(asked) == 5
    for path in (tmp_path / "kept" / "answers").iterdir():
        path.write_text("{")
    again = cli("forget", "terse", "small", *words, "--json").object
    assert (len(asked), again) == (7, first)


def test_an_exam_is_told_from_another_by_its_problems_its_episode_and_its_code():
    def asks(seed=0, problems=3, tokens=8):
        task = load("countdown", {"preset": "tiny"})
        episode = EpisodeConfig(max_attempt_tokens=tokens)
        return TaskExam(
            name="exam", task=task, problems=task.problems("test", problems, 0), episode=episode, seed=seed
        ).asks()

    found = [asks(), asks(), asks(seed=1), asks(problems=4), asks(tokens=9)]
    assert found[0] == found[1]
    assert len({digest_of(item) for item in found}) == 4


def test_lm_eval_that_is_not_installed_is_said_at_once(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "datasets", None)
    found = cli("forget", "small", "large", "--tasks", "lm_eval:hellaswag")
    assert found.code == 1
    assert re.search(r"needs lm-eval: pip install 'secondthought\[lm-eval\]'", found.err)
    assert len(found.err.splitlines()) == 1


def test_other_commands_say_who_takes_lm_eval(cli):
    found = cli("tasks", "show", "lm_eval:hellaswag")
    assert found.code == 1
    assert "`secondthought forget` takes them" in found.err


def test_a_served_model_tells_lm_eval_no_probabilities(cli):
    found = cli("forget", "small", "http://localhost:1/v1#any", "--tasks", "lm_eval:hellaswag")
    assert found.code == 2
    assert "give models that are here" in found.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["small", "small"], "names a model twice"),
        (["small", "large", "small"], "names a model twice"),
        (["small"], "after"),
        (
            ["small", "large", "--tasks", "countdown", "arithmetic", "--options.max-number", "9"],
            "each by its name",
        ),
        (["small", "large", "--tasks", "countdown", "countdown"], "a task is named twice"),
        (["small", "large", "--margin", "0"], "margin"),
    ],
)
def test_misuse_is_one_sentence(cli, words, said):
    found = cli("forget", *words)
    assert found.code == 2
    assert len(found.err.splitlines()) == 1
    assert re.search(said, found.err)
