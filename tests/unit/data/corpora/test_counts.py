"""Counts add up: those of parts, merged in any order and written in between, are those of the whole."""

import json

from hypothesis import given
from hypothesis import strategies as st

from secondthought.data.corpora.counts import MOST_SOURCES, OTHERS, CorpusCounts, marks_in, merged
from secondthought.stats import wilson

documents = st.tuples(
    st.sampled_from(["web", "books"]), st.text("ab ", min_size=1, max_size=20), st.integers(0, 3), st.integers(0, 3)
)


def counted(rows):
    counts = CorpusCounts()
    for source, text, first, second in rows:
        counts.add(source, text, {"verification": first, "problem": second})
    return counts


@given(st.lists(st.lists(documents, max_size=6), max_size=5))
def test_parts_add_up_to_the_whole(parts):
    whole = counted([row for part in parts for row in part])
    written = [CorpusCounts.from_state(json.loads(json.dumps(counted(part).to_state()))) for part in parts]
    assert merged(written) == whole
    assert merged(reversed(written)) == whole


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
