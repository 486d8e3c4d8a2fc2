"""Overlap of texts, against loops that follow the definitions word by word."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.evaluate import overlap

WORDS = st.lists(st.sampled_from("abc"), max_size=9)
TEXTS = WORDS.map(" ".join)


def places(words, size):
    return [words[i : i + size] for i in range(len(words) - size + 1)]


@given(WORDS)
def test_repetition_counts_what_stood_before(words):
    found = places(words, 3)
    again = [found[i] in found[:i] for i in range(len(found))]
    got = overlap.repeated_share(" ".join(words))
    assert math.isnan(got) if not found else got == pytest.approx(sum(again) / len(found))


@given(WORDS, WORDS)
def test_copies_are_looked_for_at_every_place(words, source):
    size = min(4, len(words))
    found = places(words, size) if size else []
    got = overlap.copied_share(" ".join(words), " ".join(source))
    known = [gram in places(source, size) for gram in found]
    assert math.isnan(got) if not found else got == pytest.approx(sum(known) / len(found))


@given(st.lists(TEXTS, max_size=6))
def test_sharing_is_summed_over_all_pairs(texts):
    each = [{tuple(gram) for gram in places(text.split(), 2)} for text in texts]
    each = [found for found in each if found]
    got = overlap.shared_with_others(texts)
    for i, one in enumerate(each):
        others = each[:i] + each[i + 1 :]
        assert got.given[i] == pytest.approx(sum(len(one & other) / len(one) for other in others))
        assert got.taken[i] == pytest.approx(sum(len(one & other) / len(other) for other in others))


@given(st.text())
def test_any_text_has_an_overlap(text):
    assert overlap.plain(overlap.plain(text)) == overlap.plain(text)
    shares = [overlap.repeated_share(text), overlap.copied_share(text, text)]
    assert all(math.isnan(share) or 0 <= share <= 1 for share in shares)
    assert shares[1] == 1 or not overlap.words(text)


def test_case_marks_and_spacing_are_no_difference():
    assert overlap.plain(' "Get_Weather"(city: ROME).') == overlap.plain("get weather city rome")
