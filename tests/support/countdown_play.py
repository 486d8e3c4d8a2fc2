"""Fixtures of episode and evaluation tests, which import them by name: a task, a scripted player, their settings."""

from __future__ import annotations

import pytest

from secondthought.config import EpisodeConfig
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout.player import Keys, Player, Requests, TurnSampling
from secondthought.tasks import load
from secondthought.tasks.countdown.script import countdown_answers


@pytest.fixture(scope="session")
def task():
    return load("countdown", {"preset": "tiny"})


@pytest.fixture(scope="session")
def problems(task):
    return task.problems("train", 40, seed=0)


@pytest.fixture
def policy():
    return ScriptedPolicy(countdown_answers(first_try=0.3, good_reflection=0.4))


@pytest.fixture(scope="session")
def requests(task):
    return Requests.resolve(task, EpisodeConfig())


@pytest.fixture(scope="session")
def sampling():
    return TurnSampling.resolve(EpisodeConfig())


@pytest.fixture
def player(policy, task, requests, sampling):
    return Player(policy=policy, task=task, requests=requests, sampling=sampling)


@pytest.fixture(scope="session")
def keys():
    return Keys(seed=0, phase="test")
