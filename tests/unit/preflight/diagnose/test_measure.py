"""A whole diagnosis with a scripted model: what is counted is what was played, and the command prints it."""

import json
import re

import pytest
from chat_families import family_tokenizer
from tiny_models import tiny_model

from secondthought import tasks
from secondthought.cli import main
from secondthought.config import EpisodeConfig
from secondthought.errors import CheckError
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.preflight.diagnose import diagnose
from secondthought.rollout.player import Player
from secondthought.tasks.countdown.reading.detector import FunctionalDetector
from secondthought.tasks.countdown.script import countdown_answers


def found(**settings):
    task, episode = tasks.load("countdown", {"preset": "tiny"}), EpisodeConfig()
    return diagnose(
        Player.resolve(ScriptedPolicy(countdown_answers(), name="scripted"), task, episode),
        task.problems("train", 12, 0),
        detector=FunctionalDetector(),
        **{"samples": 4, **settings},
    )


def test_numbers_are_of_the_samples_and_json_holds_them():
    shown = found()
    assert shown.problems == 12
    assert list(shown.passes) == [1, 2, 4]
    assert shown.passes[1].estimate == shown.first_try.estimate
    assert set(shown.retries) == {"own", "second_sample", "oracle", "shuffled"}
    assert shown.listening is not None
    data = json.loads(json.dumps(shown.to_json()))
    assert data["first_try"]["estimate"] == shown.first_try.estimate
    assert set(data["habits"]) == set(FunctionalDetector.behaviors)


def test_the_same_seed_finds_the_same():
    assert found().to_json() == found().to_json()


def test_without_retries_they_are_missing_not_zero():
    shown = found(retries=False)
    assert shown.retries == {}
    assert shown.to_json()["listening"] is None


def test_the_command_prints_numbers_and_advice(capsys):
    words = ["diagnose", "scripted", "--options.preset", "tiny", "--problems", "8", "--samples", "4"]
    assert not main(words)
    assert "first try" in capsys.readouterr().out
    assert not main([*words, "--json"])
    [task] = json.loads(capsys.readouterr().out)["tasks"]
    assert task["advice"]


def test_a_model_must_be_named(capsys):
    assert main(["diagnose"]) == 2
    assert "name a model" in capsys.readouterr().err


def test_the_command_tells_how_conversations_are_put_together(capsys, tmp_path):
    tiny_model().save_pretrained(tmp_path)
    family_tokenizer("think-first").save_pretrained(tmp_path)
    words = ["diagnose", str(tmp_path), "--options.preset", "tiny", "--problems", "2", "--samples", "2", "--json"]
    words += ["--no-retries", "--episode.max-attempt-tokens", "4", "--model.device", "cpu"]
    assert not main(words)
    said = json.loads(capsys.readouterr().out)["conversation"]
    assert said["the template begins answers with"] == r"'<think>\n'"
    assert said["an answer ends with"] == "<|im_end|>"


def test_a_tokenizer_that_loses_right_answers_is_told_before_anything_is_sampled():
    class Sevens(ScriptedPolicy):
        def encode(self, text):
            return super().encode(re.sub("[0-9]", "7", text))

    policy = Sevens(countdown_answers(), name="sevens")
    task = tasks.load("countdown", {"preset": "tiny"})
    player = Player.resolve(policy, task, EpisodeConfig())
    with pytest.raises(CheckError, match=r"the tokenizer of sevens makes of it.*the model could never be right"):
        diagnose(player, task.problems("train", 4, 0), detector=FunctionalDetector(), samples=2)
    assert policy.num_sampled == 0
