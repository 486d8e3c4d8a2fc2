"""Texts to compare come with their problem: those of one problem are not independent, and its words are nobody's habit.

A file has a row a text, as `secondthought habits` reads them; what a run wrote is read by `report.numbers.run_texts`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from secondthought.errors import ConfigError, TaskError
from secondthought.habits.rows import TextRow, text_rows
from secondthought.jsonl import JsonLine
from secondthought.text import whole

_PROBLEM = ("problem_id", "problem", "question", "prompt", "id")
"""Fields that tell which problem a text is about; the first one that is there does."""
_GIVEN = ("problem", "question", "prompt", "request", "messages")
"""Fields that hold what the writer was given."""
_KIND = ("kind", "turn")
"""Fields that may say which kind of turn a text is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenText:
    """A `WrittenText` is one text of one side; `source` says where people find it."""

    source: str
    text: str
    problem: str
    given: str = ""
    """What the writer was given: the words of the problem and of the request."""


def texts_of_rows(lines: Iterable[JsonLine], file: str, turn: str | None = None) -> list[WrittenText]:
    """Return the texts of a file; a row without a problem is a problem of its own.

    Args:
        lines: as `jsonl.parse` gives them.
        file: its name, for sources and errors.
        turn: the kind of turn to keep, where rows say theirs.

    Raises:
        TaskError: a row cannot be read.
        ConfigError: no row is of that kind, or rows are of several kinds and none was chosen.
    """
    rows = list(_readable(text_rows(lines, None, verify=False, keep=True), file))
    kinds = Counter(kind for row in rows if (kind := _kind(row)) is not None)
    if turn is None and len(kinds) > 1:
        counts = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        raise ConfigError(f"{file}: its rows are of several kinds of turn ({counts}); choose one with --turn")
    chosen = rows if turn is None else [row for row in rows if _kind(row) == turn]
    if rows and not chosen:
        known = ", ".join(kinds) or "none: they have no field 'kind' or 'turn', so leave --turn out"
        raise ConfigError(f"{file}: none of its rows is of the kind {turn!r}; their kinds: {known}")
    return [_written(row, file) for row in chosen]


def said_in(value: Any) -> str:
    r"""Return all texts within a value that JSON can hold, a line each.

    >>> said_in({"numbers": [3, 4], "messages": [{"role": "user", "content": "Make 7."}]})
    'user\nMake 7.'
    """
    return "\n".join(_texts(value))


def _readable(rows: Iterable[TextRow], file: str) -> Iterator[TextRow]:
    for row in rows:
        if row.error is not None:
            raise TaskError(f"{file}, line {row.number}: {row.error}; mend the row or take it out")
        yield row


def _kind(row: TextRow) -> str | None:
    return next((kind for name in _KIND if isinstance(kind := row.kept.get(name), str)), None)


def _written(row: TextRow, file: str) -> WrittenText:
    given = [row.kept[name] for name in _GIVEN if name in row.kept]
    return WrittenText(
        source=f"{file}, line {row.number}",
        text=whole(row.thought.text),
        problem=_problem(row.kept) or f"{file}, line {row.number}",
        given=whole(said_in(given)),
    )


def _problem(kept: Mapping[str, Any]) -> str:
    name = next((name for name in _PROBLEM if kept.get(name) is not None), None)
    return "" if name is None else json.dumps(kept[name], sort_keys=True)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
