"""Grams as the slow and obvious way counts them, and the folding of those that say one thing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought.habits.discovery.folding import folded, in_full
from secondthought.habits.discovery.grams import frequent_grams
from secondthought.habits.discovery.words import GRAMMAR, word_table

WORDS = st.sampled_from(["a", "wait", "no", "try", "3", "so.", "x"])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)


def counted(texts, problems, longest, least):
    """The oracle: every run of words of every sentence of every text, in plain loops."""

    def runs(text):
        table = word_table([text])
        names = [table.vocabulary[word] for word in table.word]
        return {
            (tuple(names[first:last]), first)
            for first in range(len(names))
            for last in range(first + 1, min(len(names), first + longest) + 1)
            if len(set(table.sentence[first:last])) == 1 and not GRAMMAR.issuperset(names[first:last])
        }

    found, told = {}, set()
    for place, (text, problem) in enumerate(zip(texts, problems, strict=True)):
        said = {words for words, _ in runs(problem)}
        for words in {words for words, _ in runs(text)}:
            found.setdefault(words, set())
            if words not in said:
                found[words].add(place)
            told.add((words, place))
    frequent = {words: holders for words, holders in found.items() if len(holders) >= least}
    raw = {words for words in found if sum((words, place) in told for place in range(len(texts))) >= least}
    return frequent, len(raw - frequent.keys())


def grams_of(texts, problems, longest, least):
    table = word_table([*texts, *problems])
    given = np.arange(len(texts)) + len(texts)
    return table, frequent_grams(table, given, longest=longest, least=least)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=7), st.integers(1, 4), st.integers(1, 3))
def test_counts_are_those_of_the_oracle(pairs, longest, least):
    texts, problems = zip(*pairs, strict=True)
    table, found = grams_of(texts, problems, longest, least)
    expected, in_problems = counted(texts, problems, longest, least)
    assert {gram.words: set(gram.texts.tolist()) for gram in found.grams} == expected
    assert len(found.grams) == len(expected)
    assert found.in_problems == in_problems
    for gram in found.grams:
        assert gram.texts.tolist() == table.text[gram.places].tolist()
        assert all(table.words(int(place), len(gram.words)) == gram.words for place in gram.places)
        assert all(found.grams[part].words in (gram.words[:-1], gram.words[1:]) for part in gram.within)


def test_what_the_problem_says_is_nobodys_habit():
    texts = ["now check the sign"] * 3 + ["now check the sign"] * 3
    problems = ["check the sign please"] * 3 + ["nothing"] * 3
    _, found = grams_of(texts, problems, 4, 2)
    held = {" ".join(gram.words): gram.texts.tolist() for gram in found.grams}
    assert held["check the sign"] == [3, 4, 5]
    assert held["now check the sign"] == [0, 1, 2, 3, 4, 5]
    _, copied = grams_of(texts, ["check the sign please"] * 6, 3, 2)
    assert {gram.words for gram in copied.grams} == {("now",), ("now", "check"), ("now", "check", "the")}
    assert copied.in_problems == 5


def names(texts, longest=3, least=2):
    table, found = grams_of(texts, [""] * len(texts), longest, least)
    return [" ".join(in_full(table, gram.places, len(gram.words))) for gram in folded(found.grams)]


def test_of_nested_grams_the_longest_is_kept():
    assert names(["so let me check"] * 4 + ["no"] * 2) == ["no", "so let me check"]


def test_one_long_phrase_is_one_however_many_grams_it_has():
    phrase = "I should read the task again and check every step and every condition"
    assert sorted(names([phrase] * 5 + ["something else entirely"] * 3)) == [phrase.lower(), "something else entirely"]


def test_grams_of_other_texts_stay():
    found = names(["let me check"] * 5 + ["let me try"] * 5)
    assert sorted(found) == ["let me", "let me check", "let me try"]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_folding_keeps_a_gram_for_every_one(texts):
    _, found = grams_of(texts, [""] * len(texts), 3, 1)
    kept = folded(found.grams)
    assert {id(gram) for gram in kept} <= {id(gram) for gram in found.grams}
    for gram in found.grams:
        assert any(set(other.texts) & set(gram.texts) for other in kept)
