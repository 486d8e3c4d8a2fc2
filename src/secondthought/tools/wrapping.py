"""OpenAI's wrapping of a tool: on where a chat template or an endpoint expects it, off everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unwrapped(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool's name, description and parameters.

    >>> unwrapped({"type": "function", "function": {"name": "f"}}), unwrapped({"name": "f"})
    ({'name': 'f'}, {'name': 'f'})
    """
    inner = tool.get("function")
    return dict(inner if isinstance(inner, Mapping) else tool)


def wrapped(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool in the wrapping, which it may have already."""
    return {"type": "function", "function": unwrapped(tool)}
