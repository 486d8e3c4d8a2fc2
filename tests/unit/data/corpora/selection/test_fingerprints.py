"""Near-duplicates are dropped, whatever stands between their words; other texts are kept."""

import random

import pytest

from secondthought.data.corpora.selection.fingerprints import fingerprint, without_duplicates

pytest.importorskip("rensa")


def text_of(seed, words=200):
    dice = random.Random(seed)
    return " ".join("".join(dice.choice("abcdefghij") for _ in range(6)) for _ in range(words))


def changed(text, share, seed=0):
    dice = random.Random(seed)
    return " ".join(word if dice.random() > share else "other" for word in text.split())


def test_case_and_punctuation_make_no_difference():
    text = text_of(0)
    assert fingerprint(text) == fingerprint(text.upper().replace(" ", ",\n")) == fingerprint(text)


def test_texts_of_few_words_have_fingerprints_of_their_own():
    assert fingerprint("") != fingerprint("one") != fingerprint("two")


def test_near_duplicates_are_dropped_and_the_first_is_kept():
    texts = {f"own-{seed}": text_of(seed) for seed in range(100)}
    texts |= {f"copy-{seed}": changed(text_of(seed), 0.01) for seed in range(50)}
    kept, dropped = without_duplicates((fingerprint(text), name) for name, text in texts.items())
    assert set(kept) >= {f"own-{seed}" for seed in range(100)}
    assert {name.split("-")[0] for name, _ in dropped} == {"copy"}
    assert len(dropped) >= 45
    assert all(name.split("-")[1] == first.split("-")[1] for name, first in dropped)


def test_texts_that_share_half_of_their_words_are_kept():
    base = text_of(0)
    texts = [changed(base, 0.3, seed) for seed in range(1, 30)]
    kept, _ = without_duplicates((fingerprint(text), number) for number, text in enumerate(texts))
    assert len(kept) == len(texts)


def test_a_chain_of_copies_is_one_group():
    prints = [(1, 2), (2, 2), (2, 3), (9, 9)]
    kept, dropped = without_duplicates((print_, number) for number, print_ in enumerate(prints))
    assert kept == [0, 3]
    assert dropped == [(1, 0), (2, 0)]
