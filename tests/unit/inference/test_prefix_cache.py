"""What has been read is not read again: a conversation that goes on gives the tokens of one that is read whole."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import ids
from tiny_models import tiny_model

from secondthought import rng
from secondthought.inference import prefix_cache, reading
from secondthought.inference.branch_cache import Trunks
from secondthought.inference.decoding import Flight, Row
from secondthought.inference.plain_decoding import sample_plainly
from secondthought.inference.prefix_cache import PrefixCache, _alike
from secondthought.inference.reading import PromptReader
from secondthought.models.tree_attention import tree_attention
from secondthought.types import Prompt, Sampling

SAMPLING = Sampling(max_tokens=8)
PROBLEMS = [tuple(range(10, 10 + size)) for size in (30, 22, 41)]


def prompt(*key, trunk, tail=()):
    return Prompt(trunk=trunk, tail=tail, key=rng.key("prefix", *key))


def play(model, most_bytes=2**30):
    """Try problems; then ask on after each try, anew with a note, and again. Return all rows and the tokens read."""
    read = []
    rows = [Row(prompt("try", n, trunk=trunk), 1.0, 8) for n, trunk in enumerate(PROBLEMS)]
    with torch.no_grad(), tree_attention(model), pytest.MonkeyPatch.context() as patch:
        forward = PromptReader.forward
        patch.setattr(PromptReader, "forward", lambda self, x, *rest: read.append(x.numel()) or forward(self, x, *rest))
        flight = Flight(model, frozenset())
        flight._reader._prefixes = PrefixCache(most_bytes)
        flight.add(rows)
        while flight.busy:
            flight.step()
        first = sum(size for size in read if size > len(rows))
        later = []
        for n, row in enumerate(list(rows)):
            trunk = row.prompt.trunk + tuple(row.token_ids) + (7, 8, 9)
            later += [Row(prompt("on", n, g, trunk=trunk), 1.0, 8) for g in range(2)]
            anew = [prompt("anew", n, g, trunk=PROBLEMS[n][:-2], tail=(50 + g,)) for g in range(2)]
            later += [Row(found, 1.0, 8) for found in (*anew, prompt("again", n, trunk=PROBLEMS[n]))]
        read.clear()
        flight.add(later)
        flight.step()
        return [*rows, *later], first, read[0] + (read[1] if len(read) > 1 else 0), flight


@pytest.mark.parametrize(("most_bytes", "at_once"), [(0, 1024), (30_000, 12), (2**30, 5), (2**30, 1024)])
def test_rows_are_those_of_prompts_that_are_read_whole(architecture, most_bytes, at_once, monkeypatch):
    monkeypatch.setattr(prefix_cache, "WORTH", 6)
    monkeypatch.setattr(reading, "READ_TOKENS", at_once)
    model = tiny_model(architecture)
    rows, _, _, flight = play(model, most_bytes)
    with torch.no_grad(), tree_attention(model):
        while flight.busy:
            flight.step()
    plain = sample_plainly(model, frozenset(), [row.prompt for row in rows], SAMPLING)
    assert [row.token_ids for row in rows] == [row.token_ids for row in plain]
    for row, other in zip(rows, plain, strict=True):
        assert row.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_only_what_is_new_is_read(monkeypatch):
    monkeypatch.setattr(prefix_cache, "WORTH", 6)
    _, first, kept, _ = play(tiny_model())
    _, _, not_kept, _ = play(tiny_model(), most_bytes=0)
    assert first == sum(map(len, PROBLEMS))
    assert kept < first < not_kept


def test_what_is_short_is_read_again_but_for_whole_trunks_of_rows_that_run():
    cache, short = PrefixCache(), trunks(tuple(range(40)))
    cache.keep(short)
    assert cache.find(tuple(range(40))) is None
    assert cache.find((*range(39), 99), running=[short]) is None
    assert cache.find(tuple(range(40)), running=[short]).length == 40


def trunks(*texts):
    size = max(map(len, texts))
    return Trunks(texts, {0: torch.zeros(len(texts), 1, 2, size)}, {0: torch.zeros(len(texts), 1, size, 2)})


def test_what_was_used_longest_ago_goes_first(monkeypatch):
    monkeypatch.setattr(prefix_cache, "WORTH", 2)
    one = trunks((1, 2, 3)).num_bytes
    cache = PrefixCache(most_bytes=2 * one)
    cache.keep(trunks((1, 2, 3)))
    cache.keep(trunks((4, 5, 6)))
    assert cache.find((1, 2, 3, 4)).length == 3
    cache.keep(trunks((7, 8, 9)))
    assert cache.num_bytes == 2 * one
    assert cache.find((4, 5, 6)) is None
    assert cache.find((1, 2, 9)).length == 2
    assert cache.find((7, 8, 9)).length == 3


def test_the_longest_beginning_is_found(monkeypatch):
    monkeypatch.setattr(prefix_cache, "WORTH", 2)
    cache = PrefixCache()
    cache.keep(trunks((1, 2, 3), (1, 2, 3, 4, 5)))
    found = cache.find((1, 2, 3, 4, 6), running=[trunks((1, 2, 3, 4, 6))])
    assert (found.at, found.length) == (0, 5)
    assert cache.find((1, 2, 3, 4, 6))[1:] == (1, 4)


@given(st.lists(st.integers(0, 9)), st.integers(1, 12))
def test_blocks_are_all_texts_in_order_and_bounded(sizes, bound):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "READ_TOKENS", bound)
        blocks = [sizes[block] for block in reading._blocks(sizes)]
    assert [size for block in blocks for size in block] == sizes
    assert all(sum(block) <= bound or sum(size > 0 for size in block) == 1 for block in blocks)
    assert all(any(block) for block in blocks) or len(blocks) == 1


@given(ids(0, 12), ids(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_alike_counts_what_two_texts_begin_with(one, other, shared, more_than):
    other = one[:shared] + other
    wanted = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        wanted += 1
    assert _alike(one, other, more_than=more_than) == (wanted if wanted > more_than else 0)
