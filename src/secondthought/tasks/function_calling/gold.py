"""Right answers: the calls that a mode accepts, and how a completion writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from secondthought.tasks.function_calling.judge import RULES, Mode, judge
from secondthought.tasks.function_calling.values import Accepted, Items, Members, Value
from secondthought.tasks.function_calling.wanted import Wanted, WantedArgument, WantedCall
from secondthought.tools.calls import Call, CallReading
from secondthought.tools.writing import write_calls

DECLINED = "None of the functions fits the request."


def right_calls(wanted: Wanted, mode: Mode) -> tuple[Call, ...] | None:
    """Return calls that the mode accepts, in the order of the row; None where a call is wanted and none is accepted."""
    if wanted.any_call:
        found: tuple[Call, ...] = _some_call(wanted)
    else:
        found = tuple(_call(item, mode) for item in wanted.calls)
    return found if judge(CallReading(found), wanted, mode) is None else None


def written(calls: Sequence[Call]) -> str:
    """Write calls as a completion does: JSON between tags, one call after the other."""
    return write_calls(calls) if calls else DECLINED


def example(value: Value) -> Any:
    """Return a JSON value that an accepted value describes; members that may be left out are."""
    if isinstance(value, Items):
        return [example(item[0]) for item in value.items if item]
    if isinstance(value, Members):
        kept = {key: accepted for key, accepted in value.members.items() if key not in value.optional and accepted}
        return {key: example(accepted[0]) for key, accepted in kept.items()}
    return value.value


def _call(wanted: WantedCall, mode: Mode) -> Call:
    arguments: dict[str, Any] = {}
    for name, argument in wanted.arguments.items():
        is_required = name in wanted.signature.required or not argument.may_be_left_out
        if is_required or (argument.listed and argument.listed[0] != ""):
            arguments.update(_argument(name, argument, mode))
    return Call(wanted.name, arguments)


def _argument(name: str, argument: WantedArgument, mode: Mode) -> Mapping[str, Any]:
    """Return the argument with its first value that the mode takes; nothing where there is none."""
    takes = RULES[mode].takes
    return next(({name: value} for value in _examples(argument.accepted) if takes(value, argument)), {})


def _examples(accepted: Accepted) -> Iterator[Any]:
    """Yield values, the empty text last: it mostly says that an argument may be left out."""
    values = [example(one) for one in accepted]
    yield from (value for value in values if value != "")
    yield from (value for value in values if value == "")


def _some_call(wanted: Wanted) -> tuple[Call, ...]:
    """Return a call of the first tool; what it gives for the arguments is not judged."""
    return tuple(Call(name, {}) for name in list(wanted.signatures)[:1])
