"""What a problem wants, as records: its tools' signatures and the calls that answer it, with all accepted values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secondthought.tasks.function_calling.signatures import ANY, Parameter, Signature
from secondthought.tasks.function_calling.values import Accepted, from_accepted, from_plain


@dataclass(frozen=True, slots=True)
class WantedArgument:
    """A `WantedArgument` holds what a call may give for an argument.

    `listed` is the list as BFCL writes it, where an empty text means that the argument may be left out.
    """

    accepted: Accepted
    listed: tuple[Any, ...]
    may_be_left_out: bool
    parameter: Parameter


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A `WantedCall` is one call that the request needs."""

    name: str
    arguments: Mapping[str, WantedArgument]
    signature: Signature


@dataclass(frozen=True, slots=True)
class Wanted:
    """`Wanted` is what a problem wants: these calls in any order; none; or, with `any_call`, a call of some tool."""

    signatures: Mapping[str, Signature]
    calls: tuple[WantedCall, ...]
    any_call: bool = False


def plain_call(name: str, arguments: Mapping[str, Any], signatures: Mapping[str, Signature]) -> WantedCall:
    """Return the call that a row states outright: each argument with its one value.

    The row knows its tool better than the tool's declaration does: what it leaves out is not required, what it gives is
    a parameter.
    """
    stated = signatures.get(name) or Signature(name, {}, ())
    required = tuple(key for key in stated.required if key in arguments)
    own = Signature(name, {**dict.fromkeys(arguments, ANY), **stated.parameters}, required)
    wanted = {}
    for key, value in arguments.items():
        parameter = own.parameters.get(key, ANY)
        wanted[key] = WantedArgument(from_plain(value, parameter), (_listed(value),), False, parameter)
    return WantedCall(name, wanted, own)


def accepted_call(name: str, arguments: Mapping[str, Any], signatures: Mapping[str, Signature]) -> WantedCall:
    """Return the call that a BFCL row describes: each argument with the list of its accepted values."""
    own = signatures.get(name) or Signature(name, {}, ())
    wanted = {}
    for key, value in arguments.items():
        listed = tuple(value) if isinstance(value, list) else (value,)
        parameter = own.parameters.get(key, ANY)
        wanted[key] = WantedArgument(from_accepted(listed, parameter), listed, "" in listed, parameter)
    return WantedCall(name, wanted, own)


def _listed(value: Any) -> Any:
    """Write a plain value as BFCL lists it: members of an object, and of objects in a list, are lists themselves."""
    if isinstance(value, Mapping):
        return {key: [item] for key, item in value.items()}
    if isinstance(value, list):
        return [_listed(item) if isinstance(item, Mapping) else item for item in value]
    return value
