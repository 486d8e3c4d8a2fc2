"""The shipped problems: requests and tools made up here, for tests, for trying things out, and for the tutorial.

A request is worded from a template, and its values stand in it as the call must give them, so each has one right
answer. One request in eight needs two calls, and one in ten fits none of its tools. This is no benchmark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from secondthought.rng import stream
from secondthought.tasks.function_calling.shipped.tools import REQUESTS, TOOLS, VALUES

COUNT = 1600
"""Requests that are made; a few are equal and count once."""
_NUM_TOOLS = 3
_DECLINED, _DOUBLE = 0.1, 0.125


@dataclass(frozen=True, slots=True)
class _Asked:
    """`_Asked` is a request in words and the call that it needs."""

    text: str
    call: Mapping[str, Any]


def shipped_rows() -> Iterator[dict[str, Any]]:
    """Yield the rows, always the same."""
    for number in range(COUNT):
        yield _row(stream("function_calling", "shipped", number))


def _row(rng: Random) -> dict[str, Any]:
    name, other = rng.sample(sorted(TOOLS), 2)
    kind = rng.random()
    asked = [_asked(name, rng)]
    if kind > 1 - _DOUBLE:
        asked.append(_another(asked[0], other, rng))
    needed = [str(item.call["name"]) for item in asked]
    others = [tool for tool in sorted(TOOLS) if tool not in needed]
    is_declined = kind < _DECLINED
    kept = [] if is_declined else list(dict.fromkeys(needed))
    names = [*kept, *rng.sample(others, _NUM_TOOLS - len(kept))]
    rng.shuffle(names)
    return {
        "query": _joined(item.text for item in asked),
        "tools": [TOOLS[tool] for tool in names],
        "answers": [] if is_declined else [dict(item.call) for item in asked],
    }


def _asked(name: str, rng: Random) -> _Asked:
    """Write a request for one tool; what the wording leaves open is no argument of the call."""
    template = rng.choice(REQUESTS[name])
    arguments = {
        key: rng.choice(VALUES[key]) for key in TOOLS[name]["parameters"]["properties"] if f"{{{key}}}" in template
    }
    words = {key: _words(value) for key, value in arguments.items()}
    return _Asked(template.format(**words), {"name": name, "arguments": arguments})


def _another(first: _Asked, other: str, rng: Random) -> _Asked:
    """Write a second request: of the same tool with other values, or of another tool."""
    name = str(first.call["name"]) if rng.random() < 0.5 else other
    second = _asked(name, rng)
    while second.call == first.call:
        second = _asked(name, rng)
    return second


def _joined(texts: Iterator[str]) -> str:
    return " Then: ".join(texts)


def _words(value: Any) -> str:
    """Write a value as a request says it."""
    if isinstance(value, bool):
        return "with" if value else "without"
    return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
