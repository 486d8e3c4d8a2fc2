"""The command line makes detectors here, by name, with the options that each of them has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from secondthought.cli.asking import AskOptions, endpoint_of
from secondthought.cli.loading import current_directory, load_policy, load_task
from secondthought.config import Config, ModelConfig
from secondthought.errors import ConfigError
from secondthought.habits import catalog
from secondthought.habits.catalog import HabitDefinition
from secondthought.habits.detectors import DETECTORS, detector
from secondthought.habits.judge.detector import MAX_TOKENS, JudgeDetector
from secondthought.habits.learned import weights
from secondthought.habits.learned.detector import LearnedDetector
from secondthought.habits.patterns import PatternDetector
from secondthought.inference.chat.answer_cache import AnswerCache
from secondthought.inference.chat.local_chat import LocalChat
from secondthought.inference.chat.openai_client import OpenAIClient
from secondthought.protocols import ChatModel, Detector, Task
from secondthought.spelling import suggestion

_JUDGE_ROWS = 64
"""Texts that a judge is asked about at once; the other detectors answer row by row."""


def _known(name: str) -> str:
    if name not in (*DETECTORS, "judge") and ":" not in name:
        hint = suggestion(name, [*DETECTORS, "judge"])
        raise ValueError(f"there is no detector {name!r}{hint}; known: {', '.join(DETECTORS)}, judge, or module:Class")
    return name


class DetectorOptions(Config):
    """Options that choose a detector, and what it looks for."""

    detector: Annotated[str, AfterValidator(_known)] = "patterns"
    """patterns: by wording; functional: by what was done, as the task reads it; learned: by what readers saw in other
    texts; judge: by asking a model; module:Class: one of your own."""
    behaviors: Path | None = None
    """Behaviours of your own in place of the four that ship: a TOML file, or a folder of them (patterns, judge)."""
    weights: Path | None = None
    """learned: a file that `habits learn` wrote, in place of the weights that ship."""
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
    ask: AskOptions = AskOptions()
    """judge: how it is asked."""

    @property
    def batch(self) -> int:
        """Return how many rows to read before the detector is asked."""
        return _JUDGE_ROWS if self.detector == "judge" else 1


def behaviors_of(path: Path | None) -> tuple[HabitDefinition, ...]:
    """Read the behaviours in a file or folder; without one, those that ship.

    Raises:
        ConfigError: it holds none, or one is wrong.
    """
    found = catalog.shipped() if path is None else catalog.load([path])
    if not found:
        raise ConfigError(f"{path}: holds no behaviours; put a TOML file for each there")
    return found


def task_of(given: DetectorOptions) -> Task | None:
    """Return the task that reads a row's problem; None without one, where the detector needs no problem."""
    return None if given.task is None and given.detector != "functional" else _task(given)


def _task(given: DetectorOptions) -> Task:
    return load_task(given.task or "countdown", given.options)


def detector_of(given: DetectorOptions) -> Detector:
    """Return the detector that was asked for.

    Raises:
        ConfigError: options do not go together, the file of behaviours is wrong, or the task has no reader.
    """
    _check_judge(given)
    if given.weights is not None and given.detector != "learned":
        raise ConfigError("--weights goes with --detector learned; leave it out, or choose that detector")
    if given.weights is not None:
        return LearnedDetector(weights.read(given.weights))
    if given.detector not in ("patterns", "judge"):
        if given.behaviors is not None:
            raise ConfigError(
                f"--behaviors goes with --detector patterns or judge: {given.detector} knows its own only"
            )
        with current_directory():
            return detector(given.detector, _task(given))
    behaviors = behaviors_of(given.behaviors)
    if given.detector == "patterns":
        return PatternDetector(behaviors)
    limit = given.ask.max_tokens or MAX_TOKENS
    return JudgeDetector(_asks(given), behaviors, cache=AnswerCache(given.answers), max_tokens=limit)


def _check_judge(given: DetectorOptions) -> None:
    """Refuse options of a judge where no judge is asked, and options of an endpoint where there is none."""
    asked = {f"ask.{name}": True for name in given.ask.model_fields_set if getattr(given.ask, name)}
    for_judge = {"judge-model": given.judge_model, "endpoint": given.endpoint, "answers": given.answers, **asked}
    used = [flag.replace("_", "-") for flag, value in for_judge.items() if value is not None]
    if used and given.detector != "judge":
        raise ConfigError(f"--{used[0]} goes with --detector judge; leave it out, or choose that detector")
    remote = [flag for flag in used if flag.startswith("ask.") and flag != "ask.max-tokens"]
    if remote and given.endpoint is None:
        raise ConfigError(f"--{remote[0]} goes with --endpoint: a model that is loaded here is sent no requests")


def _asks(given: DetectorOptions) -> ChatModel:
    if given.judge_model is None:
        raise ConfigError(
            "--detector judge needs --judge-model NAME; give --endpoint URL too, unless it is to be loaded here"
        )
    if given.endpoint is None:
        return LocalChat(load_policy(ModelConfig(path=given.judge_model)))
    return OpenAIClient(endpoint_of(given.endpoint, given.judge_model, given.key_env, given.ask))
