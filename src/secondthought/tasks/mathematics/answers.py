"""Formulas are compared by `math-verify`, in the process that `bounded.calls` begins; needs the extra `math`."""

from __future__ import annotations

import logging

try:
    from math_verify import parse, verify
except ImportError:
    raise ImportError("comparing formulas needs math-verify: pip install 'secondthought[math]'") from None

logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it reports what it cannot read, which here is a verdict


def compare(wanted: str, said: str) -> str:
    """Return `correct`, `wrong`, or `unreadable` where no formula can be read in what was said.

    Nothing has a time limit here: the library's own uses signals, and the process has one.
    """
    found = _read(said)
    if not found:
        return "unreadable"
    gold = _read(wanted)
    right = bool(gold) and verify(gold, found, timeout_seconds=None)
    return "correct" if right else "wrong"


def _read(formula: str) -> list[object]:
    marked = formula if "$" in formula or "\\boxed" in formula else f"${formula}$"
    found = parse(marked, parsing_timeout=None) or parse(formula, parsing_timeout=None)
    return list(found)
