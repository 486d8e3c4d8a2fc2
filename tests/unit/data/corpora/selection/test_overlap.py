"""Groups of words that evaluation texts share with training texts, compared with the plainest search."""

from hypothesis import given
from hypothesis import strategies as st

from secondthought.data.corpora.selection.overlap import GROUP, SHORTEST, EvaluationTexts

sentences = st.lists(st.sampled_from("abc"), min_size=0, max_size=30).map(" ".join)


@given(st.lists(sentences, max_size=4), sentences)
def test_as_the_plainest_search_finds_it(held_out, text):
    words = text.split()

    def shares(other):
        size = min(GROUP, len(other))
        groups = [other[at : at + size] for at in range(len(other) - size + 1)]
        return size >= SHORTEST and any(words[at : at + size] in groups for at in range(len(words) - size + 1))

    assert bool(EvaluationTexts(held_out).shared_with(text)) == any(shares(other.split()) for other in held_out)


def test_what_stands_between_words_makes_no_difference():
    held_out = EvaluationTexts(["A train leaves at 5:30, and arrives after three hours; when is that?"])
    assert held_out.shared_with("... A TRAIN leaves at 5:30 and arrives, after three hours. When is that?! ...")
    assert not held_out.shared_with("A train leaves at 6:30 and arrives after three hours; when is that?")
