"""Right calls, changed systematically: what must be rejected, and what the leaderboard's rules treat their own way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from secondthought.tools.calls import Call

Calls = tuple[Call, ...]


def wrong(calls: Sequence[Call]) -> Iterator[tuple[str, Calls]]:
    """Yield changes after which no mode may accept: names, arguments, values, types, number of calls."""
    calls = tuple(calls)
    yield "dropped call", calls[:-1]
    yield "doubled call", (*calls, calls[-1])
    for place, call in enumerate(calls):
        yield "name", _put(calls, place, Call(f"{call.name}_other", call.arguments))
        yield "extra argument", _with(calls, place, "zz_not_there", 1)
        for name, value in call.arguments.items():
            rest = {key: item for key, item in call.arguments.items() if key != name}
            yield "argument's name", _put(calls, place, Call(call.name, {**rest, f"{name}_zz": value}))
            yield "value", _with(calls, place, name, other_value(value))
            yield "type", _with(calls, place, name, other_type(value))


def missing(calls: Sequence[Call], required: Sequence[Sequence[str]]) -> Iterator[tuple[str, Calls]]:
    """Yield the calls without one of the arguments that each must give."""
    calls = tuple(calls)
    for place, (call, names) in enumerate(zip(calls, required, strict=True)):
        for name in names:
            rest = {key: item for key, item in call.arguments.items() if key != name}
            yield "missing argument", _put(calls, place, Call(call.name, rest))


def odd(calls: Sequence[Call]) -> Iterator[tuple[str, Calls]]:
    """Yield changes that some rules let pass and others do not: marks, case, blanks, kinds of numbers, order."""
    calls = tuple(calls)
    yield "as it is", calls
    yield "reversed", calls[::-1]
    yield "first call only", calls[:1]
    yield "no call", ()
    for place, call in enumerate(calls):
        yield "no arguments", _put(calls, place, Call(call.name, {}))
        yield "dots", _put(calls, place, Call(call.name.replace(".", "_"), call.arguments))
        for name, value in call.arguments.items():
            rest = {key: item for key, item in call.arguments.items() if key != name}
            yield "left out", _put(calls, place, Call(call.name, rest))
            for kind, changed in odd_values(value):
                yield kind, _with(calls, place, name, changed)


def other_value(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return value + 12345
    if isinstance(value, str):
        return f"{value} zzq"
    if isinstance(value, list):
        return [*value, other_value(value[-1]) if value else "zzq"]
    return {**value, "zz_not_there": 1}


def other_type(value: Any) -> Any:
    """Return a value of another type that looks the same."""
    if isinstance(value, (str, bool)) or value is None:
        return [value]
    if isinstance(value, (int, float)):
        return [str(value)]
    return json.dumps(value)


def odd_values(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield values that are near the right one, or nothing, or of any other kind."""
    for empty in ("", None, [], {}, 0, False, True, 1, "1", [""], [[]], [{}]):
        yield f"in its place {json.dumps(empty)}", empty
    yield "as text", str(value)
    yield "in a list", [value]
    yield "in an object", {"value": value}
    if isinstance(value, bool):
        yield "true as 1", int(value)
    elif isinstance(value, (int, float)):
        yield "as float", float(value)
        yield "as integer", int(value)
        yield "rounding", value + 1e-12
        yield "sign", -value
    elif isinstance(value, str):
        yield from _odd_texts(value)
    elif isinstance(value, list):
        yield from _odd_lists(value)
    elif isinstance(value, dict):
        yield from _odd_objects(value)


def _odd_texts(value: str) -> Iterator[tuple[str, Any]]:
    yield "upper case", value.upper()
    yield "no blanks", value.replace(" ", "")
    yield "blanks", f" {value.replace(' ', '  ')} "
    yield "no marks", "".join(letter for letter in value if letter not in ",./-_*^")
    yield "more marks", f"-{value}."
    yield "other quotes", value.replace("'", '"')
    yield "quoted", f"'{value}'"
    if value.lstrip("-").isdigit():
        yield "as number", int(value)


def _odd_lists(value: list[Any]) -> Iterator[tuple[str, Any]]:
    yield "list reversed", value[::-1]
    yield "list cut", value[:-1]
    yield "list doubled", value * 2
    for place, item in enumerate(value[:3]):
        for kind, changed in odd_values(item):
            yield f"item {kind}", [*value[:place], changed, *value[place + 1 :]]


def _odd_objects(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        rest = {name: inner for name, inner in value.items() if name != key}
        yield "member left out", rest
        yield "member renamed", {**rest, f"{key}_zz": item}
        for kind, changed in odd_values(item):
            yield f"member {kind}", {**value, key: changed}


def _put(calls: Calls, place: int, call: Call) -> Calls:
    return (*calls[:place], call, *calls[place + 1 :])


def _with(calls: Calls, place: int, name: str, value: Any) -> Calls:
    call = calls[place]
    return _put(calls, place, Call(call.name, {**call.arguments, name: value}))
