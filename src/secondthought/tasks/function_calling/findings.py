"""What can be wrong with an answer: one reason of a fixed list, and a sentence that gives no wanted value away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from secondthought.types import Verdict

Reason: TypeAlias = Literal[
    "correct",
    "unwanted_call",
    "malformed",
    "no_call",
    "wrong_number_of_calls",
    "wrong_tool",
    "wrong_parameter_names",
    "wrong_parameter_values",
]
"""Reasons, in the order in which they win where several apply: what is said first is what must be mended first."""

_MAX_SHOWN = 60
_JSON_TYPES: Mapping[type, str] = {
    str: "text",
    int: "integer",
    float: "float",
    bool: "boolean",
    list: "array",
    dict: "object",
    type(None): "null",
}
_ARTICLES = "aeiou"


@dataclass(frozen=True, slots=True)
class Finding:
    """A `Finding` is what is wrong: the reason, the sentence, and the tool and argument that it is about."""

    reason: Reason
    feedback: str
    tool: str = ""
    argument: str = ""


CORRECT = Verdict(correct=True, reward=1.0, reason="correct", well_formed=True)
_UNREADABLE = ("malformed", "no_call")


def verdict_of(finding: Finding | None) -> Verdict:
    """Return the verdict of a finding; None is a right answer."""
    if finding is None:
        return CORRECT
    return Verdict(
        correct=False,
        reward=0.0,
        reason=finding.reason,
        well_formed=finding.reason not in _UNREADABLE,
        feedback=finding.feedback,
    )


def malformed(why: str) -> Finding:
    """Say that the answer begins a call that cannot be read."""
    return Finding(
        "malformed", f"The call cannot be read: {short(why).rstrip('.')}." if why else "The call cannot be read."
    )


def no_call() -> Finding:
    """Say that the answer calls nothing."""
    return Finding("no_call", "The answer calls no function, and the request needs one.")


def unwanted_call(tool: str) -> Finding:
    """Say that a call was made where none fits."""
    return Finding("unwanted_call", f"The answer calls `{short(tool)}`, and no function fits the request.", tool)


def wrong_number(made: int, wanted: int) -> Finding:
    """Say that too many or too few calls were made."""
    calls = "1 call was" if made == 1 else f"{made} calls were"
    return Finding("wrong_number_of_calls", f"{calls} made, which is too {'many' if made > wanted else 'few'}.")


def wrong_tool(tool: str, is_known: bool) -> Finding:
    """Say that a call names a function that is not there, or one that does not fit."""
    name = short(tool)
    said = f"`{name}` does not fit the request as it was called." if is_known else f"There is no function `{name}`."
    return Finding("wrong_tool", said, tool)


def missing_argument(tool: str, argument: str) -> Finding:
    """Say that an argument is missing."""
    return Finding("wrong_parameter_names", f"The argument '{argument}' of `{tool}` is missing.", tool, argument)


def extra_argument(tool: str, argument: str, is_declared: bool) -> Finding:
    """Say that an argument does not belong there."""
    name = short(argument)
    said = (
        f"The argument '{name}' of `{tool}` should be left out."
        if is_declared
        else f"`{tool}` has no argument '{name}'."
    )
    return Finding("wrong_parameter_names", said, tool, argument)


def wrong_value(tool: str, argument: str, value: Any, declared: str) -> Finding:
    """Say that a value is wrong; where its type is not the declared one, say so: the tool itself tells that."""
    given = _JSON_TYPES.get(type(value), "value")
    if _is_other_type(type(value), declared):
        wanted = {"dict": "object", "tuple": "array", "string": "text"}.get(declared, declared)
        said = f"The argument '{argument}' of `{tool}` must be {_a(wanted)}, not {_a(given)}."
    else:
        said = f"The value of the argument '{argument}' of `{tool}` is wrong."
    return Finding("wrong_parameter_values", said, tool, argument)


def short(text: str) -> str:
    """Return a text in one line, short enough for a sentence."""
    line = " ".join(text[: 4 * _MAX_SHOWN].split())
    return line if len(line) <= _MAX_SHOWN else f"{line[: _MAX_SHOWN - 3]}..."


def _a(word: str) -> str:
    return word if word in ("text", "null", "value") else f"{'an' if word[0] in _ARTICLES else 'a'} {word}"


def _is_other_type(given: type, declared: str) -> bool:
    fits: Mapping[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "float": (int, float),
        "boolean": (bool,),
        "array": (list,),
        "tuple": (list,),
        "dict": (dict,),
    }
    return declared in fits and given not in fits[declared]
