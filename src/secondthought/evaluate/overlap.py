r"""Overlap of texts is counted in runs of words: what a text says twice, copies from another, or shares with many.

A word is a run of letters and digits, without case; a run of n words in a row is a *gram*. Shares are between 0 and 1,
and NaN where a text has too few words to tell.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

Gram: TypeAlias = tuple[str, ...]

REPEAT = 3
"""Words of a gram whose second occurrence within a text counts as repetition."""
COPY = 4
"""Words of a gram that counts as copied from another text: four words in a row seldom agree by chance."""
SHARE = 2
"""Words of a gram that counts as shared between problems: the wording of a habit, whatever it is about."""


class Shared(NamedTuple):
    """`Shared` grams of texts: sums over all other texts, one number a text."""

    given: tuple[float, ...]
    """Shares of the text's grams that the others have."""
    taken: tuple[float, ...]
    """Shares of the others' grams that the text has."""


_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Return the words of a text.

    >>> words('{"name": "get_weather"} 4.5')
    ['name', 'get', 'weather', '4', '5']
    """
    return _WORD.findall(text.casefold())


def plain(text: str) -> str:
    """Return a text's words with single blanks: equal for texts that differ in case, marks and spacing alone."""
    return " ".join(words(text))


def grams(text: str, size: int) -> list[Gram]:
    """Return all runs of `size` words, in order, one for each place where one begins.

    >>> grams("a b a b", 2)
    [('a', 'b'), ('b', 'a'), ('a', 'b')]
    """
    found = words(text)
    return list(zip(*(found[start:] for start in range(size)), strict=False))


def repeated_share(text: str, size: int = REPEAT) -> float:
    """Return the share of a text's grams that stood in it before.

    >>> repeated_share("try again and try again and try again"), repeated_share("be brief")
    (0.5, nan)
    """
    found = grams(text, size)
    return 1 - len(set(found)) / len(found) if found else math.nan


def copied_share(text: str, source: str, size: int = COPY) -> float:
    """Return the share of a text's grams that also stand in `source`; a text of fewer words is one gram.

    >>> copied_share("I said get weather for Rome, which is wrong", "get weather for Rome")
    0.16666666666666666
    >>> copied_share("<answer> 5 </answer>", "My <answer> 5 </answer> was wrong.")
    1.0
    """
    size = min(size, len(words(text)))
    if not size:
        return math.nan
    known = set(grams(source, size))
    found = grams(text, size)
    return sum(gram in known for gram in found) / len(found)


def shared_with_others(texts: Sequence[str], size: int = SHARE) -> Shared:
    """Compare the different grams of each text with those of every other text; a text without any is left out.

    >>> shared_with_others(["check the sign", "check the sign", "add them up"])
    Shared(given=(1.0, 1.0, 0.0), taken=(1.0, 1.0, 0.0))
    """
    # Grams in the order of the text: a set's order differs from process to process, and with it a sum's last digit.
    each = [found for found in (dict.fromkeys(grams(text, size)) for text in texts) if found]
    holders = Counter(gram for found in each for gram in found)
    weights: dict[Gram, float] = defaultdict(float)
    for found in each:
        for gram in found:
            weights[gram] += 1 / len(found)
    return Shared(
        given=tuple(sum(holders[gram] - 1 for gram in found) / len(found) for found in each),
        taken=tuple(sum(weights[gram] - 1 / len(found) for gram in found) for found in each),
    )
