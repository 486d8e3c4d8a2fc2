"""The tables of an evaluation: the terminal, the page and `summary.md` show the same ones, made from `summary.json`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.evaluate.summary import METRICS
from secondthought.runs.result_rows import P_COLUMN, number, percent, with_holm

_SHARES = (
    *("pass@", "avg@", "second_try", "try_", "gain", "rescue", "format_valid", "truncated"),
    *("leak", "reflection_leak", "feedback_leak"),
)
"""Beginnings of the rates that are shares; the others are no percentages and stand in summary.json alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A `Table` is a heading, the heads of its columns, rows of text, and what they say in a sentence."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    says: str = ""

    def markdown(self) -> str:
        """Return the table as Markdown has it, under its heading."""
        lines = [self.heads, ["---"] * len(self.heads), *self.rows]
        table = "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)
        return "\n\n".join(filter(None, (f"### {self.title}", table, self.says)))


def tables_of(found: Mapping[str, Any]) -> list[Table]:
    """Return the tables of an evaluation that have rows; those of earlier versions have fewer.

    Args:
        found: what `summary.json` holds.
    """
    results = found["results"]
    tables = (
        _rates(found),
        _reflections(results),
        _controls(results),
        *map(_retries, results),
        _right_to_wrong(results),
        _calibration(results),
        _differences(found["differences"]),
    )
    return [table for table in tables if table.rows]


def markdown(found: Mapping[str, Any]) -> str:
    """Return all tables as one text in Markdown."""
    lead = f"{found['problems']} problems of the {found['split']} split, seed {found['seed']}."
    return "\n\n".join([lead, *(table.markdown() for table in tables_of(found))]) + "\n"


def _heads(results: Iterable[Mapping[str, Any]]) -> list[str]:
    return [f"{item['model']}, {item['task']}, temperature {item['temperature']:g}" for item in results]


def _rates(found: Mapping[str, Any]) -> Table:
    results = found["results"]
    known = [item["rates"] for item in results]
    names = [name for name in known[0] if name.startswith(_SHARES) or name in METRICS]
    told = [name for name in names if any((item.get(name) or {}).get("estimate") is not None for item in known)]
    rows = list(_side_by_side(told, known))
    title = f"{found['problems']} {found['split']} problems, percent [95 % interval]"
    return Table(title=title, heads=["", *_heads(results)], rows=rows)


def _reflections(results: Sequence[Mapping[str, Any]]) -> Table:
    known = [item.get("reflections") or {} for item in results]
    names = [name for name in known[0] if any((item.get(name) or {}).get("n") for item in known)]
    rows = [
        [_words(name), *((number if name == "length" else percent)(item.get(name)) for item in known)] for name in names
    ]
    title = "own reflections, percent but for the length in tokens [95 % interval]"
    return Table(title=title, heads=["", *_heads(results)], rows=rows)


def _controls(results: Sequence[Mapping[str, Any]]) -> Table:
    """Build the table of right retries, model beside model; of one model, the table of retries says the same."""
    told = len(results) == 1 and results[0].get("retries")
    known = [] if told else [item["controls"] for item in results]
    title = "right retries of the same failed first tries, by reflection, percent [95 % interval]"
    return Table(title=title, heads=["reflection", *_heads(results)], rows=list(_side_by_side(_names(known), known)))


def _retries(result: Mapping[str, Any]) -> Table:
    found = result.get("retries") or {}
    columns = _names(found.values())
    rows = [[_words(name), *(percent(item.get(column)) for column in columns)] for name, item in found.items()]
    return Table(
        title=f"{_heads([result])[0]}: retries of failed first tries, by reflection, percent [95 % interval]",
        heads=["reflection", *map(_words, columns)],
        rows=rows,
        says=(result.get("bars") or {}).get("says", ""),
    )


def _right_to_wrong(results: Sequence[Mapping[str, Any]]) -> Table:
    known = [item.get("right_to_wrong") or {} for item in results]
    title = "wrong retries after a right first try, by reflection, percent [95 % interval]"
    return Table(title=title, heads=["reflection", *_heads(results)], rows=list(_side_by_side(_names(known), known)))


def _calibration(results: Sequence[Mapping[str, Any]]) -> Table:
    known = [item.get("calibration") or {} for item in results]
    title = "does it know that it was wrong? Asked after first tries, percent [95 % interval]"
    return Table(title=title, heads=["", *_heads(results)], rows=list(_side_by_side(_names(known), known)))


def _differences(differences: Iterable[Mapping[str, Any]]) -> Table:
    rows = with_holm(
        (
            f"{item['after']} - {item['before']}",
            f"{item['task']}, temperature {item['temperature']:g}",
            _words(name),
            percent(value, "+"),
            value["p"],
        )
        for item in differences
        for name, value in item["rates"].items()
    )
    texts = [[*row[:-1], "-" if row[-1] is None else f"{row[-1]:.3g}"] for row in rows]
    heads = ["models", "", "rate", "difference", P_COLUMN]
    return Table(title="paired differences, points [95 % interval]", heads=heads, rows=texts)


def _side_by_side(names: Iterable[str], known: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    for name in names:
        yield [_words(name), *(percent(item.get(name)) for item in known)]


def _names(known: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for item in known for name in item))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _escaped(cell: str) -> str:
    r"""Write a cell that cannot end early.

    >>> _escaped("a|b\nc")
    'a\\|b c'
    """
    return " ".join(cell.split()).replace("|", "\\|")
