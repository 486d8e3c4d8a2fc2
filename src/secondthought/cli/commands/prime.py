"""`secondthought prime`: priming sets for `train sft`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from secondthought.cli.errors import warn
from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.config import Config
from secondthought.data.priming.filtering import TraceFilter, from_file
from secondthought.data.priming.from_samples import from_samples
from secondthought.data.priming.from_search import SetRequest, Trace, traces
from secondthought.data.priming.from_teacher import SAMPLING, from_teacher
from secondthought.data.priming.kinds import KINDS, kind
from secondthought.data.priming.set_file import provenance_path, write_set
from secondthought.errors import ConfigError, RunError
from secondthought.inference.chat.answer_cache import AnswerCache
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.openai_client import OpenAIClient
from secondthought.jsonl import require_plain
from secondthought.runs.files import disk_errors
from secondthought.tasks.countdown.writing.plans import Dials
from secondthought.tasks.countdown.writing.wordings import WORDINGS

ANY = "any"
"""In place of an arm, for traces that exist already: nothing is forbidden."""
_COUNT = 1000


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


class SourceOptions(Config):
    """Where traces come from in place of search; one of the first three."""

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


class Options(Config):
    """Write a priming set: reasoning traces that show some habits and no others. By default by search, for Countdown.

    ARM: all-strategies, backtracking, backtracking-verification, backtracking-subgoals, backtracking-backward, direct,
    empty, dots, incorrect-only; with --source.samples or --source.file also any: whatever they show. Problems come from
    the train split; what an arm forbids occurs in none of its traces, by the functional detector. Beside OUT.jsonl
    stands OUT.provenance.json. --options.NAME VALUE sets options of the task's own.
    """

    arm: str
    """Which set."""
    out: Path
    """The JSONL file to write; `train sft --data` reads it."""
    count: int | None = Field(None, ge=1)
    """Traces; default 1000, or from samples and files all that there are."""
    seed: int = 0
    """Of problems, searches and wording."""
    wording: Literal["english", "short"] = "english"
    """`english` for any model, `short` for the organisms `terse` and `rich`, which know few words."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task; default: Countdown's preset priming (four with the short wording), the work asked for."""
    tokenizer: str | None = None
    """For dots: the model that is to be primed (checkpoint, hub id, or shipped name)."""
    dials: DialOptions = DialOptions()
    source: SourceOptions = SourceOptions()
    overwrite: bool = False
    """Replace the file."""
    json_: bool = False
    """The provenance as one JSON object instead of a table."""


def run(argv: list[str], prog: str) -> None:
    """Write the set and say what it shows."""
    given = parse(Options, argv, prog, positional=("arm", "out"))
    source = _source(given)
    if given.arm != ANY:
        kind(given.arm)
    elif source not in ("samples", "file"):
        raise ConfigError(
            "any is for traces that exist already: give --source.samples or --source.file, or name an arm"
        )
    if given.out.exists() and not given.overwrite:
        raise RunError(f"{given.out}: exists already; choose another file, or give --overwrite")
    with disk_errors(given.out):
        require_plain(given.out)  # now, not after a teacher has been asked
    made, origin = _search(given) if source == "search" else _gather(given, source)
    about = write_set(given.out, made, origin)
    _warn_of_absent(given, about)
    if given.json_:
        write_line({"out": str(given.out), **about})
    else:
        _show(given.out, about)


def _warn_of_absent(given: Options, about: dict[str, Any]) -> None:
    """Search plans what an arm is named after in every trace; from elsewhere comes what comes."""
    required = () if given.arm == ANY else sorted(kind(given.arm).requires)
    absent = [name for name in required if about["behaviors"][name]["present"] == 0 and about["count"]]
    if absent and kind(given.arm).thought == "told":
        warn(
            f"{given.out}: no trace shows {' or '.join(absent)}, which the arm {given.arm} is named after"
            " (functional detector); read some before you prime with them"
        )


def _source(given: Options) -> str:
    found = [name for name in ("endpoint", "samples", "file") if getattr(given.source, name)]
    if len(found) > 1:
        raise ConfigError(f"--source.{found[0]} and --source.{found[1]}: a set comes from one source; keep one")
    own = [name for name, value in given.dials.model_dump().items() if value is not None]
    if given.source.answers is not None and "endpoint" not in found:
        raise ConfigError("--source.answers goes with --source.endpoint: it keeps what the teacher answers")
    if found and (own or given.tokenizer):
        raise ConfigError(f"--{f'dials.{own[0]}' if own else 'tokenizer'} is for search; leave it out, or the source")
    return found[0] if found else "search"


def _search(given: Options) -> tuple[Sequence[Trace], dict[str, Any]]:
    request = SetRequest(
        kind=given.arm,
        count=given.count or _COUNT,
        seed=given.seed,
        language=given.wording,
        dials=_dials(given),
        options=given.options or None,
    )
    made = list(traces(request, _length(given)))
    return made, {
        "source": "search",
        "arm": request.kind,
        "seed": request.seed,
        "wording": request.language,
        "task": {"name": "countdown", "options": request.all_options, "split": "train"},
        "dials": asdict(request.all_dials),
        "tokenizer": given.tokenizer,
    }


def _gather(given: Options, source: str) -> tuple[Sequence[Trace], dict[str, Any]]:
    task = load_task(given.source.task, given.options or _default_options(given))
    forbids = () if given.arm == ANY else kind(given.arm).forbids
    if source == "endpoint":
        taken, where = _ask(given, task), f"{given.source.model} at {given.source.endpoint}"
    elif source == "samples":
        taken = from_samples(given.source.samples, task, given.count, given.seed, forbids=forbids)
        where = ", ".join(map(str, given.source.samples))
    else:
        assert given.source.file is not None
        wrong = given.arm != ANY and kind(given.arm).correct == 0.0
        taken = from_file(given.source.file, task, given.count, forbids, only_wrong=wrong)
        where = str(given.source.file)
    return taken.require(where), {
        "source": source,
        "from": where,
        "arm": given.arm,
        "seed": given.seed,
        "task": {"name": task.name, "options": given.options or _default_options(given), "split": "not test"},
        "left_out": dict(taken.left_out),
        **({"sampling": asdict(SAMPLING), "answers": _answers_path(given).name} if source == "endpoint" else {}),
    }


def _ask(given: Options, task: Any) -> TraceFilter:
    source = given.source
    if not source.model:
        raise ConfigError("--source.endpoint needs --source.model, the teacher's name there")
    client = OpenAIClient(Endpoint(url=str(source.endpoint), model=source.model, key_variable=source.key_env))
    path = _answers_path(given)
    cache = AnswerCache(path)
    try:
        return from_teacher(client, task, given.arm, given.count or _COUNT, given.seed, cache=cache, told=_progress)
    finally:
        if path.exists():
            sys.stderr.write(f"{path}: keeps what was answered; the same command asks only for the rest\n")


def _answers_path(given: Options) -> Path:
    return given.source.answers or given.out.with_name(f"{given.out.stem}.answers.jsonl")


def _progress(number: int) -> None:
    sys.stderr.write(f"{number} traces\n")


def _default_options(given: Options) -> dict[str, Any]:
    is_countdown = given.source.task == "countdown"
    return {"preset": WORDINGS[given.wording].preset, "answer_format": "think"} if is_countdown else {}


def _dials(given: Options) -> Dials:
    own = {name: value for name, value in given.dials.model_dump().items() if value is not None}
    if KINDS[given.arm].correct is not None and "correct" in own:
        raise ConfigError(f"dials.correct: the arm {given.arm} fixes it; leave it out")
    return replace(WORDINGS[given.wording].dials, **own)


def _length(given: Options) -> Any:
    if KINDS[given.arm].thought != "dots":
        return None
    if given.tokenizer is None:
        raise ConfigError("dots are as many tokens as the thoughts that they stand for: name a model with --tokenizer")
    from secondthought.data.priming.token_lengths import length_by  # transformers, after parsing

    return length_by(given.tokenizer)


def _show(path: Path, about: dict[str, Any]) -> None:
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
