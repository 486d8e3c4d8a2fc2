"""Reflections on a failed call that no model wrote: an oracle's, one that points the wrong way, and a general one.

Each says what was wrong, as the verdict does, and then what to do. With the value shown that is the right call itself;
else it is the place alone: the tool or the argument to mind. The contrary reflection has the same form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from secondthought.tasks.function_calling.findings import Finding
from secondthought.tasks.function_calling.signatures import Signature
from secondthought.tasks.function_calling.wanted import Wanted
from secondthought.tools.calls import Call
from secondthought.tools.writing import write_call

Shows: TypeAlias = Literal["value", "place"]
GENERAL_REFLECTION = (
    "I should read the request again, choose the function that it needs, and give each argument by its own name with"
    " the value that the request states, in the type that the function asks for."
)


def oracle_reflection(finding: Finding | None, right: Sequence[Call], shows: Shows) -> str:
    """Write what was wrong and what is right."""
    advice = _calls_text(right) if shows == "value" else _place(finding, right)
    return _joined(finding, advice)


def contrary_reflection(finding: Finding | None, right: Sequence[Call], wanted: Wanted, shows: Shows) -> str | None:
    """Write the oracle's form with calls that are wrong; None where nothing can be called."""
    other = _other_tool(right, wanted)
    if shows == "place":
        name = f"`{other.name}`" if other else "no function"
        return _joined(finding, f"I should call {name}.") if right or other else None
    wrong = _wrong_calls(right, other)
    return _joined(finding, _calls_text(wrong)) if wrong else None


def _joined(finding: Finding | None, advice: str) -> str:
    return f"{finding.feedback} {advice}" if finding else advice


def _calls_text(calls: Sequence[Call]) -> str:
    """Write calls, or that there should be none."""
    if not calls:
        return "I should call no function."
    texts = " and ".join(write_call(call) for call in calls)
    return f"The right call{' is' if len(calls) == 1 else 's are'} {texts}."


def _place(finding: Finding | None, right: Sequence[Call]) -> str:
    """Write what to mind, without a value."""
    if not right:
        return "I should call no function."
    if finding is None:
        return f"I should call {_names(right)}."
    if finding.reason == "wrong_parameter_values":
        return f"I should read the request again for the argument '{finding.argument}'."
    if finding.reason == "wrong_parameter_names":
        names = next((list(call.arguments) for call in right if call.name == finding.tool), [])
        return f"I should give {_quoted(names)} and no other argument."
    return f"I should call {_names(right)}."


def _names(calls: Sequence[Call]) -> str:
    """Write the tools' names, in order, with how often each is called."""
    counted: dict[str, int] = {}
    for call in calls:
        counted[call.name] = counted.get(call.name, 0) + 1
    return " and ".join(f"`{name}`" + (f" {times} times" if times > 1 else "") for name, times in counted.items())


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) if names else "no argument"


def _other_tool(right: Sequence[Call], wanted: Wanted) -> Signature | None:
    """Return the first tool that the right calls do not use."""
    used = {call.name for call in right}
    return next((item for name, item in wanted.signatures.items() if name not in used), None)


def _wrong_calls(right: Sequence[Call], other: Signature | None) -> tuple[Call, ...]:
    """Return calls of the same form that are wrong: of another tool, else with another value, else one more."""
    if not right:
        return (Call(other.name, {}),) if other else ()
    first, rest = right[0], tuple(right[1:])
    if other is not None:
        return (Call(other.name, {name: _any_value(first.arguments) for name in other.required}), *rest)
    if first.arguments:
        name = next(iter(first.arguments))
        return (Call(first.name, {**first.arguments, name: _other_value(first.arguments[name])}), *rest)
    return (first, *right)


def _any_value(arguments: Mapping[str, Any]) -> Any:
    return next(iter(arguments.values()), 1)


def _other_value(value: Any) -> Any:
    """Return a value of the same type that the request does not state."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return value + 7
    if isinstance(value, str):
        return f"not {value}"
    return [value]
