"""Detectors as the command line names them, with the options that each of them has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from secondthought.cli import policies as _policies
from secondthought.cli.loading import load_task
from secondthought.config import Config, ModelConfig
from secondthought.errors import ConfigError
from secondthought.habits import catalog
from secondthought.habits.judge.detector import JudgeDetector, JudgeEstimate
from secondthought.habits.patterns import PatternDetector
from secondthought.inference.chat.answer_cache import AnswerCache
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.local_chat import LocalChat
from secondthought.inference.chat.openai_client import OpenAIClient
from secondthought.protocols import ChatModel, Detector, Task
from secondthought.tasks.countdown.reading.detector import FunctionalDetector
from secondthought.types import Reading, Thought

_JUDGE_ROWS = 64
"""Texts that a judge is asked about at once; the other detectors answer row by row."""


class DetectorOptions(Config):
    """What finds the behaviours, and with what."""

    detector: Literal["patterns", "functional", "judge"] = "patterns"
    """patterns: by wording; functional: by what was done (Countdown only); judge: by asking a model."""
    behaviors: Path | None = None
    """Behaviours of your own in place of the four that ship: a TOML file, or a folder of them (patterns, judge)."""
    task: str | None = None
    """Judge completions with this task for the numbers given right and wrong; else a row's `correct` counts."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own."""
    judge_model: str | None = None
    """judge: the model's name at the endpoint; without an endpoint, a model to load here."""
    endpoint: str | None = None
    """judge: base URL that speaks OpenAI's chat/completions, such as http://localhost:8000/v1."""
    key_env: str | None = None
    """judge: the environment variable that holds the endpoint's key; default: no key is sent."""
    answers: Path | None = None
    """judge: keep its answers in this file; what it holds already is not asked again."""
    limit: int | None = Field(None, ge=1)
    """Read only the first N rows of a file; of a run, N groups of each step and N problems of each evaluation."""
    yes: bool = False
    """judge: ask without a --limit, whatever it costs."""

    @property
    def batch(self) -> int:
        """Rows to read before the detector is asked."""
        return _JUDGE_ROWS if self.detector == "judge" else 1


def task_of(given: DetectorOptions) -> Task | None:
    """The task that reads a row's problem; the functional detector knows Countdown and needs to see the numbers."""
    if given.task is None and given.detector != "functional":
        return None
    return load_task(given.task or "countdown", given.options)


def detector_of(given: DetectorOptions) -> Detector:
    """The detector that was asked for.

    Raises:
        ConfigError: options do not go together, or the file of behaviours is wrong.
    """
    for flag, value in {"judge-model": given.judge_model, "endpoint": given.endpoint, "answers": given.answers}.items():
        if value is not None and given.detector != "judge":
            raise ConfigError(f"--{flag} goes with --detector judge")
    if given.detector == "functional":
        if given.behaviors is not None:
            raise ConfigError("--behaviors goes with --detector patterns or judge: functional knows its four only")
        return FunctionalDetector()
    behaviors = catalog.shipped() if given.behaviors is None else catalog.load([given.behaviors])
    if not behaviors:
        raise ConfigError(f"{given.behaviors}: holds no behaviours; put a TOML file for each there")
    if given.detector == "patterns":
        return PatternDetector(behaviors)
    return JudgeDetector(_asks(given), behaviors, cache=AnswerCache(given.answers))


def _asks(given: DetectorOptions) -> ChatModel:
    if given.judge_model is None:
        raise ConfigError("--detector judge needs --judge-model NAME, and --endpoint URL unless it is loaded here")
    if given.endpoint is None:
        return LocalChat(_policies.load(ModelConfig(path=given.judge_model)))
    return OpenAIClient(Endpoint(url=given.endpoint, model=given.judge_model, key_variable=given.key_env))


class Rehearsal:
    """Stands in for a judge to find out what it would be asked: every count is missing, and nothing is sent."""

    def __init__(self, judge: JudgeDetector) -> None:
        """Take the judge."""
        self.name, self.behaviors = judge.name, judge.behaviors
        self._judge = judge
        self._estimates: list[JudgeEstimate] = []

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """Readings without a count."""
        self._estimates.append(self._judge.estimate(thoughts))
        return [Reading(counts=dict.fromkeys(self.behaviors)) for _ in thoughts]

    def sentence(self) -> str:
        """What would be sent, for people."""
        requests, prompt, answer = (
            sum(getattr(item, name) for item in self._estimates)
            for name in ("requests", "prompt_tokens", "answer_tokens")
        )
        return f"{requests:,} requests, about {prompt:,} prompt tokens and at most {answer:,} tokens of answers"
