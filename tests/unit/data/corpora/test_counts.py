"""Counts add up: those of parts, merged in any order and written in between, are those of the whole."""

import json

from hypothesis import given
from hypothesis import strategies as st

from secondthought.data.corpora.counts import MOST_SOURCES, OTHERS, CorpusCounts, marks_in, merged
from secondthought.data.corpora.lots import KEPT, MarkSample, lot_of
from secondthought.habits.rates import rate_of
from secondthought.stats import Ratio, wilson

documents = st.tuples(
    st.sampled_from(["web", "books"]), st.text("ab ", min_size=1, max_size=20), st.integers(0, 3), st.integers(0, 3)
)


def counted(rows, piece=0):
    counts = CorpusCounts()
    for line, (source, text, first, second) in enumerate(rows):
        counts.add(source, text, {"verification": first, "problem": second}, lot_of(piece, line))
    return counts


@given(st.lists(documents, max_size=8))
def test_rates_are_those_of_documents_one_by_one(rows):
    counts, ratio = counted(rows).total(), Ratio()
    for _, text, first, _ in rows:
        ratio.add(first, text.count(" ") + 1)
    assert repr(counts.per_1000_words("verification")) == repr(rate_of(ratio, ratio.n, 1000))


@given(st.lists(st.lists(documents, max_size=6), max_size=5))
def test_parts_add_up_to_the_whole(parts):
    counts = [counted(part, piece) for piece, part in enumerate(parts)]
    written = [CorpusCounts.from_state(json.loads(json.dumps(part.to_state()))) for part in counts]
    assert written == counts
    assert merged(written) == merged(counts) == merged(reversed(written))
    whole = counted([row for part in parts for row in part])
    assert merged(written).sources == whole.sources


def test_numbers_of_a_source():
    counts = counted([("web", "a b", 2, 0), ("web", "a b c d", 0, 0), ("books", "a", 1, 1)])
    web = counts.sources["web"]
    assert (web.documents, web.words, web.characters) == (2, 6, 10)
    assert web.prevalence("verification") == wilson(1, 2)
    assert web.per_1000_words("verification").estimate == 1000 * 2 / 6
    assert web.prevalence("unknown") == wilson(0, 2)
    assert counts.total().prevalence("verification") == wilson(2, 3)
    assert marks_in(counts) == ("verification", "problem")
    assert web.to_json()["marks"]["problem"]["prevalence"]["estimate"] == 0.0


def test_sources_without_end_do_not_fill_the_memory():
    counts = counted([(f"page-{number}", "a", 0, 0) for number in range(MOST_SOURCES + 50)])
    assert len(counts.sources) == MOST_SOURCES + 1
    assert counts.sources[OTHERS].documents == 50
    assert merged([counts, counts]).total().documents == 2 * (MOST_SOURCES + 50)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 400)), unique=True, max_size=400),
    st.integers(1, 9),
)
def test_the_sample_of_parts_is_that_of_the_whole(documents, parts):
    whole = MarkSample()
    for shown, piece, line in documents:
        whole.add(shown, lot_of(piece, line))
    merged = MarkSample()
    for part in range(parts):
        sample = MarkSample()
        for shown, piece, line in documents[part::parts]:
            sample.add(shown, lot_of(piece, line))
        merged.merge(sample)
    assert merged == whole
    lots = sorted(lot_of(piece, line) for shown, piece, line in documents if shown)
    assert whole.shown.lots == lots[:KEPT]


def test_every_document_is_as_likely_to_be_drawn():
    """Of 2,000 documents 100 are kept; lots know nothing of places."""
    sample = MarkSample()
    for line in range(2000):
        sample.add(True, lot_of(line // 500, line % 500))
    drawn = [500 * lot.piece + lot.line for lot in sample.shown.lots]
    assert len(drawn) == KEPT
    assert abs(sum(drawn) / KEPT - 1000) < 4 * 577 / KEPT**0.5
