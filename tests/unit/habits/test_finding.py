"""A `finder` says of every text what `re.search` says."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.data.corpora.piece_step import exercise_marks
from secondthought.habits import finding, phrases, sentences
from secondthought.habits.catalog import shipped

MARKS = (*shipped(), *exercise_marks())
EXPRESSIONS = sorted(
    {phrases.expand(regex) for mark in MARKS for item in mark.patterns for regex in (*item.match, *item.unless)}
)
SENTENCES = [sentences.plain(text) for mark in MARKS for text in (*mark.examples.positive, *mark.examples.negative)]

_ATOMS = [
    "a",
    "b",
    "ab",
    " ",
    r"\b",
    r"\d",
    r"\.",
    "[ab]",
    "[^a]",
    ".",
    "^",
    "$",
    r"\n",
    "(?=a)",
    "(?<!b)",
    "(?<=^a)",
    "",
]
_REGEXES = st.recursive(
    st.sampled_from(_ATOMS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{0,2}", "{2}"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
    ),
    max_leaves=6,
)


@given(regex=_REGEXES, text=st.text("ab 1.\n", max_size=8))
def test_any_expression_is_found_where_re_finds_it(regex, text):
    assert (finding.finder(regex)(text) is None) == (re.search(regex, text) is None)


def test_every_shipped_expression_is_found_in_the_examples_where_re_finds_it():
    found = 0
    for regex in EXPRESSIONS:
        find, search = finding.finder(regex), re.compile(regex).search
        for sentence in SENTENCES:
            assert (find(sentence) is None) == (search(sentence) is None), (regex, sentence)
            found += search(sentence) is not None
    assert found > len(SENTENCES)


def test_of_nearly_all_shipped_expressions_it_is_known_how_they_begin():
    """Else the search is as slow as that of `re`."""
    unknown = [regex for regex in EXPRESSIONS if not finding.at_start(regex) and finding.beginnings(regex) is None]
    assert len(unknown) < 0.1 * len(EXPRESSIONS)


@pytest.mark.parametrize(
    ("regex", "begins"),
    [
        (r"\b(?:so|but)", {"s", "b"}),
        (r"(?:a(?:b|c)|\(x|\d)", {"a", r"\(", r"\d"}),
        (r"(?<!x)need", {"n"}),
        (r"[\d)] is", {r"\d)"}),
        ("a?b", None),
        ("(?:a|)b", None),
        ("(?:a|^)b", None),
        (r"\S+", None),
        ("", None),
    ],
)
def test_beginnings(regex, begins):
    assert finding.beginnings(regex) == begins
