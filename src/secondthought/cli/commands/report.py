"""`secondthought report` makes one HTML file of run directories."""

from __future__ import annotations

from pathlib import Path

from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.config import Config
from secondthought.errors import ConfigError


class Options(Config):
    """Write one self-contained HTML file from run directories: curves, tables, episodes, claims.

    What `eval --out DIR` wrote is reported too: its rates, paired differences, controls, and the first problems.
    """

    runs: tuple[Path, ...] = ()
    """Run directories, of which several seeds and arms are compared; or directories of evaluations."""
    out: Path | None = None
    """The file; default: report.html in the run directory, or here if there are several."""
    published: tuple[Path, ...] = ()
    """CSV files of the Four Habits paper's curves (condition, step, accuracy, avg_...), drawn beside ours."""
    json_: bool = False
    """One JSON object instead of the path."""


def run(argv: list[str], prog: str) -> None:
    """Write the report and print its path."""
    given = parse(Options, argv, prog, positional=("runs",), required=("runs",))
    if not given.runs:
        raise ConfigError(f"{prog}: name at least one run directory; `secondthought runs list` shows them")
    from secondthought.report import build_evaluation, build_report, is_evaluation

    if given.out is not None and given.out.is_dir():
        raise ConfigError(f"{given.out}: is a directory; give --out a file, as {given.out / 'report.html'}")
    default = given.runs[0] / "report.html" if len(given.runs) == 1 else Path("report.html")
    played = [is_evaluation(item) for item in given.runs]
    if any(played) and not all(played):
        raise ConfigError(f"{prog}: give runs, or what `eval --out` wrote, not both in one report")
    if all(played):
        path = build_evaluation(given.runs, given.out or default)
    else:
        path = build_report(given.runs, given.out or default, given.published)
    if given.json_:
        write_line({"report": str(path), "runs": [str(item) for item in given.runs]})
    else:
        write_text(str(path))
