"""Rows that go on from rows that have ended: the same tokens as if all were read, and nothing is read twice."""

from itertools import count

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import tiny_model

from secondthought import rng
from secondthought.inference import decoding
from secondthought.inference.decoding import Flight, Row
from secondthought.inference.plain_decoding import sample_plainly
from secondthought.inference.reading import PromptReader
from secondthought.models.tree_attention import tree_attention
from secondthought.types import Prompt, Sampling

STOPS = frozenset(range(0, 272, 24))
TRUNKS = ((5, 6, 7), tuple(range(20)), (9,))
FIRST, SECOND = Sampling(max_tokens=24), Sampling(max_tokens=9)


def follow(row, length):
    """What a user says after a row: another text after one that was cut off, as chat templates have it."""
    return (*((1,) if row.token_ids[-1] not in STOPS else ()), *range(60, 60 + length))


def fly(model, *, rows, retries=1, lengths=(3,), max_rows=1024, bystanders=0):
    """Rows of several trunks, and after each what goes on from it.

    Returns both kinds, the tokens of each forward, and the tokens that were written before, of each row that goes on.
    """
    read, spared, number = [], [], count()
    first = [
        Row(Prompt(trunk=TRUNKS[at % 3], tail=(8,) * (at % 2), key=rng.key("first", at)), 1.0, FIRST.max_tokens)
        for at in range(rows)
    ]
    second = []
    with torch.no_grad(), tree_attention(model):
        flight = Flight(model, STOPS, max_rows)
        forward = flight._reader.forward
        flight._reader.forward = lambda ids, *rest: read.append(ids.numel()) or forward(ids, *rest)
        flight.add(first)
        while flight.busy:
            ended = [row for row in flight.step() if row in first]
            added = []
            for row in ended:
                said = row.prompt.tail + tuple(row.token_ids)
                for _ in range(retries):
                    at = next(number)
                    tail = said + follow(row, lengths[at % len(lengths)])
                    prompt = Prompt(trunk=row.prompt.trunk, tail=tail, key=rng.key("second", at))
                    added.append(Row(prompt, 1.0, SECOND.max_tokens))
            if ended and bystanders:  # who does not go on from anything
                bystanders -= 1
                at = next(number)
                prompt = Prompt(trunk=TRUNKS[0], tail=(70, 71, 72), key=rng.key("second", at))
                added.append(Row(prompt, 1.0, SECOND.max_tokens))
            flight.add(added)
            spared += [row.beginning.length for row in added if row.beginning]
            second += added
    assert all(row.beginning is None for row in second)
    return first, second, read, spared


def assert_plain(model, rows, sampling):
    plain = sample_plainly(model, STOPS, [row.prompt for row in rows], sampling)
    assert [row.token_ids for row in rows] == [row.token_ids for row in plain]
    for row, other in zip(rows, plain, strict=True):
        assert row.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_who_goes_on_draws_the_tokens_of_the_plain_path(architecture):
    model = tiny_model(architecture)
    first, second, _, spared = fly(model, rows=9, retries=2, lengths=(3, 5), bystanders=2)
    assert_plain(model, first, FIRST)
    assert_plain(model, second, SECOND)
    assert len(spared) > len(second) / 2


@settings(max_examples=15)
@given(
    rows=st.integers(1, 7),
    retries=st.integers(1, 2),
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    max_rows=st.integers(1, 12),
    bystanders=st.integers(0, 3),
)
def test_whatever_goes_on_and_whenever_it_enters(rows, retries, lengths, max_rows, bystanders):
    model = tiny_model()
    first, second, *_ = fly(
        model, rows=rows, retries=retries, lengths=lengths, max_rows=max_rows, bystanders=bystanders
    )
    assert_plain(model, first, FIRST)
    assert_plain(model, second, SECOND)


def test_what_was_written_is_not_read_again(monkeypatch):
    def tokens():
        _, _, read, spared = fly(tiny_model(), rows=12)
        return sum(read), sum(spared) - len(spared)

    kept, spared = tokens()
    monkeypatch.setattr(decoding.Flight, "_keep_endings", lambda self, wave: None)
    anew, none = tokens()
    assert none == 0
    assert spared > 100
    # Less what the padding of ragged tails takes: each wave reads as many columns as its longest row has left.
    assert anew - kept > spared / 2


def test_rows_enter_in_the_same_order_in_every_run(monkeypatch):
    """In bf16 a row's rounding may depend on its place."""
    orders = []
    rows_on = PromptReader.rows_on
    monkeypatch.setattr(
        PromptReader,
        "rows_on",
        lambda self, trunks, rows: orders[-1].append([x[:2] for x in rows]) or rows_on(self, trunks, rows),
    )
    for _ in range(4):
        orders.append([])
        fly(tiny_model(), rows=30, retries=2, lengths=(3, 4, 5))
    assert any(len({number for number, _ in rows}) > 1 for rows in orders[0])
    assert orders[0] == orders[1] == orders[2] == orders[3]


def test_nothing_is_kept_that_nobody_asked_for():
    model = tiny_model()
    with torch.no_grad(), tree_attention(model):
        flight = Flight(model, STOPS)
        flight.add([Row(Prompt(trunk=TRUNKS[1], key=rng.key("row", at)), 1.0, 24) for at in range(6)])
        ended = []
        while not ended:
            ended = flight.step()
        assert flight._endings._of_trunk
        flight.step()
        tail = (*ended[0].token_ids, 60)
        late = Row(Prompt(trunk=TRUNKS[1], tail=tail, key=1), 1.0, 24)
        flight.add([late])
    assert late.beginning is None
