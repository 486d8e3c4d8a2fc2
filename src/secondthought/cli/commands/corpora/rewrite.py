"""`secondthought corpora rewrite INPUT...` tells documents as question, thoughts and answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.cli.asking import RequestOptions, endpoint_of
from secondthought.cli.commands.corpora.measure import RowFields
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.data.corpora.documents import CorpusDocument, Fields
from secondthought.data.corpora.executors import ExecutorName
from secondthought.data.corpora.pieces import FileFormat, pieces_of
from secondthought.data.corpora.rewriting.by_model import MAX_CHARACTERS, MAX_TOKENS, ByModel
from secondthought.data.corpora.rewriting.by_rules import ByRules
from secondthought.data.corpora.rewriting.rewrite import Rewriter, RewriteStyle
from secondthought.data.corpora.rewriting.step import PIECE_BYTES, RewriteCounts, RewritePieces, rewrite
from secondthought.data.corpora.running import How
from secondthought.errors import ConfigError
from secondthought.runs.result_rows import percent


class ReplyOptions(RequestOptions):
    """How the model is asked."""

    max_tokens: int | None = Field(None, ge=1)
    """Longest reply; default 4096. One that is cut off counts as none."""


class Options(ProgressFlags):
    """Rewrite documents as question, thoughts and answer: with the author's doubts and checks, or without.

    A model at --endpoint is asked, or, without one, rules take the worked examples that documents hold already. A
    rewrite is taken if it has the form that was asked for and its answer stands in the document. Below OUT are
    `documents/` (rows for `train pretrain` and `train sft`), `left-out/` (and why) and `answers/` (what was said). The
    same command goes on after a stop.
    """

    inputs: tuple[str, ...] = Field(min_length=1)
    """Files, folders or addresses, as `corpora measure` reads them; the sets of `corpora select`."""
    out: Path
    """The folder for the rewrites."""
    style: RewriteStyle
    """curated: the author's doubts, checks and wrong turns stay; clean: only the steps that lead to the answer."""
    endpoint: str | None = None
    """Base URL that speaks OpenAI's chat/completions, such as http://localhost:8000/v1; without it, by rules."""
    model: str = ""
    """The model's name at the endpoint."""
    key_env: str | None = None
    """The environment variable that holds the endpoint's key; default: no key is sent."""
    max_characters: int = Field(MAX_CHARACTERS, ge=1)
    """Longest document that a model is sent; longer ones are left out."""
    again: bool = False
    """Ask again where nobody answered."""
    yes: bool = False
    """Ask, whatever it costs; without it a model is not asked, and the cost is estimated."""
    ask: ReplyOptions = ReplyOptions()
    """How the model is asked."""
    format: FileFormat | None = None
    """What all files are; by default the ending of each tells."""
    executor: ExecutorName = "local"
    """Who runs the tasks: this machine, a Ray cluster, or Slurm; to Slurm they are only submitted."""
    workers: int = Field(1, ge=1)
    """Tasks at once; each has --ask.concurrency requests under way."""
    executor_options: dict[str, Any] = Field(default_factory=dict)
    """Options of `datatrove`'s executor."""
    json_: bool = False
    """One JSON object instead of a table."""
    fields: RowFields = RowFields()


def run(argv: list[str], prog: str) -> None:
    """Rewrite the inputs, and show the habits before and after.

    Raises:
        ConfigError: a model is to be asked, and --yes was not given; the sentence says what it would cost.
    """
    given = parse(Options, argv, prog, positional=("inputs",))
    rewriter = _rewriter(given)
    step = RewritePieces(
        pieces=tuple(pieces_of(given.inputs, format=given.format, most=PIECE_BYTES)),
        fields=Fields(**given.fields.model_dump()),
        rewriter=rewriter,
        folder=given.out.expanduser().absolute(),
    )
    if isinstance(rewriter, ByModel) and not given.yes:
        raise ConfigError(f"this takes {_cost(step, rewriter)}; give --yes to go on")
    how = How(executor=given.executor, workers=given.workers, options=given.executor_options)
    with progress(given) as shown:
        counts = rewrite(step, how, shown, again=given.again)
    if counts is None:
        write_text(f"{given.out}: submitted; give the same command again to see what was rewritten")
    elif given.json_:
        write_line({"out": str(given.out), **counts.to_json()})
    else:
        _show(given.out, counts)


def _rewriter(given: Options) -> Rewriter:
    if given.endpoint is None:
        used = [name for name in ("model", "key_env", "max_characters", "again", "yes") if name in given.changed()]
        flags = [name.replace("_", "-") for name in (*used, *(f"ask.{name}" for name in given.ask.changed()))]
        if flags:
            raise ConfigError(f"--{flags[0]} goes with --endpoint: by rules nobody is asked")
        return ByRules(style=given.style)
    if not given.model:
        raise ConfigError("--endpoint needs --model, the model's name there")
    endpoint = endpoint_of(given.endpoint, given.model, given.key_env, given.ask)
    endpoint.key()
    longest = given.ask.max_tokens or MAX_TOKENS
    return ByModel(endpoint=endpoint, style=given.style, max_tokens=longest, max_characters=given.max_characters)


def _cost(step: RewritePieces, rewriter: ByModel) -> str:
    """Read all documents, and say what they would cost."""
    texts = (
        [read.text for read in step.documents(number) if isinstance(read, CorpusDocument)]
        for number in range(len(step.pieces))
    )
    estimate = rewriter.estimate([])
    for some in texts:
        estimate = estimate.plus(rewriter.estimate(some))
    return estimate.sentence()


def _show(out: Path, counts: RewriteCounts) -> None:
    if counts.after.documents:
        rows = [
            (
                mark,
                percent(counts.before.prevalence(mark).to_json()),
                percent(counts.after.prevalence(mark).to_json()),
                f"{counts.before.per_1000_words(mark).estimate:.2f}",
                f"{counts.after.per_1000_words(mark).estimate:.2f}",
            )
            for mark in counts.before.marks
        ]
        columns = ("habit", "documents, %", "rewrites, %", "documents, per 1,000 words", "rewrites, per 1,000 words")
        write_table("habits of what was rewritten, before and after [95 % interval]", columns, rows)
    aside = {"could not be read": counts.set_aside} if counts.set_aside else {}
    left_out = {**dict(sorted(counts.left_out.items())), **aside}
    why = "".join(f"; {number} left out: {reason}" for reason, number in left_out.items())
    again = f"; --again asks again for {counts.unanswered} that nobody answered" if counts.unanswered else ""
    write_text(f"{out}: {counts.after.documents} documents rewritten{why}{again}")
