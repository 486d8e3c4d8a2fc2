"""The page of an evaluation (`eval --out DIR`) holds its rates, paired differences, controls, and a few problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from secondthought.errors import RunError
from secondthought.report.numbers.evaluations import read_evaluation
from secondthought.report.page.evaluated import evaluation_opening
from secondthought.report.page.html import section_html
from secondthought.runs import files
from secondthought.runs.result_rows import number, percent, with_holm

_PROBLEMS = 3
"""Problems that are shown of each file."""
_SHARES = (
    *("pass@", "second_try", "try_", "gain", "rescue", "format_valid", "truncated"),
    *("leak", "reflection_leak", "feedback_leak"),
)
"""Beginnings of the rates that are shares; the others are no percentages and stand in summary.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A `Table` is a heading, the heads of its columns, rows of text, and what they say in a sentence."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedFile:
    """A `PlayedFile` is a file of problems as they were played, and the first of them."""

    name: str
    problems: Sequence[Mapping[str, Any]]


def is_evaluation(path: Path) -> bool:
    """Return True if `eval --out` wrote this directory."""
    try:
        found = files.read_json(path / "summary.json")
    except RunError:
        return False
    return isinstance(found.get("results"), list) and "differences" in found


def build_evaluation(directories: Sequence[Path], out: Path) -> Path:
    """Write the page of some evaluations to `out` and return it.

    Raises:
        RunError: a file is damaged, or `out` cannot be written.
    """
    parts = [_part(path) for path in directories]
    models = list(dict.fromkeys(model for part in parts for model in part["models"]))
    tasks = list(dict.fromkeys(task for part in parts for task in part["tasks"]))
    title = f"{', '.join(models)} on {', '.join(tasks)}"
    opening = section_html("opening", evaluation_opening([read_evaluation(path) for path in directories]))
    page = _template().render(title=title, opening=opening, parts=parts)
    with files.disk_errors(out):
        files.write_text(out, page.lstrip())
    return out


def _part(path: Path) -> dict[str, Any]:
    found = files.read_json(path / "summary.json")
    try:
        results = found["results"]
        tables = [
            _rates(found),
            _reflections(results),
            _controls(results),
            *map(_retries, results),
            _right_to_wrong(results),
            _differences(found["differences"]),
        ]
        return {
            "path": str(path),
            "models": [item["model"] for item in results],
            "tasks": [item["task"] for item in results],
            "lead": f"{found['problems']} problems of the {found['split']} split, seed {found['seed']}",
            "tables": [table for table in tables if table.rows],
            "files": [_played(file) for file in sorted(path.glob("*.jsonl"))],
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path / 'summary.json'}: is not as `eval --out` writes it: {error!r}") from None


def _heads(results: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{item['model']}, {item['task']}, temperature {item['temperature']:g}" for item in results]


def _rates(found: Mapping[str, Any]) -> Table:
    results = found["results"]
    names = [name for name in results[0]["rates"] if name.startswith(_SHARES)]
    rows = [[name.replace("_", " "), *(percent(item["rates"].get(name)) for item in results)] for name in names]
    return Table(title="Rates, percent [95 % interval]", heads=["", *_heads(results)], rows=rows)


def _controls(results: Sequence[Mapping[str, Any]]) -> Table:
    """Build the table of right retries, model beside model; of one model, the table of retries says the same."""
    told = len(results) == 1 and results[0].get("retries")
    names = [] if told else list(dict.fromkeys(name for item in results for name in item["controls"]))
    rows = [[name.replace("_", " "), *(percent(item["controls"].get(name)) for item in results)] for name in names]
    title = "Right retries on the same failed first tries, by what stood in the reflection's place"
    return Table(title=title, heads=["reflection", *_heads(results)], rows=rows)


def _reflections(results: Sequence[Mapping[str, Any]]) -> Table:
    """Build the table of the reflections' quality; evaluations of earlier versions have none."""
    known = [item.get("reflections") or {} for item in results]
    names = [name for name in known[0] if any(item.get(name, {}).get("n") for item in known)]
    rows = [
        [name.replace("_", " "), *((number if name == "length" else percent)(item.get(name)) for item in known)]
        for name in names
    ]
    title = "Own reflections, percent but for the length in tokens [95 % interval]"
    return Table(title=title, heads=["", *_heads(results)], rows=rows)


def _retries(result: Mapping[str, Any]) -> Table:
    found = result.get("retries") or {}
    columns = list(dict.fromkeys(name for item in found.values() for name in item))
    rows = [[name.replace("_", " "), *(percent(item[column]) for column in columns)] for name, item in found.items()]
    return Table(
        title=f"What retries did: {_heads([result])[0]}",
        heads=["reflection", *(column.replace("_", " ") for column in columns)],
        rows=rows,
        says=(result.get("bars") or {}).get("says", ""),
    )


def _right_to_wrong(results: Sequence[Mapping[str, Any]]) -> Table:
    known = [item.get("right_to_wrong") or {} for item in results]
    names = list(dict.fromkeys(name for item in known for name in item))
    rows = [[name.replace("_", " "), *(percent(item.get(name)) for item in known)] for name in names]
    title = "Wrong retries after a right first try, by what stood in the reflection's place"
    return Table(title=title, heads=["reflection", *_heads(results)], rows=rows)


def _differences(differences: Sequence[Mapping[str, Any]]) -> Table:
    rows = with_holm(
        (
            f"{item['after']} - {item['before']}",
            f"{item['task']}, temperature {item['temperature']:g}",
            name.replace("_", " "),
            percent(value, "+"),
            value["p"],
        )
        for item in differences
        for name, value in item["rates"].items()
    )
    texts = [[*row[:-1], "-" if row[-1] is None else f"{row[-1]:.3g}"] for row in rows]
    heads = ["models", "", "rate", "difference", "p (Holm)"]
    return Table(title="Paired differences, points [95 % interval]", heads=heads, rows=texts)


def _played(file: Path) -> PlayedFile:
    return PlayedFile(name=file.name, problems=list(islice(_turns(file), _PROBLEMS)))


def _turns(file: Path) -> Iterator[dict[str, Any]]:
    for row in files.read_rows(file):
        turns = [
            {
                "kind": "first try" if turn.get("kind") == "attempt" else str(turn.get("kind")),
                "request": turn.get("request") or "",
                "text": str(turn.get("text")),
                "reason": (turn.get("verdict") or {}).get("reason", ""),
                "correct": (turn.get("verdict") or {}).get("correct"),
                "num_tokens": turn.get("num_tokens"),
            }
            for turn in row.get("turns") or ()
        ]
        yield {"id": str(row.get("problem_id")), "turns": turns}


def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"version": version("secondthought"), "css": Markup(_resource("style.css"))}
    return environment.from_string(_resource("evaluation.html"))


def _resource(name: str) -> str:
    return (resources.files("secondthought.report.page") / name).read_text(encoding="utf-8")
