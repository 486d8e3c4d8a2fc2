"""`secondthought prime`: priming sets for `train sft`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from secondthought.cli._options import parse
from secondthought.cli._output import write_line, write_table, write_text
from secondthought.config import Config
from secondthought.errors import ConfigError, RunError
from secondthought.priming.arms import ARMS, arm
from secondthought.priming.files import provenance_path, write_set
from secondthought.priming.search import Dials
from secondthought.priming.sets import SetRequest, Trace, traces
from secondthought.priming.wording import WORDINGS


class DialOptions(Config):
    """How thoughts that are written by search are made; what is not given goes with the wording."""

    correct: float | None = Field(None, ge=0, le=1)
    """Share of right answers, kept exactly; default .5. The arm incorrect-only has none."""
    attempts: tuple[float, ...] | None = None
    """Weights of thoughts with 1, 2, 3, ... attempts, in arms that backtrack."""
    early: float | None = Field(None, ge=0, le=1)
    """An attempt that fails is given up before its last step."""
    back: float | None = Field(None, ge=0, le=1)
    """The next attempt goes on from an intermediate result, in place of starting anew."""
    aims: float | None = Field(None, ge=0, le=1)
    """An attempt states a subgoal or a step backwards, in arms that have them."""
    largest: int | None = Field(None, ge=10)
    """No result beyond this is written."""


class Options(Config):
    """Write a priming set for Countdown by search: reasoning traces that show some habits and no others.

    ARM: all-strategies, backtracking, backtracking-verification, backtracking-subgoals, backtracking-backward, direct,
    empty, dots or incorrect-only. Problems come from the train split; what an arm forbids occurs in none of its traces,
    by the functional detector. Beside OUT.jsonl stands OUT.provenance.json. --options.NAME VALUE sets options of the
    task's own.
    """

    arm: str
    """Which set."""
    out: Path
    """The JSONL file to write; `train sft --data` reads it."""
    count: int = Field(1000, ge=1)
    """Traces."""
    seed: int = 0
    """Of problems, searches and wording."""
    wording: Literal["english", "short"] = "english"
    """`english` for any model, `short` for the organisms `terse` and `rich`, which know few words."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of Countdown; default: preset priming (four with the short wording), the work asked for in tags."""
    tokenizer: str | None = None
    """For dots: the model that is to be primed (checkpoint, hub id, or shipped name)."""
    dials: DialOptions = DialOptions()
    overwrite: bool = False
    """Replace the file."""
    json_: bool = False
    """The provenance as one JSON object instead of a table."""


def run(argv: list[str], prog: str) -> None:
    """Write the set and say what it shows."""
    given = parse(Options, argv, prog, positional=("arm", "out"))
    arm(given.arm)
    if given.out.exists() and not given.overwrite:
        raise RunError(f"{given.out}: exists already; choose another file, or give --overwrite")
    request = SetRequest(
        arm=given.arm,
        count=given.count,
        seed=given.seed,
        language=given.wording,
        dials=_dials(given),
        options=given.options or None,
    )
    made = list(traces(request, _length(given)))
    about = write_set(given.out, made, _origin(request, given.tokenizer))
    if given.json_:
        write_line({"out": str(given.out), **about})
        return
    _show(given.out, about, made)


def _dials(given: Options) -> Dials:
    own = {name: value for name, value in given.dials.model_dump().items() if value is not None}
    if ARMS[given.arm].correct is not None and "correct" in own:
        raise ConfigError(f"dials.correct: the arm {given.arm} fixes it; leave it out")
    return replace(WORDINGS[given.wording].dials, **own)


def _length(given: Options) -> Any:
    if ARMS[given.arm].thought != "dots":
        return None
    if given.tokenizer is None:
        raise ConfigError("dots are as many tokens as the thoughts that they stand for: name a model with --tokenizer")
    from secondthought.priming.lengths import length_by  # transformers, after parsing

    return length_by(given.tokenizer)


def _origin(request: SetRequest, tokenizer: str | None) -> dict[str, Any]:
    return {
        "source": "search",
        "arm": request.arm,
        "seed": request.seed,
        "wording": request.language,
        "task": {"name": "countdown", "options": request.all_options, "split": "train"},
        "dials": asdict(request.all_dials),
        "tokenizer": tokenizer,
    }


def _show(path: Path, about: dict[str, Any], made: list[Trace]) -> None:
    rows = [
        (name, f"{found['present']} of {about['count'] - found['missing']}", f"{found['mean']:.2f}")
        for name, found in about["behaviors"].items()
    ]
    write_table("functional detector", ["behaviour", "shown by", "mean count"], rows)
    write_text(
        f"{path}: {about['count']} traces on {about['problems']} problems, {about['correct']} right,"
        f" {about['mean_characters']:.0f} characters on average; {provenance_path(path).name} says how they were made"
    )
