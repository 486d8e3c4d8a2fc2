"""What a model will be evaluated on must not be in its training text: shared groups of words are looked for.

A document overlaps if it holds 13 words in a row of an evaluation text (GPT-3's rule, arXiv 2005.14165, appendix C), or
all of a text that is shorter, from 8 words up. Case, punctuation and white space make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from secondthought.data.corpora.selection.fingerprints import words_of

GROUP, SHORTEST = 13, 8


class EvaluationTexts:
    """`EvaluationTexts` are texts that training text must not share groups of words with.

    >>> held_out = EvaluationTexts(["How many apples are left if Tom eats two of seven?"])
    >>> held_out.shared_with("Q: How many apples are left, if Tom eats two of seven? A: 5.")
    'how many apples are left if tom eats two of seven'
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Take the texts; those of fewer than `SHORTEST` words are passed over, since they are anywhere."""
        self._groups: dict[int, set[str]] = {}
        for words in map(words_of, texts):
            size = min(GROUP, len(words))
            if size >= SHORTEST:
                groups = self._groups.setdefault(size, set())
                groups.update(_groups(words, size))

    def shared_with(self, text: str) -> str:
        """Return the first group of words that a text shares with one of these; an empty text if there is none."""
        if not self._groups:
            return ""
        words = words_of(text)
        for size, groups in self._groups.items():
            for group in _groups(words, size):
                if group in groups:
                    return group
        return ""


def _groups(words: list[str], size: int) -> Iterator[str]:
    return (" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
