"""The results of a run as rows of a table: before, after and their difference, with bounds and corrected p-values.

The terminal and the model card show the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from secondthought.stats import holm

P_COLUMN = "p (Holm)"
"""The heading of p-values that are corrected for how many stand in their table."""
COLUMNS = ("", "before", "after", "after - before", P_COLUMN)
"""The headings of `before_after`."""


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


def _row(label: str, before: Any, after: Any, difference: Mapping[str, Any]) -> tuple[str, str, str, str, Any]:
    return label, percent(before), percent(after), percent(difference, "+"), difference.get("p")
