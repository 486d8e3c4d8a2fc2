"""Numbers are put for people: estimates with their bounds, and a run's table of before, after and the difference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from secondthought.cli.output import write_table, write_text
from secondthought.progress.display import duration
from secondthought.runs.directory import RunDirectory
from secondthought.stats import holm

P_COLUMN = "p (Holm)"
"""The heading of p-values that are corrected for how many stand in their table."""


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
        write_table("test problems, percent", ["", "before", "after", "after - before", P_COLUMN], rows)
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


def before_after(summary: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return a row per temperature and try, then one for the failures that were kept, as far as a summary has them."""
    return with_holm(_before_after(summary))


def with_holm(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the rows of a table with their p-values, which stand last, corrected for how many there are.

    >>> with_holm([("a", 0.01), ("b", None), ("c", 0.04)])
    [('a', 0.02), ('b', None), ('c', 0.04)]
    """
    found = list(rows)
    corrected = holm([math.nan if row[-1] is None else row[-1] for row in found])
    return [(*row[:-1], None if math.isnan(p) else p) for row, p in zip(found, corrected, strict=True)]


def _before_after(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, Any]]:
    for name, paired in (summary.get("paired") or {}).items():
        if name == "stored_rescue":
            sides = summary.get("stored_rescue") or {}
            yield _row("rescue of the same failures", sides.get("before"), sides.get("after"), paired)
            continue
        for rate, difference in paired.items():
            before, after = ((summary.get(side) or {}).get(name, {}).get(rate) for side in ("before", "after"))
            yield _row(f"{rate.replace('_', ' ')}, temperature {name.removeprefix('t')}", before, after, difference)


def percent(value: Any, sign: str = "") -> str:
    """Return an estimate and its bounds, as JSON holds them, in percent.

    >>> percent({"estimate": 0.5, "low": 0.4, "high": 0.6}), percent({"estimate": None}), percent(None)
    ('50.0 [40.0, 60.0]', '-', '-')
    """
    if not isinstance(value, Mapping) or value.get("estimate") is None:
        return "-"
    bounds = (value.get(name) for name in ("low", "high"))
    shown = ", ".join("-" if bound is None else f"{100 * bound:{sign}.1f}" for bound in bounds)
    return f"{100 * value['estimate']:{sign}.1f} [{shown}]"


def number(value: Any) -> str:
    """Return an estimate and its bounds, as JSON holds them, for what is no share.

    >>> number({"estimate": 0.5, "low": 0.25, "high": None}), number(None)
    ('0.5 [0.25, -]', '-')
    """
    if not value or value.get("estimate") is None:
        return "-"
    low, high = ("-" if value[name] is None else f"{value[name]:.3g}" for name in ("low", "high"))
    return f"{value['estimate']:.3g} [{low}, {high}]"


def flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested tables as rows of a dotted name and a value.

    >>> flat({"a": {"b": 1}, "c": 2})
    [('a.b', 1), ('c', 2)]
    """
    if not isinstance(value, Mapping):
        return [(prefix or "-", value)]
    return [row for name, item in value.items() for row in flat(item, f"{prefix}.{name}" if prefix else str(name))]


def _row(label: str, before: Any, after: Any, difference: Mapping[str, Any]) -> tuple[str, str, str, str, Any]:
    return label, percent(before), percent(after), percent(difference, "+"), difference.get("p")
