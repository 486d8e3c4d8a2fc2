"""Tables of the report are plain rows of text and small marks: before and after, controls, arms, reasons, facts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from markupsafe import Markup

from secondthought.report.numbers.gains import TEMPERATURE, Gain, gain, gain_of_run, interval, rate
from secondthought.report.numbers.pooled import minus
from secondthought.report.numbers.runs import UNKNOWN, Arm, Run, get, number
from secondthought.report.page.figures import interval_mark
from secondthought.stats import Interval, holm

ABSENT = "-"

TEMPERATURES = {"t1.0": "1", "t0.5": "0.5", "t0.0": "greedy"}

RATES = {
    "first_try": "First try",
    "second_try": "Second try",
    "rescue": "Rescue rate",
    "format_valid": "Format valid",
    "leak_solution": "Reflections with the full solution",
    "leak_first_step": "Reflections with the first step",
    "reflection_leak": "Reflections that hold the right answer",
    "feedback_leak": "Feedback that holds the right answer",
}

NOT_SHOWN = {
    *("format_valid_retry", "truncated", "reflection_length", "leak_none"),
    *("reasons", "habits", "attempt_length"),
}
"""Rates of a summary that the table leaves out; one that a run measured besides is shown by its own name."""

CONTROLS = {
    "oracle": "Oracle's reflection",
    "own": "Its own reflection",
    "shuffled": "Another problem's reflection",
    "fixed": "One fixed general reflection",
    "none": "No reflection",
    "contrary": "Contrary reflection",
    "pass@2": "Independent second sample (pass@2)",
}


class Cell(NamedTuple):
    """A `Cell` is a number to read: the estimate and, smaller, its interval."""

    estimate: str
    span: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A `ChangeRow` is one line of a table of changes."""

    name: str
    detail: str
    before: Cell
    after: Cell
    change: Cell
    mark: Markup
    p_value: float = math.nan
    """Of the paired test by itself."""
    p: str = ""
    """As the table shows it, corrected for the number of tests in it (Holm)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """An `ArmRow` is one line of the table of arms."""

    name: str
    seeds: str
    tokens: str
    second: Cell
    second_seeds: tuple[str, ...]
    first: Cell
    first_seeds: tuple[str, ...]
    mark: Markup


def before_after(run: Run) -> list[ChangeRow]:
    """Return rows of every rate at every temperature, of the rescue rate on stored failures, and of lengths."""
    sides = [get(run.summary, when, TEMPERATURE) for when in ("before", "after")]
    names = _named({**RATES, **dict.fromkeys(NOT_SHOWN, "")}, *sides)
    rows = [_rate_row(run, measure, name, key) for measure, name in names.items() if name for key in TEMPERATURES]
    stored, paired = get(run.summary, "stored_rescue"), get(run.summary, "paired", "stored_rescue")
    before, after = (interval(get(stored, when)) for when in ("before", "after"))
    rescue = _change("Rescue rate, same stored failures", "1", before, after, paired)
    rows.append(replace(rescue, p_value=number(get(paired, "p"))))
    lengths = [rate(run, when, "reflection_length") for when in ("before", "after")]
    rows.append(_change("Reflection length, tokens", "1", *lengths, percent=False))
    return _tested([row for row in rows if (row.before.estimate, row.after.estimate) != (ABSENT, ABSENT)])


def reflections(run: Run) -> list[ChangeRow]:
    """Return rows of the quality of own reflections; nothing of a run that did not measure it."""
    before, after = (get(run.summary, when, TEMPERATURE, "reflections") for when in ("before", "after"))
    return [
        _change(name, _problems(get(before, key, "n"), get(after, key, "n")), *map(interval, pair))
        for key, name in _named({"length": ""}, before, after).items()
        if (pair := (get(before, key), get(after, key))) and name and any(get(one, "n") for one in pair)
    ]


def bars(run: Run) -> list[tuple[str, str]]:
    """Return what the controls say of own reflections, before and after."""
    found = [(when, get(run.summary, "bars", when, "says")) for when in ("before", "after")]
    return [(when, says) for when, says in found if isinstance(says, str)]


def controls(run: Run) -> list[ChangeRow]:
    """Return the listening table: how often a retry is right after each kind of reflection."""
    before, after = get(run.summary, "controls", "before"), get(run.summary, "controls", "after")
    rows = [
        _change(
            name,
            _problems(get(before, key, "n"), get(after, key, "n")),
            interval(get(before, key)),
            interval(get(after, key)),
        )
        for key, name in _named(CONTROLS, before, after).items()
        if get(before, key) or get(after, key)
    ]
    gaps = [_listening(run, when) for when in ("before", "after")]
    return [*rows, _change("Oracle's minus another problem's", "how much it listens", *gaps)] if rows else []


def _problems(before: Any, after: Any) -> str:
    """Say on how many problems a control was played.

    >>> _problems(829, 825), _problems(829, None)
    ('829 / 825', '829 before')
    """
    known = [(count, when) for count, when in ((before, "before"), (after, "after")) if count]
    return f"{before} / {after}" if len(known) == 2 else "".join(f"{count} {when}" for count, when in known)


def _listening(run: Run, when: str) -> Interval:
    """Return the paired difference on the same failures; of an early run, which did not record it, an unpaired one."""
    paired, rates = interval(get(run.summary, "listening", when)), get(run.summary, "controls", when)
    if paired.is_bounded:
        return paired
    return minus(interval(get(rates, "oracle")), interval(get(rates, "shuffled")))


def comparators(arms: Sequence[Arm]) -> list[ArmRow]:
    """Return one row per arm: the gain after training, seed by seed and over seeds and problems."""
    gains = [(_second_try(arm), gain(arm, "first_try")) for arm in arms]
    shown = [(first if second.missing else second).pooled for second, first in gains]
    ends = [end for pooled in shown for end in (pooled.low, pooled.high) if not math.isnan(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    return [
        ArmRow(
            name=arm.name,
            seeds=seed_names(arm),
            tokens=_tokens(arm),
            second=_pooled_cell(second),
            second_seeds=_seeds(second),
            first=_pooled_cell(first),
            first_seeds=_seeds(first),
            mark=interval_mark(drawn, low=low, high=high, zero=True),
        )
        for arm, (second, first), drawn in zip(arms, gains, shown, strict=True)
    ]


def seed_names(arm: Arm) -> str:
    """Name the seeds of an arm."""
    return ", ".join(seed_name(run.seed) for run in arm.runs)


def seed_name(seed: int | None) -> str:
    """Name a seed, which a run may lack."""
    return UNKNOWN if seed is None else str(seed)


def _second_try(arm: Arm) -> Gain:
    """Return the gain of second tries; missing where the evaluation plays one try, since it would repeat the first."""
    if get(arm.runs[0].config, "evaluation", "tries") == 1:
        return Gain.without("one try is played", arm.num_seeds)
    return gain(arm, "second_try")


def reasons(run: Run) -> list[tuple[str, str, str]]:
    """Return what first tries came to, before and after, as shares; at temperature 1."""
    tables = [_counts(get(run.summary, when, "t1.0", "reasons")) for when in ("before", "after")]
    totals = [sum(table.values()) for table in tables]

    def share(name: str, index: int) -> str:
        return ABSENT if not totals[index] else f"{100 * tables[index].get(name, 0) / totals[index]:.1f}"

    # By name where as many: the order of a set differs from process to process.
    names = sorted({*tables[0], *tables[1]}, key=lambda name: (name != "correct", -tables[0].get(name, 0), name))
    return [(name.replace("_", " "), share(name, 0), share(name, 1)) for name in names]


def percent_cell(value: Interval, *, signed: bool = False) -> Cell:
    """Write a rate in percent, or a difference in points.

    >>> percent_cell(Interval(0.25, 0.2, 0.3)), percent_cell(Interval(0.05, -0.01, 0.11), signed=True).span
    (Cell(estimate='25.0', span='[20.0, 30.0]'), '[-1.0, +11.0]')
    """
    return _cell(value, 100, signed)


def tokens_cell(value: Interval, *, signed: bool = False) -> Cell:
    """Write a number of tokens."""
    return _cell(value, 1, signed)


def finds_cell(value: Interval, *, signed: bool = False) -> Cell:
    """Write finds of a habit per text: small numbers."""
    return _cell(value, 1, signed, decimals=2)


def thousands(value: float) -> str:
    """Write a large whole number, readable.

    >>> thousands(3600000.0), thousands(float("nan"))
    ('3,600,000', '-')
    """
    return ABSENT if math.isnan(value) else f"{value:,.0f}"


def _cell(value: Interval, scale: float, signed: bool, decimals: int = 1) -> Cell:
    if not value.is_defined:
        return Cell(ABSENT)
    sign = "+" if signed else ""
    # Adding 0.0 turns the -0.0 of a rounded small loss into 0.0.
    low, estimate, high = (
        f"{round(scale * part, decimals) + 0.0:{sign}.{decimals}f}" for part in (value.low, value.estimate, value.high)
    )
    return Cell(estimate, f"[{low}, {high}]" if value.is_bounded else "")


def _change(
    name: str, detail: str, before: Interval, after: Interval, paired: Any = None, *, percent: bool = True
) -> ChangeRow:
    """Build a row; where no paired difference was recorded, with the unpaired one, whose interval is wider."""
    change = paired if isinstance(paired, Interval) else interval(paired)
    if not change.is_bounded:
        change = minus(after, before)
    cell = percent_cell if percent else tokens_cell
    return ChangeRow(
        name=name,
        detail=detail,
        before=cell(before),
        after=cell(after),
        change=cell(change, signed=True),
        mark=interval_mark(change, low=-0.5, high=0.5, zero=True) if percent else Markup(""),
    )


def _tested(rows: Sequence[ChangeRow]) -> list[ChangeRow]:
    """Show the p-values of a table, corrected for how many stand in it."""
    return [replace(row, p=_p_text(p)) for row, p in zip(rows, holm([row.p_value for row in rows]), strict=True)]


def _p_text(p: float) -> str:
    return "" if math.isnan(p) else ("< .001" if p < 0.001 else f"{p:.3f}".lstrip("0"))


def _named(known: Mapping[str, str], *records: Any) -> dict[str, str]:
    """Return the known names by key, and after them, by their own keys, what the records hold besides."""
    keys = [key for record in records if isinstance(record, Mapping) for key in record]
    return {**known, **{key: key.replace("_", " ").capitalize() for key in keys if key not in known}}


def _rate_row(run: Run, measure: str, name: str, temperature: str) -> ChangeRow:
    recorded = get(run.summary, "paired", temperature, measure)
    row = _change(
        name,
        TEMPERATURES[temperature],
        rate(run, "before", measure, temperature),
        rate(run, "after", measure, temperature),
        _paired(run, measure, temperature) if recorded else None,
    )
    return replace(row, p_value=number(get(recorded, "p")))


def _paired(run: Run, measure: str, temperature: str) -> Interval:
    """Return the difference as everywhere in the report, from the problems where the run kept them."""
    return gain_of_run(run, "first_try" if measure == "first_try" else "second_try", temperature=temperature)


def _pooled_cell(result: Gain) -> Cell:
    return percent_cell(result.pooled, signed=True)


def _seeds(result: Gain) -> tuple[str, ...]:
    return tuple(percent_cell(one, signed=True).estimate for _, one in result.per_seed)


def _tokens(arm: Arm) -> str:
    counts = [number(get(run.summary, "tokens_sampled")) for run in arm.runs]
    return thousands(sum(counts) / len(counts))


def _counts(table: Any) -> dict[str, float]:
    return {str(name): number(count) for name, count in table.items()} if isinstance(table, Mapping) else {}
