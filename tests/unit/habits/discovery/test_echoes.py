"""Echoes: a change that a longer phrase explains is not told again."""

import numpy as np

from secondthought.habits.discovery.changes import Sides
from secondthought.habits.discovery.echoes import FoundPhrase, echoes
from secondthought.habits.discovery.texts import WrittenText

SIDES = Sides.of(
    [WrittenText(source="", text="", problem=f"a{place}") for place in range(40)],
    [WrittenText(source="", text="", problem=f"b{place}") for place in range(40)],
)


def phrase(words, texts, places=None):
    names = tuple(words.split())
    at = np.array(list(texts), dtype=np.int64)
    return FoundPhrase(words=names, length=len(names), texts=at, places=at * 100 if places is None else places)


LONG = phrase("as an aside it is lucky", range(40, 60))


def test_a_part_of_a_longer_phrase_is_its_echo():
    assert echoes([phrase("lucky", range(38, 60)), LONG], SIDES, 0.05) == [True, False]


def test_a_phrase_that_others_go_on_with_too_is_none():
    more = phrase("lucky", range(40, 75))
    assert echoes([more, LONG], SIDES, 0.05) == [False, False]


def test_words_at_the_same_place_are_an_echo_in_any_order_of_the_list():
    beside = phrase("hm so as", range(40, 58), np.arange(40, 58) * 100 - 2)
    elsewhere = phrase("hm so as", range(40, 58), np.arange(40, 58) * 100 - 50)
    assert echoes([LONG, beside], SIDES, 0.05) == [False, True]
    assert echoes([LONG, elsewhere], SIDES, 0.05) == [False, False]


def test_words_within_words_are_no_part():
    luck = phrase("luck", range(40, 60), np.arange(40, 60) * 100 - 50)
    assert echoes([luck, LONG], SIDES, 0.05) == [False, False]
    assert echoes([], SIDES, 0.05) == []
