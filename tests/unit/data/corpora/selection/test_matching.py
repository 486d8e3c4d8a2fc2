"""Pairs are alike, no document is in two, and the sets have just their tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.data.corpora.lots import lot_of
from secondthought.data.corpora.selection.candidates import Candidate, Kind
from secondthought.data.corpora.selection.matching import LONGER, pairs_of, to_budget
from secondthought.errors import ConfigError

kinds = st.builds(Kind, st.sampled_from(["web", "books"]), st.booleans(), st.just(False))
documents = st.lists(st.tuples(kinds, st.integers(1, 300), st.integers(0, 3)), max_size=60)


def candidates_of(rows):
    return [Candidate(lot_of(0, line), kind, tokens, finds, (line,)) for line, (kind, tokens, finds) in enumerate(rows)]


@given(documents)
def test_pairs_are_alike_and_no_document_is_in_two(rows):
    pairs = pairs_of(candidates_of(rows))
    for rich, poor in pairs:
        assert rich.kind == poor.kind
        assert rich.finds
        assert not poor.finds
        assert max(rich.tokens, poor.tokens) <= LONGER * min(rich.tokens, poor.tokens) + 1e-9
    used = [each.lot for pair in pairs for each in pair]
    assert len(used) == len(set(used))
    densities = [pair.rich.density for pair in pairs]
    assert densities == sorted(densities, reverse=True)


@given(documents, st.data())
def test_each_set_has_just_its_tokens(rows, data):
    pairs = pairs_of(candidates_of(rows))
    held = min(sum(pair.rich.tokens for pair in pairs), sum(pair.poor.tokens for pair in pairs))
    if held:
        tokens = data.draw(st.integers(1, held))
        for chosen in to_budget(pairs, tokens):
            assert sum(each.tokens for each in chosen) == tokens
            assert all(each.tokens == each.candidate.tokens for each in chosen[:-1])
    with pytest.raises(ConfigError, match=f"hold {held} tokens a side; ask for fewer"):
        to_budget(pairs, held + 1)


def test_neither_side_runs_ahead():
    """Where all poor documents are longer or all shorter by a little, they would be; with both at hand they are not."""
    kind = Kind("web", False, False)
    rich = [(kind, 100, 1)] * 40
    pairs = pairs_of(candidates_of([*rich, *[(kind, 110, 0)] * 40, *[(kind, 90, 0)] * 40]))
    ahead = 0
    for pair in pairs:
        ahead += pair.rich.tokens - pair.poor.tokens
        assert abs(ahead) <= 10
    assert len(pairs) == 40
