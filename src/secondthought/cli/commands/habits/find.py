"""`secondthought habits FILE|RUN` finds habits in texts: which, where, how often, and over the steps of a run."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought import jsonl
from secondthought.cli.detectors import DetectorOptions, detector_of, task_of
from secondthought.cli.errors import warn
from secondthought.cli.input import counted, name_of, opened, say_where_from, size_of
from secondthought.cli.options import parse
from secondthought.cli.output import is_for_people, write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.errors import ConfigError
from secondthought.habits.judge.detector import JudgeDetector
from secondthought.habits.judge.rehearsal import Rehearsal
from secondthought.habits.rows import TextRow, TextTotals, detected, text_rows
from secondthought.progress import SILENT, Onlooker
from secondthought.progress.display import Display
from secondthought.protocols import Detector, Task
from secondthought.runs.result_rows import number, percent

_PICKED = (
    "what the reward picks: right with the habit minus right without it, points, within groups of the stored steps"
)

logger = logging.getLogger(__name__)


class Options(DetectorOptions, ProgressFlags):
    """Find behaviours in texts: rows {"completion": "..."} or {"text": "..."} in, counts and spans out.

    Each row becomes {"index", "counts": {behavior: number or null}, "spans": [{behavior, start, end, text}]}; null is
    what the detector could not tell. A bad row becomes {"index", "error"}, the rest is still done, and the exit code is
    1. The last line is {"summary": {...}}. Of a run directory, every stored step and evaluation is read instead, and
    two tables are printed: how often habits show, and which of them the reward picked. --options.NAME VALUE sets
    options of the task's own.
    """

    file: str = "-"
    """JSON lines, - for stdin; or a run directory."""
    keep: bool = False
    """Keep the other fields of each row."""
    table: bool = False
    """The summary of a file as a table, in place of JSON lines; in a terminal it is one anyway."""
    every: int = Field(1, ge=1)
    """Of a run: read every n-th stored step."""
    out: Path | None = None
    """Of a run: also write the points of the curves to this CSV file."""
    json_: bool = False
    """JSON in a terminal too: lines of a file, one object of a run."""


def run(argv: list[str], prog: str) -> int:
    """Read a file or a run; return 1 if a row was bad or a judge answered nothing."""
    given = parse(Options, argv, prog, positional=("file",), aliases={"--model": "--judge-model"})
    is_run = Path(given.file).is_dir()
    _check(given, prog, is_run)
    detector, task = detector_of(given), task_of(given)
    say_where_from(given.file)
    requests = _estimate(given, detector, task, is_run) if isinstance(detector, JudgeDetector) else None
    code = _run(given, detector, task, requests) if is_run else _file(given, detector, task, requests)
    if isinstance(detector, JudgeDetector):
        for line in detector.tally.lines():
            logger.info("%s", line)
        if detector.tally.missing and not detector.tally.answered:
            warn(f"{detector.name}: not one question was answered")
            return 1
    return code


def _check(given: Options, prog: str, is_run: bool) -> None:
    only_runs = {"--out": given.out is not None, "--every": given.every > 1}
    if given.json_ and given.table:
        raise ConfigError(f"{prog}: --json and --table contradict each other; give one of them")
    only_files = {"--keep": given.keep, "--table": given.table}
    kind, wrong = ("a run directory", only_files) if is_run else ("a file", only_runs)
    for flag in (flag for flag, used in wrong.items() if used):
        raise ConfigError(f"{prog}: {flag} has no use with {kind}; see {prog} --help")


def _estimate(given: Options, judge: JudgeDetector, task: Task | None, is_run: bool) -> int | None:
    """Say what the judge will be sent, and return how many requests; go on only if that was allowed."""
    allowed = given.yes or given.limit is not None
    if given.file == "-":
        if not allowed:
            raise ConfigError("a judge is about to read stdin, of unknown length; give --yes, or --limit ROWS")
        return None
    rehearsal = Rehearsal(judge)
    if is_run:
        _curves(given, rehearsal, task, SILENT)
    else:
        with opened(given.file) as file:
            rows = islice(text_rows(jsonl.parse(file), task, verify=False), given.limit)
            for _ in detected(rows, rehearsal, TextTotals.of(rehearsal), batch=given.batch):
                pass
    if not allowed:
        raise ConfigError(f"{given.file}: this takes {rehearsal.sentence()}; give --yes to go on, or --limit ROWS")
    logger.info("%s: %s", judge.name, rehearsal.sentence())
    return rehearsal.requests


@contextmanager
def _watched(given: Options, detector: Detector, requests: int | None, *, writes_lines: bool) -> Iterator[Display]:
    """Open the display; a judge tells it of each answer."""
    with progress(given, writes_lines=writes_lines) as shown:
        if isinstance(detector, JudgeDetector):
            with shown.stage(f"requests to {detector.name}", requests) as stage:
                detector.stage = stage
                yield shown
        else:
            yield shown


def _run(given: Options, detector: Detector, task: Task | None, requests: int | None) -> int:
    with _watched(given, detector, requests, writes_lines=False) as shown:
        found = _curves(given, detector, task, SILENT if isinstance(detector, JudgeDetector) else shown)
    if given.out is not None:
        from secondthought.report.numbers.habits_of_run import write_csv

        write_csv(given.out, found)
    if given.json_:
        write_line(found)
        return 0
    columns, rows = _points_table(found)
    write_table("percent of texts that show it; mean count [95 % intervals over problems]", columns, rows)
    if found["picked"]:  # a run that stored no steps has evaluations alone
        write_table(_PICKED, ["turn", "texts", *_names(found["points"][0])], list(_picked_rows(found["picked"])))
    if given.out is not None:
        write_text(f"written: {given.out}")
    return 0


def _curves(given: Options, detector: Detector, task: Task | None, onlooker: Onlooker) -> dict[str, Any]:
    from secondthought.report.numbers.habits_of_run import habits_of_run  # here, so that --help does without jinja2

    return habits_of_run(Path(given.file), detector, task, every=given.every, most=given.limit, onlooker=onlooker)


def _file(given: Options, detector: Detector, task: Task | None, requests: int | None) -> int:
    name, totals = name_of(given.file), TextTotals.of(detector)
    table = given.table or is_for_people(given.json_)
    with opened(given.file) as file, _watched(given, detector, requests, writes_lines=not table) as shown:
        onlooker = SILENT if isinstance(detector, JudgeDetector) else shown
        with onlooker.stage(name, size_of(given.file) if given.limit is None else None, "bytes") as stage:
            lines = jsonl.parse(counted(file, stage))
            rows = text_rows(lines, task, verify=given.task is not None, keep=given.keep)
            named = _complaining(name, islice(rows, given.limit))
            for row in detected(named, detector, totals, batch=given.batch):
                if not table:
                    write_line(row)
    if table:
        _print_rates(totals.to_json())
    else:
        write_line({"summary": totals.to_json()})
    for sentence in totals.cautions():
        warn(f"{name}: {sentence}")
    return 1 if totals.errors else 0


def _complaining(name: str, rows: Iterable[TextRow]) -> Iterator[TextRow]:
    """Pass rows on, and name the bad ones on stderr."""
    for row in rows:
        if row.error is not None:
            warn(f"{name}, line {row.number}: {row.error}")
        yield row


def _print_rates(summary: Mapping[str, Any]) -> None:
    columns = ["", "presence, percent", "mean count", f"per 1,000 {summary['unit']}", "given right", "given wrong"]
    title = f"{summary['texts']} texts, {summary['correct']} right, {summary['wrong']} wrong, [95 % intervals]"
    write_table(title, [*columns, "missing"], list(_rates_rows(summary)))


def _rates_rows(summary: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for name, rates in summary["behaviors"].items():
        given = (percent(rates[f"given_{side}"]["presence"]) for side in ("correct", "wrong"))
        numbers = (number(rates["mean_count"]), number(rates[f"per_1000_{summary['unit']}"]))
        yield name.replace("_", " "), percent(rates["presence"]), *numbers, *given, rates["missing"]


def _points_table(found: Mapping[str, Any]) -> tuple[list[str], list[Sequence[Any]]]:
    """Return columns and rows of a run's points: presence, and beside it the mean count."""
    columns = ["", "turn", "texts", "right", "tokens", *_names(found["points"][0])]
    rows: list[Sequence[Any]] = []
    for point in found["points"]:
        place = point["source"] if point["step"] is None else f"step {point['step']}"
        cells = [_cell(rates) for rates in point["behaviors"].values()]
        accuracy, tokens = percent(point["accuracy"]), point["tokens"]["estimate"]
        rows.append([place, point["turn"], point["texts"], accuracy, f"{tokens:.1f}", *cells])
    return columns, rows


def _picked_rows(picked: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for of_turn in picked:
        yield of_turn["turn"], of_turn["texts"], *(percent(each, "+") for each in of_turn["behaviors"].values())


def _names(point: Mapping[str, Any]) -> list[str]:
    return [name.replace("_", " ") for name in point["behaviors"]]


def _cell(rates: Mapping[str, Any]) -> str:
    missing = f", {rates['missing']} missing" if rates["missing"] else ""
    return f"{percent(rates['presence'])}; {number(rates['mean_count'])}{missing}"
