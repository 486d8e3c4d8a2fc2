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
from secondthought.habits.detectors import detector
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.preflight.diagnose import advise, diagnose
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
    assert set(shown.both_ways.ways) == {"all", "reflection"}
    for way in shown.both_ways.ways.values():
        assert set(way.right) == {"own", "second_sample", "fixed", "oracle", "shuffled"}
        assert way.listening is not None
    data = json.loads(json.dumps(shown.to_json()))
    assert data["retries"] == data["ways"]["all"]["retries"]
    assert (data["rescue"], data["listening"]) == (data["ways"]["all"]["rescue"], data["ways"]["all"]["listening"])
    assert data["first_try"]["estimate"] == shown.first_try.estimate
    assert set(data["habits"]) == set(FunctionalDetector.behaviors)


def test_the_same_seed_finds_the_same():
    assert found().to_json() == found().to_json()


def test_without_retries_they_are_missing_not_zero():
    shown = found(retries=False)
    assert shown.both_ways.ways == {}
    data = shown.to_json()
    assert data["retries"] == data["ways"] == {}
    assert data["listening"] is data["unseen"] is data["recommended_retry_sees"] is None


def test_both_ways_are_played_on_the_same_failures_and_reflections():
    """A retry that copies what it sees is deaf in one way, and hears in the other."""
    task = tasks.load("arithmetic")

    def answers(messages, key):
        last = messages[-1].content
        if any("<answer> -999 </answer>" in message.content for message in messages if message.role == "assistant"):
            return f"I was wrong about {len(messages)}." if len(messages) == 3 else "<answer> -999 </answer>"
        stated = re.search(r"<answer> -?\d+ </answer>", last)
        return stated[0] if stated else "<answer> -999 </answer>"

    player = Player.resolve(ScriptedPolicy(answers, name="copies"), task, EpisodeConfig())
    problems = task.problems("train", 12, 0)
    shown = diagnose(player, problems, detector=detector("patterns", task), samples=2)
    seen, unseen = (shown.both_ways.ways[name] for name in ("all", "reflection"))
    assert (seen.right["oracle"].estimate, unseen.right["oracle"].estimate) == (0.0, 1.0)
    assert seen.right["second_sample"] == unseen.right["second_sample"]
    assert seen.changed.estimate == 0.0
    assert shown.both_ways.unseen.estimate == 1.0
    assert shown.both_ways.recommended == "reflection"
    assert "retry sees" in [item.rule.name for item in advise(shown)]


def test_the_command_prints_numbers_and_advice(capsys):
    words = ["diagnose", "scripted", "--options.preset", "tiny", "--problems", "8", "--samples", "4"]
    assert not main(words)
    assert "first try" in capsys.readouterr().out
    assert not main([*words, "--json"])
    [task] = json.loads(capsys.readouterr().out)["tasks"]
    assert task["advice"]
    assert all(item["commands"] for item in task["advice"])
    assert all("--options.preset tiny" in item["commands"][0] for item in task["advice"])


def test_the_command_says_what_retries_do_both_ways(capsys):
    words = ["diagnose", "scripted", "--options.preset", "tiny", "--problems", "8", "--samples", "2", "--quiet"]
    assert not main(words)
    shown = " ".join(capsys.readouterr().out.split())
    assert "episode.retry_sees = reflection" in shown
    assert "recommended: episode.retry_sees = " in shown
    assert "$ secondthought train" in shown


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
