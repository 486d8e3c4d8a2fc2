"""A piece is measured by itself: documents go out with their marks, what could not be read beside them, then counts.

The counts are written last and appear whole or not at all: they say that a piece is done. So a stop at any moment loses
the pieces that were under way and nothing else, and no document is counted or written twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from sys import maxsize
from typing import IO, Any, BinaryIO, TypeVar

try:
    import orjson
except ImportError:  # the same by the standard library, slower
    orjson = None  # type: ignore[assignment]

from secondthought import jsonl
from secondthought.data.corpora.counts import CorpusCounts
from secondthought.data.corpora.documents import CorpusDocument, Fields, SetAside, documents_of
from secondthought.data.corpora.lots import lot_of
from secondthought.data.corpora.pieces import FileSpan, Piece, size_of
from secondthought.data.corpora.running import left_for
from secondthought.disk import new_binary_file, new_file
from secondthought.errors import ConfigError
from secondthought.habits import catalog
from secondthought.habits.catalog import HabitDefinition
from secondthought.habits.patterns import PatternDetector

T = TypeVar("T")

PROBLEM, SOLUTION = "problem", "solution"
"""Marks of a document that are no habits: it asks for something, and it answers."""
MARKS = "marks"
"""The field of a measured document that holds the count of each mark."""
_LEVEL = 1
"""Of zstd: faster than the detector by far."""
_OURS = ("id", "text", "source", "licence", MARKS)


@cache
def exercise_marks() -> tuple[HabitDefinition, ...]:
    """Read the definitions of `problem` and `solution`, which are found as habits are."""
    folder = resources.files("secondthought.data.corpora") / "shipped"
    return tuple(catalog.parse((folder / f"{name}.toml").read_text("utf-8"), name) for name in (PROBLEM, SOLUTION))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """`Outputs` are the files of measured pieces below one folder, each named by its piece's number."""

    folder: Path
    packed: bool = True
    """Documents are written as zstd; else plain."""

    def documents(self, number: int) -> Path:
        """Return the file of a piece's documents."""
        return self.folder / "documents" / f"{number:06d}.jsonl{'.zst' if self.packed else ''}"

    def set_aside(self, number: int) -> Path:
        """Return the file of what could not be read of a piece; it is there where something could not."""
        return self.folder / "set-aside" / f"{number:06d}.jsonl"

    def numbers_set_aside(self) -> list[int]:
        """Return the numbers of the pieces of which something could not be read."""
        return [int(path.stem) for path in self.set_aside(0).parent.glob("*.jsonl")]

    def counts(self, number: int) -> Path:
        """Return the file of a piece's counts, which is there once the piece is done."""
        return self.folder / "counts" / f"{number:06d}.json"

    def require_packer(self) -> None:
        """Refuse to begin where documents could not be packed.

        Raises:
            ConfigError: `zstandard` is not installed.
        """
        if self.packed and find_spec("zstandard") is None:
            raise ConfigError("documents are packed by zstandard; install secondthought[corpora], or give --plain")

    @contextmanager
    def new_documents(self, number: int) -> Iterator[BinaryIO]:
        """Open the file of a piece's documents to write; it appears whole or not at all."""
        with new_binary_file(self.documents(number)) as file:
            if not self.packed:
                yield file
                return
            import zstandard

            with zstandard.ZstdCompressor(level=_LEVEL).stream_writer(file, closefd=False) as packed:
                yield packed

    def read_documents(self, number: int) -> Iterator[CorpusDocument]:
        """Yield the documents of a piece that is done, in the order in which they were written, and all of them."""
        path = self.documents(number)
        span = FileSpan(str(path), "jsonl", "", size=path.stat().st_size)
        # One that was left out for its length would move the lines of those after it.
        return (read for read in documents_of(span, Fields(), longest=maxsize) if isinstance(read, CorpusDocument))

    def documents_at(self, places: Mapping[int, Mapping[int, T]]) -> Iterator[tuple[T, CorpusDocument]]:
        """Yield the documents at some lines of some pieces, each with what is given for it, one at a time.

        Args:
            places: by piece and by line.
        """
        for piece, wanted in sorted(places.items()):
            for line, document in enumerate(self.read_documents(piece)):
                if line in wanted:
                    yield wanted[line], document

    def read_counts(self, number: int) -> CorpusCounts:
        """Read the counts of a piece that is done."""
        return CorpusCounts.from_state(json.loads(self.counts(number).read_text("utf-8")))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MeasurePieces:
    """`MeasurePieces` is a step of a `datatrove` pipeline: its task of each rank measures every so many-th piece."""

    pieces: tuple[Piece, ...]
    behaviors: tuple[HabitDefinition, ...]
    outputs: Outputs
    fields: Fields

    @property
    def folder(self) -> Path:
        """Return where results lie."""
        return self.outputs.folder

    @property
    def sizes(self) -> Sequence[int]:
        """Return the bytes of each piece."""
        return [size_of(piece) for piece in self.pieces]

    def done(self, number: int) -> Path:
        """Return the counts of a piece, which are written last."""
        return self.outputs.counts(number)

    def made_of(self) -> Mapping[str, Any]:
        """Return what the results depend on: the input, where its rows hold what, and what is looked for."""
        marks = (*self.behaviors, *exercise_marks())
        return {
            "pieces": [[list(span) for span in piece] for piece in self.pieces],
            "fields": asdict(self.fields),
            "behaviors": {mark.name: _digest(mark.model_dump_json()) for mark in marks},
            "packed": self.outputs.packed,
        }

    def __call__(self, data: Any, rank: int, world_size: int) -> Iterator[Any]:
        """Measure the pieces of one rank that are not done yet."""
        for number in left_for(self, rank, world_size):
            self.measure(number)
        return iter(())

    def measure(self, number: int) -> None:
        """Measure one piece.

        Raises:
            OSError: its outputs cannot be written.
        """
        counts, detector = CorpusCounts(), _detector(self.behaviors)
        with ExitStack() as stack:
            out = stack.enter_context(self.outputs.new_documents(number))
            aside: IO[str] | None = None
            line = 0
            for read in (read for span in self.pieces[number] for read in documents_of(span, self.fields)):
                if isinstance(read, SetAside):
                    if aside is None:
                        aside = stack.enter_context(new_file(self.outputs.set_aside(number)))
                    aside.write(jsonl.dumps(read.to_json()) + "\n")
                    counts.set_aside += 1
                else:
                    found = {name: count or 0 for name, count in detector.read(read.text).counts.items()}
                    out.write(measured_line(read, found))
                    counts.add(read.source, read.text, found, lot_of(number, line))
                    line += 1
        with new_file(self.outputs.counts(number)) as file:
            file.write(jsonl.dumps(counts.to_state()))


def measured_line(document: CorpusDocument, marks: Mapping[str, int]) -> bytes:
    """Return the row of a measured document; what it had beside stays, but for the names that are ours."""
    rest = {name: value for name, value in document.rest.items() if name not in _OURS}
    row = {
        "id": document.id,
        "text": document.text,
        "source": document.source,
        "licence": document.licence,
        MARKS: marks,
    }
    return _line({**row, **rest})


def _line(record: Mapping[str, Any]) -> bytes:
    """Write a record; what JSON has no form for (the times and bytes of parquet) goes as text."""
    if orjson is not None:
        try:
            return orjson.dumps(record, default=str, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError:  # whole numbers beyond 64 bits, half a character
            pass
    return (jsonl.dumps(json.loads(json.dumps(record, default=str))) + "\n").encode()


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@cache
def _detector(behaviors: Sequence[HabitDefinition]) -> PatternDetector:
    """Return the detector of these definitions, made once a process."""
    return PatternDetector([*behaviors, *exercise_marks()])
