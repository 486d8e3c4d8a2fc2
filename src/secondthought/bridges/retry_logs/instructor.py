"""Logs of instructor: the keyword arguments of its requests, as the hook `completion:kwargs` gives them.

A request that follows a failure holds the failed answer and a message that begins in one of a few ways (read in
instructor 1.17, `v2/providers/openai/handlers.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BEGINNINGS = (
    "Validation Error found:",
    "Validation Errors found:",
    "Correct your JSON ONLY RESPONSE, based on the following errors:",
    "Recall the function correctly, fix the errors",
)
_ENDINGS = ("Recall the function correctly, fix the errors",)


def is_log(value: Any) -> bool:
    """Tell whether a logged value is a request: it holds messages with roles."""
    messages = value.get("messages") if isinstance(value, Mapping) else None
    return isinstance(messages, list) and all(isinstance(item, Mapping) and "role" in item for item in messages)


def told(message: Mapping[str, Any]) -> str | None:
    r"""Return the error that a message tells; None where it tells none.

    >>> told({"role": "user", "content": "Correct your JSON ONLY RESPONSE, based on the following errors:\n1 error"})
    '1 error'
    """
    content = message.get("content")
    if message.get("role") not in ("user", "tool") or not isinstance(content, str):
        return None
    begun = next((text for text in _BEGINNINGS if content.startswith(text)), None)
    if begun is None:
        return None
    said = content.removeprefix(begun).lstrip(", ")
    said = said.removeprefix("exceptions found").strip()
    for ending in _ENDINGS:
        said = said.removesuffix(ending)
    return said.strip()
