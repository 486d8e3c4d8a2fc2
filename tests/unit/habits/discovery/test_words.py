"""What is a word, where a sentence ends, and that any text is read in linear time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.habits.discovery.words import LONGEST_SENTENCE, NUMBER, word_table


def said(text):
    """The sentences of a text as lists of words."""
    table = word_table([text])
    found = {}
    for word, sentence in zip(table.word, table.sentence, strict=True):
        found.setdefault(int(sentence), []).append(table.vocabulary[word])
    return list(found.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wait, that's 3.5!", [["wait", "that's", "#"]]),
        ("It is 3. No", [["it", "is", "#"], ["no"]]),
        ("3 * 4 = 12, or 13", [["#", "or", "#"]]),
        ("Is it? Yes", [["is", "it", "?"], ["yes"]]),
        ("one\ntwo", [["one"], ["two"]]),
        ("e.g. get_weather v2", [["e", "g"], ["get", "weather", "v", "#"]]),
        ("Don\u2019t \u2713 \u2014 \u00d7 \u2192 x", [["don't", "\u2713", "\u2192", "x"]]),
        ("\u7b49\u4e00\u4e0b\u3002 ok", [["\u7b49", "\u4e00", "\u4e0b"], ["ok"]]),
        ("\x1b[31m\x00\u202e", [["#", "m"]]),
        ("", []),
    ],
)
def test_words_and_sentences(text, expected):
    assert said(text) == expected


@given(st.lists(st.text(max_size=60), max_size=5))
def test_each_word_stands_where_it_says(texts):
    table = word_table(texts)
    assert sorted(table.sentence) == list(table.sentence)
    for word, text, start, end in zip(table.word, table.text, table.start, table.end, strict=True):
        piece = texts[text][start:end]
        name = table.vocabulary[word]
        assert piece
        assert (
            (any(letter.isdigit() for letter in piece))
            if name == NUMBER
            else piece.casefold()[:1] == name[:1]
            or (name == "?" or piece[:40].casefold().replace("\u2019", "'") == name)
        )


@pytest.mark.parametrize(
    "text",
    ["." * 300_000, "a" * 300_000, "1," * 150_000, "'" * 300_000, "a'" * 150_000, "?!" * 150_000, "wait " * 60_000],
    ids=["dots", "one word", "one number", "quotes", "apostrophes", "marks", "one sentence"],
)
def test_hostile_text_takes_linear_time(text):
    begin = time.perf_counter()
    sentences = said(text)
    assert time.perf_counter() - begin < 2
    assert max(map(len, sentences), default=0) <= LONGEST_SENTENCE
    assert max((len(word) for words in sentences for word in words), default=0) <= 40
