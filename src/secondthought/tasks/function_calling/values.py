"""The accepted values of an argument, made ready once for many comparisons; `exact` and `strict` look at them.

A value is compared as JSON: nothing is executed, nothing converted. `exact` takes a value of the same type only, to the
last character. `strict` takes what BFCL's rules mean by the same value, at any depth:

- text: upper and lower case are one, so are the two kinds of quotes; blanks count only between two words, where one or
  many are the same. No mark is dropped.
- numbers: by value, within rounding (relative 1e-9), where the tool declares a float or nothing; an integer where it
  declares one. True and false are no numbers.
- lists: in order; objects: the accepted keys, of which those that may be left out are marked so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from secondthought.tasks.function_calling.signatures import ANY, Parameter

ROUNDING = 1e-9
"""Relative distance of two floats that are one number: 0.1 + 0.2 is 0.3."""
MAX_CHARS = 20_000
"""Longer texts are compared as they stand: it bounds the work on what a model wrote."""
_BLANKS = re.compile(r"\s+")
_LOOSE_BLANK = re.compile(r"(?<!\w) | (?!\w)")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A `Scalar` is a text, number, truth value or null; `folded` is a text's form to compare.

    A text where the tool declares something else stands for a variable, and is compared as it stands.
    """

    value: Any
    folded: str | None = None
    is_integer: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """`Items` are a list's values, in order."""

    items: tuple[Accepted, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """`Members` are an object's values by key; the keys in `optional` may be missing."""

    members: Mapping[str, Accepted]
    optional: frozenset[str]


Value: TypeAlias = Scalar | Items | Members
Accepted: TypeAlias = tuple[Value, ...]
"""Values of which any will do."""


def from_plain(value: Any, parameter: Parameter = ANY) -> Accepted:
    """Return the accepted values where one value is stated outright."""
    if isinstance(value, Mapping):
        inner = parameter.members
        return (Members({k: from_plain(v, inner.get(k, ANY)) for k, v in value.items()}, frozenset()),)
    if isinstance(value, list):
        item = parameter.item or ANY
        return (Items(tuple(from_plain(one, item) for one in value)),)
    return (_scalar(value, parameter),)


def from_accepted(listed: tuple[Any, ...], parameter: Parameter = ANY) -> Accepted:
    """Return the accepted values of a list as BFCL writes it.

    An empty text in the list says that the argument may be left out; given as a value, it counts for texts. An empty
    list of an array's values means the empty array, which is what such rows are about.
    """
    if not listed and parameter.kind in ("array", "tuple", "any"):
        return (Items(()),)
    is_text = parameter.kind in ("string", "any")
    return tuple(found for one in listed if one != "" or is_text for found in _described(one, parameter, depth=0))


def _described(value: Any, parameter: Parameter, depth: int) -> Accepted:
    """Return what a listed value accepts. Objects hold lists of accepted values; below another object also values."""
    if isinstance(value, Mapping):
        lists = all(isinstance(item, list) for item in value.values())
        found = [_members(value, parameter, depth)] if lists or depth == 0 else []
        return (*found, *from_plain(value, parameter)) if depth else tuple(found)
    if isinstance(value, list):
        item = parameter.item or ANY
        return (Items(tuple(_described(one, item, depth) for one in value)),)
    return (_scalar(value, parameter),)


def _members(value: Mapping[str, Any], parameter: Parameter, depth: int) -> Members:
    members, optional = {}, []
    for key, item in value.items():
        listed = tuple(item) if isinstance(item, list) else (item,)
        inner = parameter.members.get(key, ANY)
        if "" in listed:
            optional.append(key)
        members[key] = tuple(found for one in listed for found in _described(one, inner, depth + 1)) or (Items(()),)
    return Members(members, frozenset(optional))


def _scalar(value: Any, parameter: Parameter) -> Scalar:
    is_text = isinstance(value, str) and parameter.kind in ("string", "any")
    folded = fold(value) if is_text else None
    return Scalar(value, folded, parameter.kind == "integer")


def fold(text: str) -> str:
    """Return the form in which `strict` compares texts.

    >>> fold(" San  Francisco,  CA"), fold("x ^ 2"), fold("-5")
    ('san francisco,ca', 'x^2', '-5')
    """
    text = text.lower().replace("'", '"')
    if not text.isalnum():
        text = _LOOSE_BLANK.sub("", _BLANKS.sub(" ", text))
    return text


def is_exact(value: Any, accepted: Accepted) -> bool:
    """Tell whether a value is one of the accepted ones, in type and to the last character."""
    return any(_is_exactly(value, one) for one in accepted)


def is_strict(value: Any, accepted: Accepted) -> bool:
    """Tell whether a value means one of the accepted ones."""
    return any(_means(value, one) for one in accepted)


def _is_exactly(value: Any, wanted: Value) -> bool:
    if isinstance(wanted, Scalar):
        return type(value) is type(wanted.value) and value == wanted.value
    if isinstance(wanted, Items):
        return isinstance(value, list) and len(value) == len(wanted.items) and all(map(is_exact, value, wanted.items))
    return _has_members(value, wanted) and all(is_exact(item, wanted.members[key]) for key, item in value.items())


def _means(value: Any, wanted: Value) -> bool:
    if isinstance(wanted, Scalar):
        return _same_scalar(value, wanted)
    if isinstance(wanted, Items):
        return isinstance(value, list) and len(value) == len(wanted.items) and all(map(is_strict, value, wanted.items))
    return _has_members(value, wanted) and all(is_strict(item, wanted.members[key]) for key, item in value.items())


def _has_members(value: Any, wanted: Members) -> bool:
    """Tell whether a value is an object with accepted keys only, and with all that may not be left out."""
    return (
        isinstance(value, Mapping)
        and value.keys() <= wanted.members.keys()
        and all(key in value or key in wanted.optional for key in wanted.members)
    )


def _same_scalar(value: Any, wanted: Scalar) -> bool:
    own = wanted.value
    if isinstance(own, str):
        return isinstance(value, str) and (value == own or (len(value) <= MAX_CHARS and fold(value) == wanted.folded))
    if type(own) not in (int, float):
        return type(value) is type(own) and value == own
    if type(value) is int:
        return _same_number(value, own)
    return type(value) is float and not (wanted.is_integer and type(own) is int) and _same_number(value, own)


def _same_number(value: int | float, own: int | float) -> bool:
    if value == own:
        return True
    if type(value) is int and type(own) is int:
        return False
    try:
        return math.isclose(value, own, rel_tol=ROUNDING)
    except OverflowError:  # an integer too large for a float
        return False
