"""`secondthought corpora sample DIR --out FILE` draws documents of a measured corpus to be read."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from secondthought import jsonl
from secondthought.cli.options import parse
from secondthought.cli.output import write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.data.corpora.confirming import drawn_documents
from secondthought.data.corpora.counts import CorpusCounts
from secondthought.data.corpora.lots import KEPT
from secondthought.data.corpora.measure import measured
from secondthought.errors import ConfigError, RunError
from secondthought.progress import each
from secondthought.spelling import suggestion


class Options(ProgressFlags):
    """Draw documents to be read: for each mark some in which it was found, and as many in which it was not.

    Each row of OUT holds the text, and for which marks it was drawn. `secondthought habits OUT --keep --detector judge`
    lets a model read them; people write {"counts": {MARK: 0 or 1}} into the same rows. `corpora confirm` then corrects
    the prevalence. The draw is random, and the same each time.
    """

    corpus: Path
    """The folder that `corpora measure` wrote."""
    out: Path
    """The JSONL file to write."""
    marks: tuple[str, ...] = ()
    """Which ones; default: all."""
    count: int = Field(50, ge=1, le=KEPT)
    """Documents of each kind for each mark."""
    overwrite: bool = False
    """Replace the file."""


def run(argv: list[str], prog: str) -> None:
    """Draw the documents and say how many they are."""
    given = parse(Options, argv, prog, positional=("corpus",))
    if given.out.exists() and not given.overwrite:
        raise RunError(f"{given.out}: exists already; choose another --out, or give --overwrite")
    outputs, counts = measured(given.corpus)
    marks = chosen(counts, given.marks)
    with progress(given) as shown:
        documents = drawn_documents(outputs, counts, marks, given.count)
        count = jsonl.write(given.out, each(documents, "documents", shown))
    write_text(f"{given.out}: {count} documents for {', '.join(marks)}")


def chosen(counts: CorpusCounts, marks: tuple[str, ...]) -> tuple[str, ...]:
    """Return the marks that were asked for; all where none was.

    Raises:
        ConfigError: the corpus was not searched for one of them.
    """
    require_marks(counts, "--marks", marks)
    return marks or tuple(counts.samples)


def require_marks(counts: CorpusCounts, flag: str, marks: tuple[str, ...]) -> None:
    """Refuse marks that a corpus was not searched for.

    Raises:
        ConfigError: one is none of its marks; the sentence names the flag.
    """
    for mark in marks:
        if mark not in counts.samples:
            known = ", ".join(counts.samples)
            raise ConfigError(f"{flag} {mark}: this corpus has none{suggestion(mark, counts.samples)}; known: {known}")
