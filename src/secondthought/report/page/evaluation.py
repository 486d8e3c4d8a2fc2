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
from secondthought.evaluate.tables import tables_of
from secondthought.report.numbers.evaluations import read_evaluation
from secondthought.report.page.evaluated import evaluation_opening
from secondthought.report.page.html import section_html
from secondthought.runs import files

_PROBLEMS = 3
"""Problems that are shown of each file."""


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
        return {
            "path": str(path),
            "models": [item["model"] for item in results],
            "tasks": [item["task"] for item in results],
            "lead": f"{found['problems']} problems of the {found['split']} split, seed {found['seed']}",
            "tables": tables_of(found),
            "files": [_played(file) for file in sorted(path.glob("*.jsonl"))],
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path / 'summary.json'}: is not as `eval --out` writes it: {error!r}") from None


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
