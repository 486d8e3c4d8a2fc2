"""`secondthought prime` writes priming sets for `train sft`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from secondthought.cli.asking import AskOptions, endpoint_of
from secondthought.cli.errors import warn
from secondthought.cli.flags import Aliases
from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.config import Config
from secondthought.config.values import Weights
from secondthought.data.priming.make import absent_habits, make_set
from secondthought.data.priming.request import (
    MAX_TOKENS,
    FromFile,
    FromSamples,
    FromSearch,
    FromTeacher,
    PrimingSet,
    Source,
)
from secondthought.data.priming.set_file import provenance_path
from secondthought.errors import ConfigError

_SOURCE = ("endpoint", "samples", "file", "model", "key-env", "answers", "task")
_SHORT: Aliases = {"--out": 1, **{f"--{name}": f"--source.{name}" for name in _SOURCE}}
"""Names that the same things have with other commands."""


class DialOptions(Config):
    """Dials of thoughts that are written by search; what is not given goes with the wording."""

    correct: float | None = Field(None, ge=0, le=1)
    """Share of right answers, kept exactly; default .5. The arm incorrect-only has none."""
    attempts: Weights | None = None
    """Weights of thoughts with 1, 2, 3, ... attempts, in arms that backtrack."""
    early: float | None = Field(None, ge=0, le=1)
    """An attempt that fails is given up before its last step."""
    back: float | None = Field(None, ge=0, le=1)
    """The next attempt goes on from an intermediate result, in place of starting anew."""
    aims: float | None = Field(None, ge=0, le=1)
    """An attempt states a subgoal or a step backwards, in arms that have them."""
    largest: int | None = Field(None, ge=10)
    """No result beyond this is written."""


class SourceOptions(Config):
    """Sources of traces in place of search; give one of the first three."""

    endpoint: str | None = None
    """A teacher: base URL that speaks OpenAI's chat/completions. It is told what ARM shows and leaves out."""
    samples: tuple[Path, ...] = ()
    """The model's own samples (a run's episodes/*.jsonl, an evaluation, rows {"problem", "completion"}): a wrong one,
    its reflection and a right one become one trace."""
    file: Path | None = None
    """Any file of traces, people's own too: rows {"problem": {...}, "completion": "..."}."""
    model: str = ""
    """endpoint: the teacher's name there."""
    key_env: str | None = None
    """endpoint: the environment variable that holds its key; default: no key is sent."""
    answers: Path | None = None
    """endpoint: the file that its answers are kept in, default OUT.answers.jsonl; what it holds is not asked again."""
    task: str = "countdown"
    """Whose problems these are: a shipped task, `module:Class`, or a .jsonl file of questions and answers."""


class Options(ProgressFlags):
    """Write a priming set: reasoning traces that show some habits and no others. By default by search, for Countdown.

    ARM: all-strategies, backtracking, backtracking-verification, backtracking-subgoals, backtracking-backward, direct,
    empty, dots, neutral, incorrect-only, correct-only; with --source.samples or --source.file also any: whatever they
    show. Problems come from the train split; what an arm forbids occurs in none of its traces, by the functional
    detector. Beside OUT.jsonl stands OUT.provenance.json. --options.NAME VALUE sets options of the task's own.
    """

    arm: str
    """Which set."""
    out: Path
    """The JSONL file to write; `train sft --data` reads it."""
    count: int | None = Field(None, ge=1)
    """Traces; default 1000, or from samples and files all that there are."""
    seed: int = 0
    """Seed of problems, searches and wording."""
    wording: Literal["english", "short"] = "english"
    """`english` for any model, `short` for the organisms `terse` and `rich`, which know few words."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task; default: Countdown's preset priming (four with the short wording), the work asked for."""
    tokenizer: str | None = None
    """For dots: the model that is to be primed (checkpoint, hub id, or shipped name)."""
    dials: DialOptions = DialOptions()
    source: SourceOptions = SourceOptions()
    ask: AskOptions = AskOptions()
    """source.endpoint: how the teacher is asked."""
    overwrite: bool = False
    """Replace the file."""
    json_: bool = False
    """The provenance as one JSON object instead of a table."""


def run(argv: list[str], prog: str) -> None:
    """Write the set and say what it shows."""
    given = parse(Options, argv, prog, positional=("arm", "out"), aliases=_SHORT)
    wanted = _wanted(given)
    with progress(given) as shown:
        about = make_set(wanted, given.out, overwrite=given.overwrite, load_task=load_task, onlooker=shown)
    absent = absent_habits(wanted, about)
    if absent:
        warn(
            f"{given.out}: no trace shows {' or '.join(absent)}, which the arm {given.arm} is named after"
            " (functional detector); read some before you prime with them"
        )
    if given.json_:
        write_line({"out": str(given.out), **about})
    else:
        _print(given.out, about)


def _wanted(given: Options) -> PrimingSet:
    return PrimingSet(
        kind=given.arm,
        source=_source(given),
        count=given.count,
        seed=given.seed,
        wording=given.wording,
        task=given.source.task,
        options=given.options,
    )


def _source(given: Options) -> Source:
    source = given.source
    dials = {name: value for name, value in given.dials.model_dump().items() if value is not None}
    _check_source(given, dials)
    if source.endpoint:
        endpoint = endpoint_of(source.endpoint, source.model, source.key_env, given.ask)
        return FromTeacher(endpoint=endpoint, answers=source.answers, max_tokens=given.ask.max_tokens or MAX_TOKENS)
    if source.samples:
        return FromSamples(paths=source.samples)
    if source.file is not None:
        return FromFile(path=source.file)
    return FromSearch(dials=dials, tokenizer=given.tokenizer)


def _check_source(given: Options, dials: Mapping[str, Any]) -> None:
    named = [name for name in ("endpoint", "samples", "file") if getattr(given.source, name)]
    if len(named) > 1:
        raise ConfigError(f"--source.{named[0]} and --source.{named[1]}: a set comes from one source; keep one")
    if given.source.answers is not None and "endpoint" not in named:
        raise ConfigError("--source.answers goes with --source.endpoint: it keeps what the teacher answers")
    asked = sorted(name for name in given.ask.model_fields_set if getattr(given.ask, name))
    if asked and "endpoint" not in named:
        flag = f"ask.{asked[0]}".replace("_", "-")
        raise ConfigError(f"--{flag} goes with --source.endpoint: it says how the teacher is asked")
    if named and (dials or given.tokenizer):
        flag = f"dials.{next(iter(dials))}" if dials else "tokenizer"
        raise ConfigError(f"--{flag} is for search; leave it out, or the source")
    if "endpoint" in named and not given.source.model:
        raise ConfigError("--source.endpoint needs --source.model, the teacher's name there")


def _print(path: Path, about: Mapping[str, Any]) -> None:
    rows = [
        (name, f"{found['present']} of {about['count'] - found['missing']}", f"{found['mean']:.2f}")
        for name, found in about["behaviors"].items()
    ]
    write_table("functional detector", ["behaviour", "shown by", "mean count"], rows)
    beside = provenance_path(path).name
    left_out = "".join(f"; {number} left out: {reason}" for reason, number in about.get("left_out", {}).items())
    write_text(
        f"{path}: {about['count']} traces on {about['problems']} problems, {about['correct']} right,"
        f" {about['mean_characters']:.0f} characters on average{left_out}; {beside} says how they were made"
    )
