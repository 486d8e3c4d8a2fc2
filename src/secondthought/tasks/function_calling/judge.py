"""The judge of calls: what was asked for is held against what a problem wants, in one of three modes.

- `exact`: names and values as the row states them, in type and to the last character; parallel calls in any order. So
  the Reflect-Retry-Reward paper is understood to judge.
- `bfcl`: the leaderboard's rules, faults included (`leaderboard`): parallel calls are matched first fit, and an answer
  that cannot be read counts as none where no call is wanted.
- `strict`: the leaderboard's rules with the faults mended (`values`): parallel calls by the largest matching, and an
  answer that cannot be read is wrong everywhere.

Of several mistakes the verdict names the outermost: `malformed`, `no_call` or `unwanted_call`, then the number of
calls, the tool, the names of arguments, their values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from secondthought.tasks.function_calling import findings, leaderboard
from secondthought.tasks.function_calling.findings import Finding
from secondthought.tasks.function_calling.matching import greedy_matching, largest_matching
from secondthought.tasks.function_calling.values import is_exact, is_strict
from secondthought.tasks.function_calling.wanted import Wanted, WantedArgument, WantedCall
from secondthought.tools.calls import Call, CallReading

Mode: TypeAlias = Literal["exact", "bfcl", "strict"]


@dataclass(frozen=True, slots=True)
class Rules:
    """`Rules` of a mode: when a value is right, how calls are paired, whether the unreadable counts as no call."""

    takes: Callable[[Any, WantedArgument], bool]
    pairs: Callable[[int, int, Callable[[int, int], bool]], dict[int, int]]
    forgives_malformed: bool = False
    needs_declared: bool = False
    """An argument that the tool does not declare, or that it requires and the accepted calls leave out, is wrong."""
    needs_known_tool: bool = True


RULES: Mapping[Mode, Rules] = {
    "exact": Rules(takes=lambda value, wanted: is_exact(value, wanted.accepted), pairs=largest_matching),
    "bfcl": Rules(
        takes=leaderboard.passes,
        pairs=greedy_matching,
        forgives_malformed=True,
        needs_declared=True,
        needs_known_tool=False,
    ),
    "strict": Rules(takes=lambda value, wanted: is_strict(value, wanted.accepted), pairs=largest_matching),
}


def judge(reading: CallReading, wanted: Wanted, mode: Mode) -> Finding | None:
    """Return what is wrong with the calls that were read; None if nothing is."""
    rules = RULES[mode]
    if reading.malformed and not (rules.forgives_malformed and not wanted.calls and not wanted.any_call):
        return findings.malformed(reading.malformed)
    calls = () if reading.malformed else reading.calls
    if wanted.any_call:
        return _any_call(calls, wanted, rules)
    if not wanted.calls:
        return findings.unwanted_call(calls[0].name) if calls else None
    if not calls:
        return findings.no_call()
    if len(calls) != len(wanted.calls):
        return findings.wrong_number(len(calls), len(wanted.calls))
    return _compare(calls, wanted, rules)


def mistake(call: Call, wanted: WantedCall, rules: Rules) -> Finding | None:
    """Return the first mistake of a call that names the wanted tool: names of arguments before their values."""
    return _wrong_names(call, wanted, rules) or next(
        (
            findings.wrong_value(wanted.name, argument, value, wanted.arguments[argument].parameter.kind)
            for argument, value in call.arguments.items()
            if not rules.takes(value, wanted.arguments[argument])
        ),
        None,
    )


def _wrong_names(call: Call, wanted: WantedCall, rules: Rules) -> Finding | None:
    """Return the first argument that the tool does not have, that is missing, or that should be left out."""
    declared = wanted.signature.parameters
    extra = [argument for argument in call.arguments if argument not in wanted.arguments]
    if rules.needs_declared:
        extra += [argument for argument in call.arguments if argument not in declared]
    for argument in extra:
        if argument not in declared:
            return findings.extra_argument(wanted.name, argument, is_declared=False)
    required = wanted.signature.required if rules.needs_declared else ()
    needed = [argument for argument, item in wanted.arguments.items() if not item.may_be_left_out]
    for argument in (*needed, *required):
        if argument not in call.arguments:
            return findings.missing_argument(wanted.name, argument)
    return findings.extra_argument(wanted.name, extra[0], is_declared=True) if extra else None


def _any_call(calls: Sequence[Call], wanted: Wanted, rules: Rules) -> Finding | None:
    if not calls:
        return findings.no_call()
    unknown = next((call.name for call in calls if call.name not in wanted.signatures), None)
    return findings.wrong_tool(unknown, False) if unknown is not None and rules.needs_known_tool else None


def _compare(calls: Sequence[Call], wanted: Wanted, rules: Rules) -> Finding | None:
    """Return the first mistake of as many calls as are wanted."""
    names, wanted_names = Counter(call.name for call in calls), Counter(call.name for call in wanted.calls)
    if names != wanted_names:
        extra = next(call.name for call in calls if names[call.name] > wanted_names[call.name])
        return findings.wrong_tool(extra, extra in wanted.signatures)
    if len(calls) == 1:
        return mistake(calls[0], wanted.calls[0], rules)

    def fits(one: int, other: int) -> bool:
        same = calls[one].name == wanted.calls[other].name
        return same and mistake(calls[one], wanted.calls[other], rules) is None

    pairs = rules.pairs(len(calls), len(wanted.calls), fits)
    return None if len(pairs) == len(calls) else _left_over(calls, wanted, rules, pairs)


def _left_over(calls: Sequence[Call], wanted: Wanted, rules: Rules, pairs: Mapping[int, int]) -> Finding | None:
    """Return the outermost mistake of the calls that found no partner, each against the first that is left."""
    free = [item for place, item in enumerate(wanted.calls) if place not in pairs.values()]
    found: list[Finding] = []
    for place, call in enumerate(calls):
        if place not in pairs:
            partner = next(item for item in free if item.name == call.name)
            free.remove(partner)
            made = mistake(call, partner, rules)
            found += [made] if made else []
    names_first = sorted(found, key=lambda item: item.reason != "wrong_parameter_names")
    return names_first[0] if names_first else Finding("wrong_parameter_values", "The calls do not fit together.")
