"""How deeply Python source nests, told before it is parsed: Python's parser recurses, and on a small stack it dies.

Three things nest in an expression. Brackets do, which are counted. Chains of calls, items and attributes do, and chains
of operators: a literal has none but for the dots of a name and a sign or two, so any longer chain is refused. Words and
brackets that stand side by side (`not not x`, `f()()`, `a if b else c`, f-strings) have no place in a literal at all.
"""

from __future__ import annotations

import re

from secondthought.tools.reading.broken import MAX_DEPTH, TOO_DEEP, BrokenCallError

NO_LITERAL = "the Python call is broken, or a value is no literal"
_MAX_BRACKETS = MAX_DEPTH + 2
"""A value's own brackets, and those of its call and of the list of calls."""
_TEXTS = re.compile(
    r"'''(?:[^'\\]++|\\.|'(?!''))*+'''|\"\"\"(?:[^\"\\]++|\\.|\"(?!\"\"))*+\"\"\""
    r"|'(?:[^'\\\n]++|\\.)*+'|\"(?:[^\"\\\n]++|\\.)*+\"|#[^\n]*+",
    re.DOTALL,
)
_SIDE_BY_SIDE = re.compile(
    r"(?:\w\s|['\])}])\s*+\w|[)\]}']\s*+[(\[{.]|(?<!\w)[a-zA-Z]?[fFtT][rR]?'|(?<!\w)lambda(?!\w)"
)
_KEPT_APART = re.compile(r"[\w\s']++")
_CHAIN = re.compile(r"[^()\[\]{},]{13}")
_OPENS, _CLOSES = "([{", ")]}"


def require_shallow(source: str) -> None:
    """Refuse source that nests deeply; it need not be Python.

    Raises:
        BrokenCallError: it does, or holds what no literal holds.
    """
    skeleton = _TEXTS.sub(_without_words, source)
    if _SIDE_BY_SIDE.search(skeleton):
        raise BrokenCallError(NO_LITERAL)
    signs = _KEPT_APART.sub("", skeleton)
    if _CHAIN.search(signs) or _depth(signs) > _MAX_BRACKETS:
        raise BrokenCallError(TOO_DEEP)


def _without_words(found: re.Match[str]) -> str:
    """Return what is left of a text or of a comment, which is blank."""
    return " " if found[0].startswith("#") else "'"


def _depth(signs: str) -> int:
    """Return the most brackets that are open at a time; of a source with more than are closed, too."""
    deepest = depth = 0
    for sign in signs:
        depth += (sign in _OPENS) - (sign in _CLOSES)
        deepest = max(deepest, depth)
    return deepest
