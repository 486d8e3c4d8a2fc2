"""Equality of JSON values: 1 is 1.0, true is no number, and the order of members is no difference."""

from __future__ import annotations

from typing import Any


def same_json(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are one.

    >>> same_json({"a": [1]}, {"a": [1.0]}), same_json(True, 1), same_json([], {})
    (True, False, False)
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
