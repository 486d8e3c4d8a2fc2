"""`secondthought eval`: models on the same problems, with intervals and paired tests."""

from __future__ import annotations

from typing import Any

from secondthought.cli import policies as _policies
from secondthought.cli.commands.eval_options import Options
from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.summary_table import percent
from secondthought.errors import ConfigError, RunError

_FIXED = {**_policies.FIXED, "episode.temperature": 1.0}


def run(argv: list[str], prog: str) -> None:
    """Evaluate, print, and write if asked to."""
    given = parse(Options, argv, prog, positional=("models",), fixed=_FIXED)
    _check(given, prog)
    if given.dry_run:
        write_line(given.model_dump(mode="json"))
        return
    tasks = [load_task(name, given.options) for name in given.tasks]
    from secondthought.evaluate.side_by_side import evaluate_all

    found = evaluate_all(given, tasks)
    if given.json_:
        write_line(found)
    else:
        _print(found)
        write_text(f"written: {given.out}" if given.out else "not written; --out DIR keeps the episodes")


def _check(given: Options, prog: str) -> None:
    if not given.models:
        raise ConfigError(f"{prog}: name at least one model: a directory, a hub id, or a shipped model such as small")
    if len(set(given.models)) < len(given.models):
        raise ConfigError(f"{prog}: a model is named twice; a paired test of a model with itself says nothing")
    if given.options and len(given.tasks) > 1:
        raise ConfigError(f"{prog}: --options are those of one task; evaluate the tasks one by one")
    if any(heat < 0 for heat in given.temperature):
        raise ConfigError(f"{prog}: --temperature must be 0 or more")
    if given.out and not given.overwrite and given.out.exists() and any(given.out.iterdir()):
        raise RunError(f"{given.out}: already holds files; choose another --out, or give --overwrite")


def _print(found: dict[str, Any]) -> None:
    results = found["results"]
    names = [
        name
        for name in results[0]["rates"]
        if name.startswith(("pass@1", "second_try", "try_", "rescue", "format_valid", "leak"))
    ]
    heads = [f"{item['model']}\n{item['task']}, temperature {item['temperature']:g}" for item in results]
    rows = [(name, *(percent(item["rates"].get(name)) for item in results)) for name in names]
    write_table(f"{found['problems']} {found['split']} problems, percent [95 % interval]", ["", *heads], rows)
    controls = list(dict.fromkeys(name for item in results for name in item["controls"]))
    if controls:
        rows = [(name, *(percent(item["controls"].get(name)) for item in results)) for name in controls]
        write_table("right retries on the same failed first tries", ["reflection", *heads], rows)
    if found["differences"]:
        rows = [
            (
                f"{item['after']} - {item['before']}",
                item["task"],
                item["temperature"],
                name,
                percent(value, "+"),
                value["p"],
            )
            for item in found["differences"]
            for name, value in item["rates"].items()
        ]
        write_table("paired differences", ["models", "task", "temperature", "rate", "difference", "p"], rows)
