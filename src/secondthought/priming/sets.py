"""A priming set: so many traces of one arm, distinct problems of the train split, and where they come from.

FILE.jsonl       {"problem": {...}, "completion": "<think>...</think>...", "arm", "correct"}, one line per trace
FILE.jsonl.json  provenance: every option, shares of right answers and habits by the functional detector, digest
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

import secondthought
from secondthought import jsonl, rng, tasks
from secondthought.behaviors.functional import FunctionalDetector
from secondthought.config import Config
from secondthought.errors import ConfigError
from secondthought.priming.arms import Arm, arm
from secondthought.priming.search import Dials, Plan, Searcher
from secondthought.priming.short import short
from secondthought.protocols import Task
from secondthought.runs import files
from secondthought.types import Problem, Thought

CountTokens = Callable[[str], int]
"""Number of tokens of a text for the model that is to be primed."""
PROVENANCE = ".json"
"""Added to the name of a set for the file that says where it comes from."""

WORDINGS: dict[str, Callable[[Plan], str]] = {"short": short}
_MORE = 2
"""Problems drawn per trace wanted: not every problem has a line of the wanted kind."""


class SetConfig(Config):
    """What is in a set."""

    arm: str = "all-strategies"
    """One of the nine sets."""
    size: int = Field(1000, ge=1)
    """Traces, exactly; each about a problem of its own."""
    seed: int = 0
    """Of problems and traces."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of Countdown: which problems. Only those of the train split are taken."""
    wording: Literal["short"] = "short"
    """`short`: the few words that the organisms know."""
    correct: float = Field(0.4, ge=0, le=1)
    """Share of traces with a right answer, exactly (0 in `incorrect-only`); the paper's sets had .28 to .44."""
    attempts: tuple[float, ...] = (0.0, 0.3, 0.3, 0.2, 0.1, 0.1)
    """Shares of traces with 1, 2, 3, ... attempts in sets that backtrack."""
    largest: int = Field(999, ge=1)
    """No result beyond this is written."""
    chained: bool = False
    """Every move after the first uses the result of the one before; for models that cannot keep two results in mind."""


def write_set(config: SetConfig, out: Path, count_tokens: CountTokens | None = None) -> dict[str, Any]:
    """Write a set and its provenance; returns the latter.

    Args:
        config: what is in it.
        out: the JSONL file.
        count_tokens: by the tokenizer of the model to be primed; needed for `dots`.

    Raises:
        ConfigError: the arm is unknown, or needs a tokenizer.
        TaskError: the train split holds too few problems of the kind.
    """
    rows = make_set(config, count_tokens)
    text = "".join(jsonl.dumps(row) + "\n" for row in rows)
    found = {
        **config.model_dump(mode="json"),
        "made": len(rows),
        "made_correct": sum(row["correct"] for row in rows),
        "habits": habits_of(rows),
        "version": getattr(secondthought, "__version__", ""),
        "digest": hashlib.blake2b(text.encode(), digest_size=16).hexdigest(),
    }
    with files.disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(out, text)
    files.write_json(out.with_name(out.name + PROVENANCE), found)
    return found


def make_set(config: SetConfig, count_tokens: CountTokens | None = None) -> list[dict[str, Any]]:
    """The rows of a set."""
    chosen = arm(config.arm)
    if chosen.thought == "dots" and count_tokens is None:
        raise ConfigError("dots are as long as the thought by the tokenizer of the model to be primed: name it")
    task = tasks.load("countdown", dict(config.options))
    rows: list[dict[str, Any]] = []
    generator = rng.stream("priming", config.arm, config.seed)
    dials = Dials(attempts=config.attempts, largest=config.largest, chained=config.chained)
    searcher = Searcher(generator, dials)
    wanted = _answers(config, chosen)
    detector = FunctionalDetector()
    for problem in _problems(task, config):
        if len(rows) == config.size:
            break
        numbers, target = tuple(sorted(problem.data["numbers"])), int(problem.data["target"])
        plan = searcher.plan(numbers, target, chosen.allowed, correct=wanted[len(rows)])
        if plan is None or (chosen.allowed and not plan.behaviors):
            continue
        written = WORDINGS[config.wording](plan)
        if not _shown(detector, problem, written) - chosen.allowed:
            text = _thought(chosen, written, count_tokens)
            row = {"problem": dict(problem.data), "completion": text, "arm": config.arm}
            rows.append({**row, "correct": task.verify(problem, text).correct})
    return rows


def _shown(detector: FunctionalDetector, problem: Problem, text: str) -> set[str]:
    """What a trace shows, whatever was planned: numbers that recur by chance can look like a habit."""
    [reading] = detector.detect([Thought(text=text, problem=problem)])
    return {name for name in detector.behaviors if reading.counts[name]}


def habits_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Presence and mean count of each habit in a set, by the functional detector."""
    detector = FunctionalDetector()
    thoughts = [
        Thought(text=row["completion"], problem=Problem(id="", task="countdown", messages=(), data=row["problem"]))
        for row in rows
    ]
    readings = detector.detect(thoughts)
    return {
        name: {
            "presence": sum(bool(reading.counts[name]) for reading in readings) / len(readings),
            "mean_count": sum(reading.counts[name] or 0 for reading in readings) / len(readings),
        }
        for name in detector.behaviors
    }


def _answers(config: SetConfig, chosen: Arm) -> list[bool]:
    """Which traces are to be right: exactly the share that was asked for."""
    num_right = 0 if chosen.correct is False else round(config.correct * config.size)
    answers = [place < num_right for place in range(config.size)]
    rng.stream("priming", "answers", config.arm, config.seed).shuffle(answers)
    return answers


def _problems(task: Task, config: SetConfig) -> Iterator[Problem]:
    """Problems of the train split, more and more of them: the first of a longer list are those of a shorter one."""
    seed, seen, count = rng.key("priming", config.seed) % 2**31, 0, _MORE * config.size
    while True:
        found = task.problems("train", count, seed)
        yield from found[seen:]
        seen, count = count, _MORE * count


def _thought(chosen: Arm, text: str, count_tokens: CountTokens | None) -> str:
    """The completion with its thought as the arm has it."""
    if chosen.thought == "written":
        return text
    before, rest = text.split("<think>", 1)
    thought, after = rest.split("</think>", 1)
    filler = " " if chosen.thought == "empty" or count_tokens is None else dots(thought, count_tokens)
    return f"{before}<think>{filler}</think>{after}"


def dots(thought: str, count_tokens: CountTokens) -> str:
    """Dots that take as many tokens as the thought, or as near as the tokenizer allows.

    >>> dots("8*3=24", lambda text: len(text.split()))
    ' .'
    """
    wanted = count_tokens(thought)
    number = max(1, round(wanted / max(1, count_tokens(" ." * 8)) * 8))
    while count_tokens(" ." * number) < wanted:
        number += 1
    while number > 1 and count_tokens(" ." * (number - 1)) >= wanted:
        number -= 1
    return " ." * number
