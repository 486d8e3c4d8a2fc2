"""The rules of the Berkeley Function Calling Leaderboard (bfcl-eval 2026.3.23) for one call, its faults included.

Written anew from the rules of its checker (Apache-2.0, github.com/ShishirPatil/gorilla), for Python's single-turn
entries; `evidence/function_calling` holds both against each other. What the rules get wrong is kept, so that a number
is the leaderboard's number; `strict` mends it. Kept faults:

- texts lose blanks and `,./-_*^` before they are compared: -5 passes for "5", 1.5 for "15";
- True passes for 1 inside lists and objects, and whole lists of integers never pass for floats;
- an empty list passes where an empty text says that the argument may be left out;
- upper and lower case are one in a text and in a list of texts, and two in a list of lists.

Where that checker would stop with an error of its own, the call is wrong here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from secondthought.tasks.function_calling.signatures import ANY, Kind, Parameter
from secondthought.tasks.function_calling.values import MAX_CHARS
from secondthought.tasks.function_calling.wanted import WantedArgument

_TYPES: dict[Kind, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_DELETED = str.maketrans(dict.fromkeys(" ,./-_*^") | {"'": '"'})


def passes(value: Any, argument: WantedArgument) -> bool:
    """Tell whether the leaderboard's checker takes a value for an argument."""
    try:
        return _passes(value, argument.listed, argument.parameter)
    except (TypeError, AttributeError, OverflowError, RecursionError):  # where that checker would stop
        return False


def folded(value: Any) -> Any:
    """Return a text without blanks and marks, in lower case; any other value as it is.

    >>> folded("April 1, 2024"), folded("x^2") == folded("x*2"), folded(5)
    ('april12024', True, 5)
    """
    if not isinstance(value, str):
        return value
    return value.translate(_DELETED).lower() if len(value) <= MAX_CHARS else value


def _passes(value: Any, listed: Sequence[Any], parameter: Parameter) -> bool:
    kind = _TYPES[parameter.kind]
    item = _TYPES[(parameter.item or ANY).kind] if parameter.kind in ("array", "tuple") else None
    if parameter.kind == "float" and type(value) is int:
        value = float(value)
    stands_for = _stands_for(value, listed, kind, item)
    if stands_for is None:
        return False
    if not stands_for:
        if kind is dict:
            return any(_object_passes(value, one) for one in listed if one != "")
        if kind is list and item is dict:
            return any(_objects_pass(value, one) for one in listed)
        if kind is str:
            return folded(value) in [folded(one) for one in listed if isinstance(one, str)]
        if kind is list:
            return [folded(one) for one in value] in [[folded(each) for each in one] for one in listed]
    return value in listed


def _stands_for(value: Any, listed: Sequence[Any], kind: type[Any], item: type[Any] | None) -> bool | None:
    """Tell how a value's type is taken: False as declared, True as a variable of another type, None not at all.

    A value of another type than declared is a variable where the first accepted value has that type.
    """
    first = _first_type(listed)
    if type(value) is kind:
        fits = item is None or _items_fit(value, listed, item)
        return first is not None and first is not kind if fits else None
    return True if first is not None and type(value) is first else None


def _items_fit(value: Sequence[Any], listed: Sequence[Any], item: type) -> bool:
    """Tell whether a list's items have a type that one of the accepted lists allows; what is no list allows all."""
    return any(
        type(one) is not list or all(type(each) is item or type(each) is _first_type(one) for each in value)
        for one in listed
    )


def _first_type(listed: Sequence[Any]) -> type | None:
    return next((type(one) for one in listed if one != ""), None)


def _objects_pass(value: Sequence[Any], listed: Sequence[Any]) -> bool:
    return len(value) == len(listed) and all(
        one != "" and _object_passes(given, one) for given, one in zip(value, listed, strict=True)
    )


def _object_passes(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether an object has accepted members only, and all that may not be left out."""
    for key, given in value.items():
        if key not in wanted or folded(given) not in [folded(one) for one in wanted[key]]:
            return False
    return all(key in value or "" in accepted for key, accepted in wanted.items())
