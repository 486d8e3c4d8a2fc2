"""Entries of reasoning-gym are made and scored here, in the process that `bounded.calls` begins.

The library makes an entry from a seed. Here every entry has a number, and the number is its seed: so an entry can be
made again wherever it is needed, and nothing of it has to survive being written as JSON.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from secondthought.spelling import suggestion
from secondthought.tasks.reasoning_gym.guards import BY_TEXT, LITERAL, is_harmless

CHUNK = 64
"""Entries that are made at a time: some data sets make all of theirs when they are made."""


def make_chunk(name: str, config: Mapping[str, Any], chunk: int) -> list[tuple[str, str | None]]:
    """Return question and answer of the entries of a chunk; the answer is None where the library gives none."""
    made = _entries(name, config)
    return [_told(made(number)) for number in range(CHUNK * chunk, CHUNK * (chunk + 1))]


def check(name: str, config: Mapping[str, Any]) -> str:
    """Return why there is no such data set, or why it does not take this config; empty if all is well."""
    try:
        known = _kinds()
    except ImportError:
        return "the library reasoning-gym is missing: pip install 'secondthought[gym]'"
    if name not in known:
        return f"reasoning-gym has no data set {name!r}{suggestion(name, known)}"
    try:
        _entries(name, config)(0)
    except Exception as error:  # its checks are assertions, and a wrong name a TypeError
        return f"reasoning-gym's {name} cannot be made: {error or type(error).__name__}"
    return ""


def scorer(name: str, config: Mapping[str, Any]) -> Callable[[int, str, str], float | None]:
    """Return the function that scores a text as answer to the entry of a number.

    It returns None where the entry is not the one with that question: made by another version, or not by its number.
    """
    made = _entries(name, config)
    _without_eval(name)
    made(0)  # what it imports and reads at first is not on the time of a call

    def score(number: int, question: str, said: str) -> float | None:
        dataset, entry = made(number)
        if _told((dataset, entry))[0] != question:
            return None
        if name in BY_TEXT:
            return float(said.casefold() == str(entry["answer"]).casefold())
        return float(dataset.score_answer(said, entry)) if is_harmless(name, said) else 0.0

    return score


def _entries(name: str, config: Mapping[str, Any]) -> Callable[[int], tuple[Any, dict[str, Any]]]:
    """Return the function that makes the entry of a number, and the data set that scores it."""
    import reasoning_gym

    @lru_cache(maxsize=2)
    def dataset(chunk: int) -> Any:
        return reasoning_gym.create_dataset(name, **{**config, "seed": CHUNK * chunk, "size": CHUNK})

    @lru_cache(maxsize=256)
    def entry(number: int) -> tuple[Any, dict[str, Any]]:
        found = dataset(number // CHUNK)
        return found, found[number % CHUNK]

    return entry


def _kinds() -> Mapping[str, tuple[type, type]]:
    """Return class and config of every data set, by name."""
    from reasoning_gym.factory import DATASETS

    found: Mapping[str, tuple[type, type]] = DATASETS
    return found


def _told(made: tuple[Any, dict[str, Any]]) -> tuple[str, str | None]:
    _, entry = made
    answer = entry["answer"]
    return str(entry["question"]), None if answer is None else str(answer)


def _without_eval(name: str) -> None:
    """Let a data set that evaluates what was answered read it as a literal instead."""
    if name in LITERAL:
        kind, _ = _kinds()[name]
        sys.modules[kind.__module__].__dict__["eval"] = ast.literal_eval
