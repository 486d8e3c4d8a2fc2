r"""`finder` says whether a regular expression matches anywhere in a sentence, several times faster than `re.search`.

`re` tries an expression at every place of a text, unless it begins with a plain set of characters, which it looks for
in a loop of its own. Most patterns begin with `\b` and a choice of words, so they do not. Two kinds are told apart: an
expression that can match at the start alone is tried only there; of one whose first characters are known, that set of
characters is looked for, and at each of them the expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import accumulate

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[:=!]|\(\?<[=!]|.", re.DOTALL)
_EDGE, _GROUP, _LOOKS = r"\b", "(?:", ("(?=", "(?!", "(?<=", "(?<!")
_CLASSES, _SPECIAL = (r"\d", r"\w", r"\s"), (".", "^", "$", "(")
_NEEDLESS = ("?", "*", "{")
"""Tokens after which a part may be missing; `{2}` is taken for `{0,2}`."""


def finder(regex: str) -> Callable[[str], re.Match[str] | None]:
    r"""Compile a regular expression; what is returned is None for a text in which it matches nowhere.

    Where it matches, the match that is returned tells nothing but that.

    >>> found = finder(r"\b(?:let me|i will) check")
    >>> found("now i will check") is None, found("a taxi will check in") is None
    (False, True)
    """
    if at_start(regex):
        return re.compile(regex).match
    begins = beginnings(regex)
    if begins is None:
        return re.compile(regex).search
    # A look back over one character, within which the whole expression is looked for from before that character.
    return re.compile(f"[{''.join(sorted(begins))}](?<=(?={regex})[\\s\\S])").search


def at_start(regex: str) -> bool:
    """Return True if the regular expression can match at the start of a text alone: further places need no look.

    >>> at_start("^(?:so|but) wait"), at_start("^so|wait"), at_start("wait")
    (True, False, False)
    """
    return regex.startswith("^") and len(list(_choices(_TOKEN.findall(regex)))) == 1


def beginnings(regex: str) -> frozenset[str] | None:
    r"""Return the characters and classes with which a match can begin; None where it may begin with anything.

    >>> sorted(beginnings(r"\b(?:so|but (?:now )?)wait|\d") or ())
    ['\\d', 'b', 's']
    >>> beginnings("(?:so )?wait"), beginnings("[^a-z]")
    (None, None)
    """
    return _begin(_TOKEN.findall(regex))


def _begin(tokens: list[str]) -> frozenset[str] | None:
    found = [_begin_one(choice) for choice in _choices(tokens)]
    known = [begins for begins in found if begins is not None]
    return frozenset[str]().union(*known) if len(known) == len(found) else None


def _begin_one(tokens: list[str]) -> frozenset[str] | None:
    """Return the beginnings of what holds no choice but within its groups."""
    if not tokens:
        return None
    end = next((n for n, depth in enumerate(_depths(tokens)) if not depth), None)
    if end is None:
        return None
    first, after = tokens[0], tokens[end + 1 :]
    if first == _EDGE or first in _LOOKS:
        return _begin_one(after)
    if after[:1] and after[0] in _NEEDLESS:
        return None
    if first == _GROUP:
        return _begin(tokens[1:end])
    if first.startswith("["):
        return None if first.startswith("[^") else frozenset({first[1:-1]})
    if first.startswith("\\"):
        return frozenset({first}) if first in _CLASSES or not first[1].isalnum() else None
    return frozenset({re.escape(first)}) if first not in _SPECIAL else None


def _choices(tokens: list[str]) -> Iterator[list[str]]:
    """Yield what stands between the bars that are in no group."""
    choice = list[str]()
    for token, depth in zip(tokens, _depths(tokens), strict=True):
        if token == "|" and not depth:
            yield choice
            choice = []
        else:
            choice.append(token)
    yield choice


def _depths(tokens: list[str]) -> Iterator[int]:
    """Yield how many groups are open after each token."""
    return accumulate(-1 if token == ")" else int(token.startswith("(")) for token in tokens)
