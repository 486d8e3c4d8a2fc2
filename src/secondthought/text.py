"""Text that UTF-8 can hold. JSON and Python can say half a character (a lone surrogate), which nothing else can read.

No tokenizer, file, page or request holds one. Text is made whole where it enters a conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REPLACEMENT = "\ufffd"


def whole(text: str) -> str:
    r"""Return the text with each half of a character replaced by U+FFFD, as a decoder writes what it cannot read.

    >>> whole("a\ud83d b") == "a\ufffd b", whole("a b")
    (True, 'a b')
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two halves that belong together, as some programs write them, are one character.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def whole_within(value: Any) -> Any:
    r"""Return the value with every text in its lists and mappings made whole.

    >>> whole_within({"a": ["b\ud83d", 1]}) == {"a": ["b\ufffd", 1]}
    True
    """
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, Mapping):
        return {whole_within(name): whole_within(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([whole_within(item) for item in value])
    return value
