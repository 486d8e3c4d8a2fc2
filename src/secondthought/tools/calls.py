"""Calls of tools as records: what a model asked for, in whatever dialect it wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secondthought.errors import TaskError


@dataclass(frozen=True, slots=True)
class Call:
    """A `Call` is a tool's name and its arguments by name; values are JSON values, nothing of them is executed."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallReading:
    """A `CallReading` is what a completion asks for.

    `calls` is empty where the text calls nothing. `malformed` says in a sentence why a call that the text begins
    cannot be read; it is empty where every call was read, and where there is none.
    """

    calls: tuple[Call, ...]
    malformed: str = ""


class Unwritable(TaskError):
    """`Unwritable` says in a sentence why a dialect has no way to write a call."""
