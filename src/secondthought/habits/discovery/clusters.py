"""Sentences are put together by their words: those that share most words and pairs of words say the same thing.

Sentences that are word for word the same (numbers apart) are one *shape*. Shapes are gone through from the most
frequent on: each joins the most similar leader, or leads a cluster of its own. Leaders to compare with are found by
MinHash, so time is linear in the text. There is no chance in it: the same texts give the same clusters.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from secondthought import rng
from secondthought.habits.discovery.words import NUMBER, Numbers, WordTable

SIMILAR = 0.6
"""Words and pairs of words that two sentences have in common, of those that either has: from here on they are alike."""
COPIED = 0.8
"""Pairs of words of a sentence that its problem has: from here on it is said after the problem."""
_FEWEST_WORDS = 2
_BANDS, _ROWS = 20, 3
"""Sentences that are just alike have a band in common in 99 of 100 cases; those half as alike in 42."""
_MOST_COMPARED = 12
_MOST_NAMES = 40
"""Shapes of a cluster among which the most central one is looked for, the most frequent ones."""

Features: TypeAlias = frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentenceShape:
    """A `SentenceShape` is a sentence without its numbers, with the texts that hold it and where each does first."""

    words: tuple[int, ...]
    features: Features
    texts: Numbers
    places: Numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentenceCluster:
    """A `SentenceCluster` is sentences that are alike; the first shape is the most central one."""

    shapes: tuple[SentenceShape, ...]
    texts: Numbers
    places: Numbers
    """Where in the table each text's sentence begins, the one nearest to the centre."""
    lengths: Numbers
    """How many words it has."""


def sentence_clusters(table: WordTable, given: Numbers, *, least: int) -> list[SentenceCluster]:
    """Return the clusters whose sentences at least `least` texts hold, those of most texts first.

    Args:
        table: the words of the texts, and after them those of what was given.
        given: for each text, the place in the table of what was given for it.
        least: texts that must hold a sentence of the cluster.
    """
    shapes = sorted(_shapes(table, given), key=lambda shape: (-len(shape.texts), shape.words))
    members: list[list[SentenceShape]] = []
    leaders: dict[tuple[int, int], list[int]] = defaultdict(list)
    for shape, bands in zip(shapes, _bands(shapes), strict=True):
        met = Counter(leader for band in bands for leader in leaders[band])
        near = {leader: _jaccard(shape, members[leader][0]) for leader, _ in met.most_common(_MOST_COMPARED)}
        best = max(near, key=lambda leader: (near[leader], -leader), default=None)
        if best is not None and near[best] >= SIMILAR:
            members[best].append(shape)
            continue
        for band in bands:
            leaders[band].append(len(members))
        members.append([shape])
    clusters = [_cluster(group) for group in members if sum(len(shape.texts) for shape in group) >= least]
    return sorted((each for each in clusters if len(each.texts) >= least), key=lambda each: -len(each.texts))


def _cluster(shapes: Sequence[SentenceShape]) -> SentenceCluster:
    """Return the cluster, with the shape first that is most like the others."""
    frequent = shapes[:_MOST_NAMES]
    weights = [sum(_jaccard(shape, other) * len(other.texts) for other in frequent) for shape in frequent]
    centre = frequent[int(np.argmax(weights))]
    rest = sorted((shape for shape in shapes if shape is not centre), key=lambda shape: -_jaccard(shape, centre))
    ordered = (centre, *rest)
    texts = np.concatenate([shape.texts for shape in ordered])
    places = np.concatenate([shape.places for shape in ordered])
    lengths = np.concatenate([np.full(len(shape.texts), len(shape.words)) for shape in ordered])
    held, first = np.unique(texts, return_index=True)
    return SentenceCluster(shapes=ordered, texts=held, places=places[first], lengths=lengths[first])


@dataclass(slots=True)
class _Holders:
    """`_Holders` collect the texts of one shape; a text counts once."""

    texts: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def _shapes(table: WordTable, given: Numbers) -> Iterator[SentenceShape]:
    """Yield the shapes that texts hold, without those that they say after their problem."""
    holders: dict[tuple[int, ...], _Holders] = defaultdict(_Holders)
    spoken = np.array([word != NUMBER and word[0].isalpha() for word in table.vocabulary], dtype=np.int64)
    for place, text, words in _sentences(table, len(given)):
        if spoken[list(words)].sum() >= _FEWEST_WORDS:
            found = holders[words]
            if not found.texts or found.texts[-1] != text:
                found.texts.append(text)
                found.places.append(place)
    said = _Said(table, given)
    for words, found in holders.items():
        own = [not said.holds(words, text) for text in found.texts]
        texts, places = np.array(found.texts)[own], np.array(found.places)[own]
        if len(texts):
            features = _features(words, len(table.vocabulary))
            yield SentenceShape(words=words, features=features, texts=texts, places=places)


def _sentences(table: WordTable, num_texts: int) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Yield each sentence of the texts: where it begins, of which text it is, and its words."""
    begins = np.flatnonzero(np.diff(table.sentence, prepend=-1))
    ends = np.append(begins[1:], len(table.word))
    words = table.word.tolist()
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        text = int(table.text[begin])
        if text >= num_texts:
            return
        yield begin, text, tuple(words[begin:end])


class _Said:
    """`_Said` knows the pairs of words of what was given."""

    def __init__(self, table: WordTable, given: Numbers) -> None:
        """Take the table and, for each text, the place in it of what was given."""
        self._table, self._given = table, given
        self._pairs: dict[int, frozenset[tuple[int, int]]] = {}
        self._answers: dict[tuple[tuple[int, ...], int], bool] = {}

    def holds(self, words: tuple[int, ...], text: int) -> bool:
        """Tell whether what was given for a text holds nearly all of a sentence."""
        given = int(self._given[text])
        if given not in self._pairs:
            first, last = np.searchsorted(self._table.text, [given, given + 1])
            told = self._table.word[first:last].tolist()
            self._pairs[given] = frozenset(pairwise(told))
        key = (words, given)
        if key not in self._answers:
            pairs = list(pairwise(words))
            self._answers[key] = sum(pair in self._pairs[given] for pair in pairs) >= COPIED * len(pairs)
        return self._answers[key]


def _features(words: tuple[int, ...], size: int) -> Features:
    """Return the words of a sentence and its pairs of words, as numbers."""
    return frozenset((*words, *(size + first * size + second for first, second in pairwise(words))))


def _jaccard(a: SentenceShape, b: SentenceShape) -> float:
    both = len(a.features & b.features)
    return both / (len(a.features) + len(b.features) - both)


def _bands(shapes: Sequence[SentenceShape]) -> Iterator[list[tuple[int, int]]]:
    """Yield the bands of each shape's MinHash: two shapes with one in common are likely to be alike (Broder 1997)."""
    if not shapes:
        return
    sizes = [len(shape.features) for shape in shapes]
    flat = np.fromiter((item for shape in shapes for item in shape.features), dtype=np.uint64, count=sum(sizes))
    firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    mixed = _mixed(flat)
    rows = [np.minimum.reduceat(_mixed(mixed ^ salt), firsts) for salt in _salts()]
    bands = []
    for first in range(0, len(rows), _ROWS):
        band = np.zeros(len(shapes), dtype=np.uint64)
        for row in rows[first : first + _ROWS]:
            band = _mixed(band ^ row)
        bands.append(band.tolist())
    for values in zip(*bands, strict=True):
        yield list(enumerate(values))


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the values scattered over all 64-bit numbers (the finaliser of MurmurHash3)."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    mixed: npt.NDArray[np.uint64] = values ^ (values >> np.uint64(33))
    return mixed


@lru_cache(maxsize=1)
def _salts() -> npt.NDArray[np.uint64]:
    return np.array([rng.key("minhash", row) for row in range(_BANDS * _ROWS)], dtype=np.uint64)
