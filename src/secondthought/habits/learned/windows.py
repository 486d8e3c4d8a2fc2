"""Windows of a text, and what is seen in one: which words stand together, and which habits its wording shows.

Numbers are one word, so that nothing depends on which sum is checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from secondthought.types import HABITS

WORDS = 60
"""Words of a window: as many as in those that were read."""
_LEAST = 15
"""Words of the last window; fewer are taken into the one before."""
_LONGEST = 3
_NUMBER_WORD = "7"
_TOKEN = re.compile(r"[a-z']+|\d+(?:[.,]\d+)*|[^\s\w]|\w")
_SCALE = 3.0
"""Weight of all groups of words together, beside one pattern that fires."""


def windows_of(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the windows of a text begin and end; they follow one another.

    >>> text = "word " * 140
    >>> [text[start:end].count("word") for start, end in windows_of(text)]
    [60, 60, 20]
    >>> len(list(windows_of("word " * 130)))
    2
    """
    words = [match.span() for match in re.finditer(r"\S+", text)]
    firsts = list(range(0, len(words), WORDS))
    if len(firsts) > 1 and len(words) - firsts[-1] < _LEAST:
        firsts.pop()
    for place, first in enumerate(firsts):
        last = firsts[place + 1] if place + 1 < len(firsts) else len(words)
        yield words[first][0], words[last - 1][1]


def features_of(text: str, patterns: Mapping[str, int | None]) -> dict[str, float]:
    """Return what is seen in a window, with how much each thing counts.

    Args:
        text: of the window.
        patterns: how often the pattern detector finds each habit there.

    >>> sorted(features_of("No, 41!", {"verification": 2, "backtracking": 0}))
    ['!', ',', ', 7', ', 7 !', '7', '7 !', 'no', 'no ,', 'no , 7', 'pattern:verification']
    """
    plain = text.lower().replace("\u2019", "'")
    words = [_NUMBER_WORD if token[0].isdigit() else token for token in _TOKEN.findall(plain)]
    groups = {
        " ".join(words[first : first + length])
        for length in range(1, _LONGEST + 1)
        for first in range(len(words) - length + 1)
    }
    value = _SCALE / math.sqrt(max(1, len(groups)))
    found = {f"pattern:{name}": 1.0 for name in HABITS if patterns.get(name)}
    return {**dict.fromkeys(groups, value), **found}
