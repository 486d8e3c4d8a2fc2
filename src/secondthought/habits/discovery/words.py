"""A table of words holds many texts as numbers: which word, of which sentence, of which text, and where it stands.

A word is a run of letters in lower case; a Chinese or Japanese character is one by itself. A number is one word, `#`,
whatever it says, and so are several with only marks between them: `3 * 4 = 12` is no phrase of its own. Marks are no
words, but for question marks and what is neither ASCII nor punctuation (a tick, an arrow, a face). A sentence ends with
its mark, its line, or after `LONGEST_SENTENCE` words. Time is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

NUMBER = "#"
"""The word for every number."""
LONGEST_SENTENCE = 60
"""Words after which a sentence is cut: what follows is another one."""
GRAMMAR = frozenset(
    (
        "a", "an", "the", "of", "in", "on", "at", "by", "for", "from", "with", "to", "into", "as", "is", "are",
        "was", "were", "be", "been", "being", "has", "have", "had", "it", "its", "this", "that", "these",
        "those", "and", "or", "which", "such", "there",
        NUMBER,
    )
)  # fmt: skip
"""Words that say nothing by themselves, of English: a phrase has another one."""
_LONGEST_WORD = 40
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_LETTERS = rf"[^\W\d_{_ALONE}]+"
_PIECE = re.compile(
    rf"(?P<number>\d+(?:[.,]\d+)*)|(?P<word>[{_ALONE}]|{_LETTERS}(?:['\u2019]{_LETTERS})*)"
    r"|(?P<end>\n|[.!?\u2026\u3002\uff1f](?=[\s\"')\]*]|$))|(?P<sign>[^\w\s\x00-\x7f])"
)
_OF_SUMS = frozenset("\u00d7\u00f7\u2212\u00b1\u00ac\u2217\u22c5")
_QUESTION = "?\uff1f"

Numbers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordTable:
    """A `WordTable` has an entry per word in each array, in the order of the texts."""

    vocabulary: tuple[str, ...]
    word: Numbers
    """Places in the vocabulary."""
    text: Numbers
    sentence: Numbers
    """Numbers of sentences, which go up over all texts."""
    start: Numbers
    """Where the word begins in its text."""
    end: Numbers

    def words(self, first: int, length: int) -> tuple[str, ...]:
        """Return the words from an entry on."""
        return tuple(self.vocabulary[word] for word in self.word[first : first + length])

    def span(self, first: int, length: int) -> tuple[int, int]:
        """Return where a run of words begins and ends in its text."""
        return int(self.start[first]), int(self.end[first + length - 1])


def word_table(texts: Iterable[str]) -> WordTable:
    """Make the table of these texts.

    >>> found = word_table(["Wait, 3 * 4 = 12. Is it?", "No!"])
    >>> [found.vocabulary[word] for word in found.word], found.sentence.tolist(), found.text.tolist()
    (['wait', '#', 'is', 'it', '?', 'no'], [0, 0, 1, 1, 1, 2], [0, 0, 0, 0, 0, 1])
    """
    known: dict[str, int] = {}
    columns = [array("q") for _ in range(5)]
    sentence = 0
    for place, text in enumerate(texts):
        for words in _sentences(text):
            for word, start, end in words:
                entry = (known.setdefault(word, len(known)), place, sentence, start, end)
                for column, value in zip(columns, entry, strict=True):
                    column.append(value)
            sentence += 1
    word_of, text_of, sentence_of, starts, ends = (np.array(column, dtype=np.int64) for column in columns)
    return WordTable(vocabulary=tuple(known), word=word_of, text=text_of, sentence=sentence_of, start=starts, end=ends)


def _sentences(text: str) -> Iterator[list[tuple[str, int, int]]]:
    """Yield the words of each sentence that has any, with where they begin and end."""
    words: list[tuple[str, int, int]] = []
    for piece in _PIECE.finditer(text):
        said = _word(piece)
        if said == NUMBER and words and words[-1][0] == NUMBER:
            words[-1] = (NUMBER, words[-1][1], piece.end())
        elif said:
            words.append((said, piece.start(), piece.end()))
        if words and (piece.lastgroup == "end" or len(words) >= LONGEST_SENTENCE):
            yield words
            words = []
    if words:
        yield words


def _word(piece: re.Match[str]) -> str:
    """Return the word that a piece of text is; empty where it is none."""
    kind = piece.lastgroup
    if kind == "number":
        return NUMBER
    if kind == "word":
        return piece[0][:_LONGEST_WORD].casefold().replace("\u2019", "'")
    if kind == "end":
        return "?" if piece[0] in _QUESTION else ""
    return piece[0] if _says_something(piece[0]) else ""


@lru_cache(maxsize=4096)
def _says_something(sign: str) -> bool:
    return sign not in _OF_SUMS and unicodedata.category(sign) in ("So", "Sm")
