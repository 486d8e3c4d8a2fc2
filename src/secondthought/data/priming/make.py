"""A priming set is made here in one call: traces from their source, the file, and beside it how they were made.

Example: `make_set(PrimingSet(kind="backtracking", count=200), Path("sets/backtracking.jsonl"))`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from secondthought import tasks
from secondthought.data.priming.fillers import Length
from secondthought.data.priming.filtering import TraceFilter, from_file
from secondthought.data.priming.from_samples import from_samples
from secondthought.data.priming.from_search import SetRequest, SetWriter, TaskLoader, Trace
from secondthought.data.priming.from_teacher import SAMPLING, from_teacher
from secondthought.data.priming.kinds import kind
from secondthought.data.priming.request import COUNT, FromFile, FromSamples, FromSearch, FromTeacher, PrimingSet
from secondthought.data.priming.set_file import write_set
from secondthought.errors import RunError
from secondthought.inference.chat.answer_cache import AnswerCache
from secondthought.inference.chat.openai_client import OpenAIClient
from secondthought.jsonl import require_plain
from secondthought.progress import SILENT, Onlooker, each
from secondthought.protocols import Task, WritableTask
from secondthought.runs.files import disk_errors
from secondthought.types import Sampling

logger = logging.getLogger(__name__)

Made = tuple[Sequence[Trace], dict[str, Any]]
"""Traces, and how they were made."""


def make_set(
    wanted: PrimingSet,
    out: Path,
    *,
    overwrite: bool = False,
    load_task: TaskLoader = tasks.load,
    onlooker: Onlooker = SILENT,
) -> dict[str, Any]:
    """Make a priming set, write it to `out`, and return its provenance, which is written beside it.

    Args:
        wanted: the set.
        out: the JSONL file to write; `train sft` reads it.
        overwrite: replace the file if it is there.
        load_task: finds the task by its name and options.
        onlooker: who is told how far it is.

    Raises:
        ConfigError: settings do not go together.
        RunError: `out` is there already, or its source has too few traces.
        TaskError: the task has no writer, or too few problems that lend themselves to the set, or a row is wrong.
        PolicyError: the teacher cannot be asked.
    """
    if out.exists() and not overwrite:
        raise RunError(f"{out}: exists already; choose another file, or give --overwrite")
    with disk_errors(out):
        require_plain(out)  # now, not after a teacher has been asked
    if isinstance(wanted.source, FromSearch):
        made, origin = _searched(wanted.search(wanted.source.dials), wanted.source.tokenizer, load_task, onlooker)
    else:
        made, origin = _gathered(wanted, wanted.source, out, load_task, onlooker)
    return write_set(out, made, origin)


def absent_habits(wanted: PrimingSet, provenance: Mapping[str, Any]) -> list[str]:
    """Return the habits that the set is named after and that none of its traces shows.

    Search plans them in every trace; from elsewhere comes what comes.
    """
    shown = provenance["behaviors"]
    return [name for name in wanted.named_after if provenance["count"] and shown[name]["present"] == 0]


def _searched(request: SetRequest, tokenizer: str | None, load_task: TaskLoader, onlooker: Onlooker) -> Made:
    writer = SetWriter(request, _length_by(request, tokenizer), load_task=load_task)
    return list(each(writer.traces(), "traces", onlooker, request.count)), {
        "source": "search",
        "arm": request.kind,
        "seed": request.seed,
        "wording": request.wording,
        "task": {"name": request.task, "options": writer.options, "split": "train"},
        "dials": dict(writer.dials),
        "tokenizer": tokenizer,
    }


def _length_by(request: SetRequest, tokenizer: str | None) -> Length | None:
    if kind(request.kind).filler is None or tokenizer is None:
        return None
    from secondthought.data.token_lengths import length_by  # transformers, only where it is needed

    return length_by(tokenizer)


def _gathered(
    wanted: PrimingSet,
    source: FromTeacher | FromSamples | FromFile,
    out: Path,
    load_task: TaskLoader,
    onlooker: Onlooker,
) -> Made:
    task, options = _task_of(wanted, load_task)
    own: dict[str, Any] = {}
    if isinstance(source, FromTeacher):
        kind, where = "endpoint", f"{source.endpoint.model} at {source.endpoint.url}"
        answers = source.answers or out.with_name(f"{out.stem}.answers.jsonl")
        gathering = _asked_for(wanted, source, answers, task, onlooker)
        own = {"sampling": asdict(_sampling(source)), "answers": answers.name}
    elif isinstance(source, FromSamples):
        kind, where = "samples", ", ".join(map(str, source.paths))
        gathering = from_samples(source.paths, task, wanted.count, wanted.seed, forbids=wanted.forbids)
    else:
        kind, where = "file", str(source.path)
        gathering = from_file(source.path, task, wanted.count, wanted.forbids, correct=wanted.every_answer)
    return gathering.require(where), {
        "source": kind,
        "from": where,
        "arm": wanted.kind,
        "seed": wanted.seed,
        "task": {"name": task.name, "options": options, "split": "not test"},
        "left_out": dict(gathering.left_out),
        **own,
    }


def _task_of(wanted: PrimingSet, load_task: TaskLoader) -> tuple[Task, dict[str, Any]]:
    """Load the task; where no options are given, with those that go well with the wording, if it has wordings."""
    options = dict(wanted.options)
    task = load_task(wanted.task, options)
    if options or not isinstance(task, WritableTask):
        return task, options
    options = dict(task.writing_options(wanted.wording))
    return load_task(wanted.task, options), options


def _asked_for(wanted: PrimingSet, source: FromTeacher, answers: Path, task: Task, onlooker: Onlooker) -> TraceFilter:
    teacher, cache = OpenAIClient(source.endpoint), AnswerCache(answers)
    count, sampling = wanted.count or COUNT, _sampling(source)
    try:
        return from_teacher(
            teacher, task, wanted.kind, count, wanted.seed, sampling=sampling, cache=cache, onlooker=onlooker
        )
    finally:
        if answers.exists():
            logger.info("%s: keeps what was answered; the same command asks only for the rest", answers)


def _sampling(source: FromTeacher) -> Sampling:
    return replace(SAMPLING, max_tokens=source.max_tokens)
