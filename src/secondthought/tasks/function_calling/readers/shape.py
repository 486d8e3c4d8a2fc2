"""The `Shape` of rows: how one is read into plain data, and what that data says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.tasks.function_calling.judge import Mode
from secondthought.tasks.function_calling.signatures import Signature
from secondthought.tasks.function_calling.wanted import Wanted
from secondthought.types import Message

Rename = Callable[[str], str]
"""How a tool's name is shown to models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A `Shape` reads rows with certain fields; `mode` is how they are judged unless an option says otherwise."""

    name: str
    fields: tuple[str, ...]
    mode: Mode
    read: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Check a row and return what is kept of it, as JSON; what is returned is read as itself."""
    messages: Callable[[Mapping[str, Any]], tuple[Message, ...]]
    tools: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
    wanted: Callable[[Mapping[str, Any], Mapping[str, Signature], Rename], Wanted]
