"""A run's results are put for people: its table of before and after, and nested tables as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from secondthought.cli.output import write_table, write_text
from secondthought.progress.display import duration
from secondthought.runs.directory import RunDirectory
from secondthought.runs.endings import cautions
from secondthought.runs.result_rows import COLUMNS, before_after


def print_summary(run_dir: Path, summary: Mapping[str, Any]) -> None:
    """Print the before/after table of a run, and where its report is."""
    _print_before_after(summary)
    report = run_dir / "report.html"
    write_text(f"run: {run_dir}" + (f"\nreport: {report}" if report.is_file() else ""))


def print_run(run_dir: Path, found: Mapping[str, Any]) -> None:
    """Print what a run was, its before/after table, what it took, and where its checkpoints are."""
    row, config = found["run"], found["config"]
    task = config.get("task")
    task = task.get("name") if isinstance(task, Mapping) else task
    write_text(
        f"{run_dir}: {row['arm']}{f' on {task}' if task else ''}, model {_in(config, 'model', 'path')},"
        f" seed {row['seed']}; {row['status']} after {row['steps']} steps"
    )
    if not _print_before_after(found["summary"]) and row["status"] != "finished":
        write_text("no result yet; the command that began it goes on with --resume")
    facts = list(_facts(run_dir, found))
    if facts:
        write_table("", ["", ""], facts)


def _print_before_after(summary: Mapping[str, Any]) -> bool:
    rows = before_after(summary)
    if rows:
        write_table("test problems, percent", COLUMNS, rows)
    for sentence in cautions(summary):
        write_text(f"note: {sentence}")
    return bool(rows)


def _facts(run_dir: Path, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    summary, last = found["summary"], found["last_metrics"] or {}
    tokens = summary.get("tokens_sampled", last.get("tokens/sampled"))
    if tokens is not None:
        yield "tokens sampled", f"{tokens:,.0f}"
    if summary.get("tokens_learned") is not None:
        yield "tokens learned", f"{summary['tokens_learned']:,.0f}"
    for name in ("eval_loss_before", "eval_loss_after", "loss"):
        if summary.get(name) is not None:
            yield name.replace("eval_", "held-out ").replace("_", " "), f"{summary[name]:.4g}"
    if summary.get("seconds") is not None:
        yield "time of the steps", duration(summary["seconds"])
    for name in ("best", "last"):
        pointer = found["checkpoints"][name]
        if pointer is not None:
            yield (
                f"{name} checkpoint",
                f"step {pointer['step']}: {RunDirectory(run_dir).checkpoints.at(pointer['step'])}",
            )
    for name in ("model", "report.html"):
        if (run_dir / name).exists():
            yield name.partition(".")[0], str(run_dir / name)


def _in(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return "?" if value is None else value


def flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested tables as rows of a dotted name and a value.

    >>> flat({"a": {"b": 1}, "c": 2})
    [('a.b', 1), ('c', 2)]
    """
    if not isinstance(value, Mapping):
        return [(prefix or "-", value)]
    return [row for name, item in value.items() for row in flat(item, f"{prefix}.{name}" if prefix else str(name))]
