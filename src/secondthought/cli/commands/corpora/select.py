"""`secondthought corpora select DIR --out DIR` selects a set rich in habits and one without, alike in all else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.cli.commands.corpora.sample import require_marks
from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.data.corpora.executors import ExecutorName
from secondthought.data.corpora.measure import measured
from secondthought.data.corpora.running import How
from secondthought.data.corpora.selection.select import Selection, select
from secondthought.data.corpora.selection.step import FindCandidates
from secondthought.tasks.abilities import SizedTask
from secondthought.types import HABITS

_DRAWN = 1000
"""Test problems of a task that makes them as they are asked for."""


class Options(ProgressFlags):
    """Select a set of documents that is rich in habits and one without any, alike in all else that is measured.

    Documents are paired: of one source, both setting a problem or neither, both solving one or neither, and as long.
    Pairs are taken from the richest down until each set has just as many tokens. Near-duplicates and documents that
    hold parts of an evaluation task are left out, and listed. OUT gets `rich.jsonl`, `poor.jsonl` and `balance.json`.
    """

    corpus: Path
    """The folder that `corpora measure` wrote."""
    out: Path
    """The folder for the two sets."""
    tokens: int = Field(ge=1)
    """Tokens of each set."""
    tokenizer: str
    """A checkpoint directory, hub id or shipped model whose tokenizer counts them."""
    habits: tuple[str, ...] = HABITS
    """By which documents are rich or poor."""
    held_out: tuple[str, ...] = ()
    """Tasks, or .jsonl files of questions and answers, whose test problems must not be in the text."""
    executor: ExecutorName = "local"
    """Who counts tokens: this machine, a Ray cluster, or Slurm; to Slurm it is only submitted."""
    workers: int = Field(os.cpu_count() or 1, ge=1)
    """Tasks at once."""
    executor_options: dict[str, Any] = Field(default_factory=dict)
    """Options of `datatrove`'s executor."""
    json_: bool = False
    """One JSON object instead of a table."""


def run(argv: list[str], prog: str) -> None:
    """Select the sets and show how alike they are."""
    given = parse(Options, argv, prog, positional=("corpus",))
    corpus, counts = measured(given.corpus)
    require_marks(counts, "--habits", given.habits)
    step = FindCandidates(
        corpus=corpus,
        pieces=len(list(corpus.counts(0).parent.glob("*.json"))),
        habits=given.habits,
        tokenizer=given.tokenizer,
        held_out=tuple(text for name in given.held_out for text in _test_texts(name)),
        folder=given.out.expanduser().absolute(),
    )
    with progress(given) as shown:
        how = How(executor=given.executor, workers=given.workers, options=given.executor_options)
        selection = select(step, given.tokens, how, shown)
    if selection is None:
        write_text(f"{given.out}: submitted; give the same command again to select")
    elif given.json_:
        write_line({"out": str(given.out), **selection.to_json()})
    else:
        _show(given.out, selection)


def _test_texts(name: str) -> Iterator[str]:
    task = load_task(name)
    count = task.held("test") if isinstance(task, SizedTask) else _DRAWN
    for problem in task.problems("test", count, 0):
        yield problem.request
        yield task.gold(problem) or ""


def _show(out: Path, selection: Selection) -> None:
    columns = ("set", "documents", "tokens", "finds in 1,000 tokens", "with problem, %", "with solution, %")
    rows = [
        (
            name,
            balance.documents,
            balance.tokens,
            f"{balance.finds_per_1000_tokens:.2f}",
            f"{100 * balance.problem:.1f}",
            f"{100 * balance.solution:.1f}",
        )
        for name, balance in selection.sets.items()
    ]
    write_table("two sets, alike but for habits", columns, rows)
    left_out = f"left out: {selection.duplicates} near-duplicates, {selection.overlaps} that hold evaluation texts"
    write_text(f"{out}: chosen from {selection.pairs} pairs; {left_out}")
