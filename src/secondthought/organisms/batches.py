"""The step from transcripts to padded batches of token ids, in which only what the model is to say is learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor

from secondthought.organisms.habit_transcripts import HabitKnobs
from secondthought.organisms.reflection_transcripts import CorpusKnobs
from secondthought.organisms.tokenizer import ASSISTANT, END, TranscriptMessage
from secondthought.rng import stream

_POOL_BATCHES = 64
"""Batches are cut from so many sorted by length, so that little is padded, and then shuffled."""


class Batch(NamedTuple):
    """A `Batch` holds ids and labels, both (B, T), padded on the right; a label is -100 where nothing is learned."""

    ids: Tensor
    labels: Tensor


class Encoder:
    """An `Encoder` turns transcripts into ids, as the chat template would render them."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.assistant, self.end = tokenizer.convert_tokens_to_ids([ASSISTANT, END])

    def encode(self, transcripts: Sequence[Sequence[TranscriptMessage]]) -> list[tuple[list[int], list[bool]]]:
        """Return each transcript's ids, and which are learned: the assistant's words and the end of its turn."""
        texts = ["".join(f"<|{role}|>{text}{END}" for role, text, _ in messages) for messages in transcripts]
        encoded = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return [(ids, self._learned(ids, messages)) for ids, messages in zip(encoded, transcripts, strict=True)]

    def _learned(self, ids: list[int], messages: Sequence[TranscriptMessage]) -> list[bool]:
        mask, turn, speaking = [], 0, False
        for token in ids:
            mask.append(speaking and messages[turn].learn)
            if token == self.assistant:
                speaking = True
            elif token == self.end:
                speaking, turn = False, turn + 1
        return mask


def batches(
    tokenizer: Any, *, batch_size: int, seed: int, knobs: CorpusKnobs | HabitKnobs | None = None
) -> Iterator[Batch]:
    """Yield batches without end, the same for the same arguments."""
    encoder = Encoder(tokenizer)
    source = (knobs or CorpusKnobs()).transcripts(stream("organism", "corpus", seed))
    order = stream("organism", "order", seed)
    while True:
        pool = encoder.encode(list(islice(source, batch_size * _POOL_BATCHES)))
        pool.sort(key=lambda row: len(row[0]))
        starts = list(range(0, len(pool), batch_size))
        order.shuffle(starts)
        for start in starts:
            yield pad(pool[start : start + batch_size], tokenizer.pad_token_id)


def pad(rows: Sequence[tuple[list[int], list[bool]]], pad_id: int) -> Batch:
    """Pad rows of alike length to one batch."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), width), pad_id)
    labels = torch.full((len(rows), width), -100)
    for i, (row, learned) in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        labels[i, : len(row)] = torch.tensor([t if m else -100 for t, m in zip(row, learned, strict=True)])
    return Batch(ids, labels)
