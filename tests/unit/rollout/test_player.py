"""Requests, sampling settings and the names of samples."""

# ruff: noqa: F811  (fixtures are imported by name)

from __future__ import annotations

import itertools

from countdown_play import problems, task  # noqa: F401

from secondthought.config import EpisodeConfig
from secondthought.rollout.player import RETRY_REQUEST, WRONG_ANSWER, Keys, Requests, TurnSampling
from secondthought.types import Message, Problem, TurnKind


def test_defaults(task, problems):
    requests = Requests.resolve(task, EpisodeConfig())
    text = problems[0].messages[-1].content
    assert requests.reflection == task.reflection_request
    assert requests.retry_after_reflection(problems[0]) == f"{RETRY_REQUEST}\n\n{text}"
    assert requests.retry_alone(problems[0]) == f"{WRONG_ANSWER} {RETRY_REQUEST}\n\n{text}"


def test_overrides(task, problems):
    config = EpisodeConfig(reflection_request="Why?", retry_request="Once more.", repeat_task=False)
    requests = Requests.resolve(task, config)
    assert requests.reflection == "Why?"
    assert requests.retry_after_reflection(problems[0]) == "Once more."
    assert requests.retry_alone(problems[0]) == f"{WRONG_ANSWER} Once more."


def test_an_empty_override_is_not_a_default(task):
    assert Requests.resolve(task, EpisodeConfig(reflection_request="", retry_request="")).reflection == ""


def test_the_last_user_message_is_the_task():
    said = [
        Message(role="user", content="old"),
        Message(role="user", content="new"),
        Message(role="system", content="s"),
    ]
    problem = Problem(id="p", task="t", messages=tuple(said), data={})
    assert Requests(reflection="r").retry_after_reflection(problem) == f"{RETRY_REQUEST}\n\nnew"
    nothing = Problem(id="p", task="t", messages=(), data={})
    assert Requests(reflection="r").retry_after_reflection(nothing) == RETRY_REQUEST


def test_sampling_follows_the_config():
    config = EpisodeConfig(max_attempt_tokens=7, max_reflection_tokens=5, temperature=0.7)
    sampling = TurnSampling.resolve(config)
    assert (sampling.attempt.max_tokens, sampling.reflection.max_tokens) == (7, 5)
    assert sampling.attempt.temperature == sampling.reflection.temperature == 0.7
    assert TurnSampling.resolve(config, 0.0).reflection.temperature == 0.0


def test_every_name_makes_another_key(problems):
    named = [
        Keys(seed=seed, phase=phase, step=step).of(problem, kind, *indices)
        for seed, phase, step, problem, kind, indices in itertools.product(
            (0, 1), ("a", "b"), (0, 1), problems[:2], TurnKind, ((), (0,), (1,), (0, 0), (0, 1), (1, 0))
        )
    ]
    assert len(set(named)) == len(named)
