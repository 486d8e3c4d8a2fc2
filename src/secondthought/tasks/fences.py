"""Fenced blocks of Markdown, in which models put code and data."""

from __future__ import annotations

_FENCE = "```"


def last_fenced(text: str) -> str | None:
    r"""Return the inside of the last closed fence, without the language that it names.

    >>> last_fenced("First\n```json\n1\n```\nthen ```2``` and ```"), last_fenced("none")
    ('2', None)
    """
    marks = text.count(_FENCE)
    end = text.rfind(_FENCE)
    if marks % 2:
        end = text.rfind(_FENCE, 0, end)  # the last one opens a block that is never closed
    start = text.rfind(_FENCE, 0, end) if end > 0 else -1
    if start < 0:
        return None
    inside = text[start + len(_FENCE) : end]
    language, newline, rest = inside.partition("\n")
    return rest if newline and language.strip().isalnum() else inside
