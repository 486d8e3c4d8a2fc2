"""`secondthought runs list|show` prints the runs below a directory, or one of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.summary_table import flat, print_run
from secondthought.config import Config
from secondthought.runs import list_runs, show_run


class RunListOptions(Config):
    """List the runs in a directory and below it; rates are first and second try before and after, at temperature 1."""

    dir: Path = Path("runs")
    """Where to look."""
    json_: bool = False
    """One JSON object instead of a table."""


class ShowRunOptions(Config):
    """Show one run: before and after, tokens, time, checkpoints; with --all also config, environment, last metrics."""

    run: Path
    """A run directory."""
    all: bool = False
    """Everything that is small of a run: each table as it stands in its files."""
    json_: bool = False
    """One JSON object instead of text."""


def list_all(argv: list[str], prog: str) -> None:
    """Print one row per run."""
    given = parse(RunListOptions, argv, prog, positional=("dir",))
    rows = [asdict(row) for row in list_runs(given.dir)]
    if given.json_:
        write_line({"runs": rows})
    elif rows:
        names = [name.replace("_", " ") for name in rows[0]]
        write_table("", names, [list(row.values()) for row in rows])
    else:
        write_text(f"{given.dir}: no runs")


def show(argv: list[str], prog: str) -> None:
    """Print one run."""
    given = parse(ShowRunOptions, argv, prog, positional=("run",))
    found = show_run(given.run)
    if given.json_:
        write_line(found)
        return
    if given.all:
        for part, value in found.items():
            write_table(part, ["", ""], list(flat(value)))
        return
    print_run(given.run, found)
    write_text("--all shows config, environment and the last step's metrics, --json everything as one object")
