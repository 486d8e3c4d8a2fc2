"""Pairs of reflections to be read blind: on the same failure, one from before training and one from after.

A sheet shows both without saying which is which, in an order drawn for each pair; the key stands in a file of its own.
Whoever reads writes `first`, `second` or `same` into `clearer`; read back, the sheet says how often the one from after
training was clearer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.disk import why_unread
from secondthought.errors import RunError
from secondthought.evaluate.rows import ProblemRow
from secondthought.rng import stream
from secondthought.stats import Interval, wilson

JUDGEMENTS = ("first", "second", "same")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectionPair:
    """A `ReflectionPair` is two reflections on one failed try."""

    problem_id: str
    request: str
    attempt: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindReading:
    """A `BlindReading` is what readers said: how often the later reflection was clearer, of the pairs told apart."""

    after_clearer: Interval
    same: int
    unread: int


def pairs_of(rows: Sequence[ProblemRow], after: Mapping[str, str]) -> list[ReflectionPair]:
    """Pair the first reflections of an evaluation before training with later ones on the same failures.

    Args:
        rows: the evaluation before training.
        after: later reflections by the problems' ids; pairs of equal texts are left out, since nobody can tell them.
    """
    return [
        ReflectionPair(
            problem_id=row.problem_id,
            request=row.turns[0].request or "",
            attempt=row.tries[0].text,
            before=row.reflections[0].text,
            after=after[row.problem_id],
        )
        for row in rows
        if row.reflections and row.problem_id in after and row.reflections[0].text != after[row.problem_id]
    ]


def write_sheet(pairs: Sequence[ReflectionPair], sheet: Path, key: Path, *, count: int, seed: int) -> int:
    """Draw pairs, write the sheet and its key, and return how many pairs there are.

    Raises:
        RunError: there is nothing to pair, or a file is there already.
    """
    if not pairs:
        raise RunError("no failure has a reflection before training and another one after; there is nothing to read")
    for path in (sheet, key):
        if path.exists():
            raise RunError(f"{path}: exists already; judgements may stand in it, so choose another name")
    rng = stream("blind", seed)
    drawn = rng.sample(list(pairs), min(count, len(pairs)))
    ordered = [(number, pair, rng.random() < 0.5) for number, pair in enumerate(drawn, 1)]
    jsonl.write(sheet, (_shown(*item) for item in ordered))
    jsonl.write(
        key,
        (
            {"pair": number, "problem_id": pair.problem_id, "after": "first" if later_first else "second"}
            for number, pair, later_first in ordered
        ),
    )
    return len(drawn)


def _shown(number: int, pair: ReflectionPair, later_first: bool) -> dict[str, Any]:
    first, second = (pair.after, pair.before) if later_first else (pair.before, pair.after)
    return {
        "pair": number,
        "request": pair.request,
        "failed_try": pair.attempt,
        "first": first,
        "second": second,
        "clearer": "",
    }


def read_sheet(sheet: Path, key: Path) -> BlindReading:
    """Read judgements back.

    Raises:
        RunError: a file cannot be read, a judgement is none of the three words, or the key is another sheet's.
    """
    later = {row["pair"]: row.get("after") for _, row in _rows(key)}
    said: list[bool] = []
    same = unread = 0
    for number, row in _rows(sheet):
        clearer, place = row.get("clearer"), later.get(row["pair"])
        if place not in ("first", "second"):
            raise RunError(f"{key}: does not say which reflection of pair {row['pair']} is the later one")
        if clearer in ("", None):
            unread += 1
        elif clearer not in JUDGEMENTS:
            raise RunError(f"{sheet}, line {number}: 'clearer' must be first, second or same, not {clearer!r}")
        elif clearer == "same":
            same += 1
        else:
            said.append(clearer == place)
    return BlindReading(after_clearer=wilson(sum(said), len(said)), same=same, unread=unread)


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    found = []
    try:
        for line in jsonl.read(path):
            if line.value is None or not isinstance(line.value.get("pair"), int):
                raise RunError(f"{path}, line {line.number}: {line.error or 'has no number of a pair'}")
            found.append((line.number, line.value))
    except OSError as error:
        raise RunError(why_unread(path, error)) from None
    return found
