"""`secondthought habits FILE|RUN`: which behaviours texts show, where, how often, and over the steps of a run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought import jsonl
from secondthought.cli.commands.habits import of_file as _habits_file
from secondthought.cli.commands.habits import of_run as _habits_run
from secondthought.cli.commands.habits.of_run import number
from secondthought.cli.commands.score import _open as opened
from secondthought.cli.detectors import DetectorOptions, Rehearsal, detector_of, task_of
from secondthought.cli.errors import warn
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.summary_table import percent
from secondthought.errors import ConfigError
from secondthought.habits.judge.detector import JudgeDetector
from secondthought.habits.rates import HabitTally
from secondthought.protocols import Detector, Task

logger = logging.getLogger(__name__)


class Options(DetectorOptions):
    """Find behaviours in texts: rows {"completion": "..."} or {"text": "..."} in, counts and spans out.

    Each row becomes {"index", "counts": {behavior: number or null}, "spans": [{behavior, start, end, text}]}; null is
    what the detector could not tell. A bad row becomes {"index", "error"}, the rest is still done, and the exit code is
    1. The last line is {"summary": {...}}. Of a run directory, every stored step and evaluation is read instead, and a
    table is printed. --options.NAME VALUE sets options of the task's own.
    """

    file: str = "-"
    """JSON lines, - for stdin; or a run directory."""
    keep: bool = False
    """Keep the other fields of each row."""
    table: bool = False
    """The summary of a file as a table, in place of JSON lines."""
    every: int = Field(1, ge=1)
    """Of a run: read every n-th stored step."""
    out: Path | None = None
    """Of a run: also write the points of the curves to this CSV file."""
    json_: bool = False
    """Of a run: one JSON object instead of a table."""


def run(argv: list[str], prog: str) -> int:
    """Read a file or a run; 1 if a row was bad or a judge answered nothing."""
    given = parse(Options, argv, prog, positional=("file",))
    is_run = Path(given.file).is_dir()
    _check(given, prog, is_run)
    detector, task = detector_of(given), task_of(given)
    if isinstance(detector, JudgeDetector):
        _estimate(given, detector, task, is_run)
    code = _run(given, detector, task) if is_run else _file(given, detector, task)
    if isinstance(detector, JudgeDetector):
        for line in detector.tally.lines():
            logger.info("%s", line)
        if detector.tally.missing and not detector.tally.answered:
            warn(f"{detector.name}: not one question was answered")
            return 1
    return code


def _check(given: Options, prog: str, is_run: bool) -> None:
    only_runs = {"--out": given.out is not None, "--json": given.json_, "--every": given.every > 1}
    only_files = {"--keep": given.keep, "--table": given.table}
    kind, wrong = ("a run directory", only_files) if is_run else ("a file", only_runs)
    for flag in (flag for flag, used in wrong.items() if used):
        raise ConfigError(f"{prog}: {flag} has no use with {kind}; see {prog} --help")


def _estimate(given: Options, judge: JudgeDetector, task: Task | None, is_run: bool) -> None:
    """Say what the judge will be sent; go on only if that was allowed."""
    allowed = given.yes or given.limit is not None
    if given.file == "-":
        if not allowed:
            raise ConfigError("a judge is about to read stdin, of unknown length; give --yes, or --limit ROWS")
        return
    rehearsal = Rehearsal(judge)
    if is_run:
        _habits_run.curves(Path(given.file), rehearsal, task, given.every, given.limit)
    else:
        with opened(given.file) as file:
            rows = islice(_habits_file.rows_of(jsonl.parse(file), task, verify=False), given.limit)
            result = _habits_file.Result(tally=HabitTally(judge.behaviors), detector=judge.name)
            for _ in _habits_file.read(rows, rehearsal, result, batch=given.batch):
                pass
    if not allowed:
        raise ConfigError(f"{given.file}: this takes {rehearsal.sentence()}; give --yes to go on, or --limit ROWS")
    logger.info("%s: %s", judge.name, rehearsal.sentence())


def _run(given: Options, detector: Detector, task: Task | None) -> int:
    found = _habits_run.curves(Path(given.file), detector, task, given.every, given.limit)
    if given.out is not None:
        _habits_run.write_figure(given.out, found)
    if given.json_:
        write_line(found)
        return 0
    columns, rows = _habits_run.table_rows(found)
    write_table("percent of texts that show it; mean count [95 % intervals over problems]", columns, rows)
    if given.out is not None:
        write_text(f"written: {given.out}")
    return 0


def _file(given: Options, detector: Detector, task: Task | None) -> int:
    name = "stdin" if given.file == "-" else given.file
    result = _habits_file.Result(tally=HabitTally(detector.behaviors), detector=detector.name)
    with opened(given.file) as file:
        verify = given.task is not None
        every = _habits_file.rows_of(jsonl.parse(file), task, verify=verify, keep=given.keep)
        rows = islice(every, given.limit)
        heard = _habits_file.complain(name, rows)
        for row in _habits_file.read(heard, detector, result, batch=given.batch):
            if not given.table:
                write_line(row)
    if given.table:
        _print(result.to_json())
    else:
        write_line({"summary": result.to_json()})
    for sentence in _habits_file.cautions(result):
        warn(f"{name}: {sentence}")
    return 1 if result.errors else 0


def _print(summary: Mapping[str, Any]) -> None:
    columns = ["", "presence, percent", "mean count", f"per 1,000 {summary['unit']}", "given right", "given wrong"]
    title = f"{summary['texts']} texts, {summary['correct']} right, {summary['wrong']} wrong, [95 % intervals]"
    write_table(title, [*columns, "missing"], list(_table_rows(summary)))


def _table_rows(summary: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for name, rates in summary["behaviors"].items():
        given = (percent(rates[f"given_{side}"]["presence"]) for side in ("correct", "wrong"))
        numbers = (number(rates["mean_count"]), number(rates[f"per_1000_{summary['unit']}"]))
        yield name.replace("_", " "), percent(rates["presence"]), *numbers, *given, rates["missing"]
