"""The report's tables as plain rows of text and small marks: before and after, controls, comparators, reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from secondthought.report.numbers.gains import Gain, gain, interval, rate
from secondthought.report.numbers.pooled import minus
from secondthought.report.numbers.runs import Arm, Run, get, number
from secondthought.report.page.figures import interval_mark
from secondthought.stats import UNDEFINED, Interval

ABSENT = "-"

TEMPERATURES = (("t1.0", "1"), ("t0.5", "0.5"), ("t0.0", "greedy"))

RATES = (
    ("first_try", "First try"),
    ("second_try", "Second try"),
    ("rescue", "Rescue rate"),
    ("format_valid", "Format valid"),
    ("leak_solution", "Reflections with the full solution"),
    ("leak_first_step", "Reflections with the first step"),
)

CONTROLS = (
    ("oracle", "Oracle's reflection"),
    ("own", "Its own reflection"),
    ("shuffled", "Another problem's reflection"),
    ("fixed", "One fixed general reflection"),
    ("none", "No reflection"),
    ("contrary", "Contrary reflection"),
    ("pass@2", "Independent second sample (pass@2)"),
)


class Cell(NamedTuple):
    """A number to read: the estimate and, smaller, its interval."""

    estimate: str
    span: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table of changes."""

    name: str
    detail: str
    before: Cell
    after: Cell
    change: Cell
    mark: Markup
    p: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """One line of the comparators' table."""

    name: str
    seeds: str
    tokens: str
    second: Cell
    second_seeds: tuple[str, ...]
    first: Cell
    first_seeds: tuple[str, ...]
    mark: Markup


def before_after(run: Run) -> list[Row]:
    """Every rate at every temperature, then reflection length and the rescue rate on the same stored failures."""
    summary = run.summary
    rows = [
        _change(
            name,
            label,
            rate(run, "before", measure, key),
            rate(run, "after", measure, key),
            get(summary, "paired", key, measure),
        )
        for measure, name in RATES
        for key, label in TEMPERATURES
    ]
    stored = get(summary, "stored_rescue")
    paired = get(summary, "paired", "stored_rescue")
    rows.append(_change("Rescue rate, same stored failures", "1", *_pair(stored), paired))
    lengths = [rate(run, when, "reflection_length") for when in ("before", "after")]
    rows.append(_change("Reflection length, tokens", "1", *lengths, percent=False))
    return [row for row in rows if (row.before.estimate, row.after.estimate) != (ABSENT, ABSENT)]


def controls(run: Run) -> list[Row]:
    """The listening table: how often a retry is right after each kind of reflection."""
    table = get(run.summary, "controls")
    rows = [
        _change(
            name,
            f"n = {get(table, 'before', key, 'n') or ABSENT} / {get(table, 'after', key, 'n') or ABSENT}",
            interval(get(table, "before", key)),
            interval(get(table, "after", key)),
        )
        for key, name in CONTROLS
        if get(table, "before", key) or get(table, "after", key)
    ]
    gaps = [
        minus(interval(get(table, when, "oracle")), interval(get(table, when, "shuffled")))
        for when in ("before", "after")
    ]
    return [*rows, _change("Oracle's minus another problem's", "how much it listens", *gaps)] if rows else []


def comparators(arms: Sequence[Arm]) -> list[ArmRow]:
    """One row per arm: the gain after training, seed by seed and over seeds and problems."""
    gains = [(arm, _second_try(arm), gain(arm, "first_try")) for arm in arms]
    shown = [(first if second.missing else second).pooled for _, second, first in gains]
    ends = [end for pooled in shown for end in (pooled.low, pooled.high) if not math.isnan(end)]
    low, high = min(ends, default=0.0), max(ends, default=0.0)
    return [
        ArmRow(
            name=arm.name,
            seeds=", ".join("?" if run.seed is None else str(run.seed) for run in arm.runs),
            tokens=_tokens(arm),
            second=_pooled_cell(second),
            second_seeds=_seeds(second),
            first=_pooled_cell(first),
            first_seeds=_seeds(first),
            mark=interval_mark(drawn, low=min(low, 0.0), high=max(high, 0.0), zero=True),
        )
        for (arm, second, first), drawn in zip(gains, shown, strict=True)
    ]


def _second_try(arm: Arm) -> Gain:
    """Missing where the evaluation plays one try: it would repeat the first."""
    if get(arm.runs[0].config, "evaluation", "tries") == 1:
        return Gain(per_seed=(), pooled=UNDEFINED, num_seeds=arm.num_seeds, missing="one try is played")
    return gain(arm, "second_try")


def reasons(run: Run) -> list[tuple[str, str, str]]:
    """What first tries came to, before and after, as shares; at temperature 1."""
    tables = [_counts(get(run.summary, when, "t1.0", "reasons")) for when in ("before", "after")]
    totals = [sum(table.values()) for table in tables]

    def share(name: str, index: int) -> str:
        return ABSENT if not totals[index] else f"{100 * tables[index].get(name, 0) / totals[index]:.1f}"

    names = sorted({*tables[0], *tables[1]}, key=lambda name: (name != "correct", -tables[0].get(name, 0)))
    return [(name.replace("_", " "), share(name, 0), share(name, 1)) for name in names]


def percent_cell(value: Interval, *, signed: bool = False) -> Cell:
    """A rate in percent, or a difference in points.

    >>> percent_cell(Interval(0.25, 0.2, 0.3)), percent_cell(Interval(0.05, -0.01, 0.11), signed=True).span
    (Cell(estimate='25.0', span='[20.0, 30.0]'), '[-1.0, +11.0]')
    """
    return _cell(value, 100, signed)


def tokens_cell(value: Interval, *, signed: bool = False) -> Cell:
    """A number of tokens."""
    return _cell(value, 1, signed)


def finds_cell(value: Interval, *, signed: bool = False) -> Cell:
    """Finds of a behaviour per text: small numbers."""
    return _cell(value, 1, signed, decimals=2)


def thousands(value: float) -> str:
    """A large whole number, readable.

    >>> thousands(3600000.0), thousands(float("nan"))
    ('3,600,000', '-')
    """
    return ABSENT if math.isnan(value) else f"{value:,.0f}"


def _cell(value: Interval, scale: float, signed: bool, decimals: int = 1) -> Cell:
    if math.isnan(value.estimate):
        return Cell(ABSENT)
    sign = "+" if signed else ""
    # Adding 0.0 turns the -0.0 of a rounded small loss into 0.0.
    low, estimate, high = (
        f"{round(scale * part, decimals) + 0.0:{sign}.{decimals}f}" for part in (value.low, value.estimate, value.high)
    )
    return Cell(estimate, "" if math.isnan(value.low) or math.isnan(value.high) else f"[{low}, {high}]")


def _change(
    name: str, detail: str, before: Interval, after: Interval, paired: Any = None, *, percent: bool = True
) -> Row:
    """A row; where no paired difference was recorded, the unpaired one, whose interval is wider."""
    change = interval(paired)
    if math.isnan(change.estimate):
        change = minus(after, before)
    cell = percent_cell if percent else tokens_cell
    p = number(get(paired, "p"))
    return Row(
        name=name,
        detail=detail,
        before=cell(before),
        after=cell(after),
        change=cell(change, signed=True),
        mark=interval_mark(change, low=-0.5, high=0.5, zero=True) if percent else Markup(""),
        p="" if math.isnan(p) else ("< .001" if p < 0.001 else f"{p:.3f}".lstrip("0")),
    )


def _pair(table: Any) -> tuple[Interval, Interval]:
    return interval(get(table, "before")), interval(get(table, "after"))


def _pooled_cell(result: Gain) -> Cell:
    return percent_cell(result.pooled, signed=True)


def _seeds(result: Gain) -> tuple[str, ...]:
    return tuple(percent_cell(one, signed=True).estimate for _, one in result.per_seed)


def _tokens(arm: Arm) -> str:
    counts = [number(get(run.summary, "tokens_sampled")) for run in arm.runs]
    return thousands(sum(counts) / len(counts))


def _counts(table: Any) -> dict[str, float]:
    return {str(name): number(count) for name, count in table.items()} if isinstance(table, Mapping) else {}
