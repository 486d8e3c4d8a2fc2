"""Text that UTF-8 can hold. JSON and Python can say half a character (a lone surrogate), which nothing else can read.

No tokenizer, file, page or request holds one. Text is made whole where it enters a conversation.
"""

from __future__ import annotations

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
