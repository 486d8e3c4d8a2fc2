"""Labels say of a text which habits it shows: a person's readings, or what a judge found.

{"text": "...", "reading": {"verification": true, ...}}          read for all habits
{"text": "...", "behavior": "verification", "reading": true}     read for one: a find of some detector
{"text": "...", "counts": {"verification": 2, ...}}              as `secondthought habits --keep` writes them
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.errors import TaskError
from secondthought.habits.learned.windows import WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A `Labelled` text was read for some habits."""

    text: str
    shows: Mapping[str, bool]
    group: str
    """What it was taken from: texts of one group are never on both sides of a test."""
    tests: bool = True
    """Whether detectors may be tested on it: neither was it drawn by what one had found, nor was one made for it."""


def read(paths: Iterable[Path], *, tests: bool = True) -> Iterator[Labelled]:
    """Yield the labelled texts of files of JSON lines; `tests` says whether detectors may be tested on them.

    Raises:
        TaskError: a row has no text or no labels; the sentence names file and line.
        OSError: a file cannot be read.
    """
    for path in paths:
        for line in jsonl.read(path):
            where = f"{path}, line {line.number}"
            if line.value is None:
                raise TaskError(f"{where}: {line.error}")
            if set(line.value) != {"summary"}:
                yield _labelled(line.value, where, tests)


def require_labels(labels: Mapping[str, Any], where: str) -> None:
    """Refuse labels that do not say whether a text shows something.

    Raises:
        TaskError: one is no count, nor true, false or None; the sentence begins with `where`.
    """
    for name, label in labels.items():
        if label is not None and not (isinstance(label, int) and label >= 0):
            raise TaskError(f"{where}: the label of {name} must be true, false, a count, or null (nobody could tell)")


def _labelled(row: Mapping[str, Any], where: str, tests: bool) -> Labelled:
    text, behavior, reading = row.get("text"), row.get("behavior"), row.get("reading", row.get("counts"))
    if not isinstance(text, str) or not text.strip():
        raise TaskError(f"{where}: field 'text' must be a text that is not empty")
    if len(text.split()) > 2 * WORDS:
        raise TaskError(f"{where}: the text has {len(text.split())} words; cut it into windows of about {WORDS}")
    labels = {behavior: reading} if isinstance(behavior, str) else reading
    if not isinstance(labels, Mapping) or not labels:
        raise TaskError(f"{where}: field 'reading' must say of each habit whether the text shows it")
    require_labels(labels, where)
    shows = {str(name): label > 0 for name, label in labels.items() if label is not None}
    return Labelled(text=text, shows=shows, group=text if row.get("id") is None else str(row["id"]), tests=tests)
