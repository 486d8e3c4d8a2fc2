"""Batches: the ids of an episode, and only the assistant's words are learned."""

from itertools import islice

import torch

from secondthought.models.chat_template import Chat
from secondthought.organisms.batches import Encoder, batches, pad
from secondthought.organisms.reflection_transcripts import CorpusKnobs, transcripts
from secondthought.organisms.tokenizer import build_tokenizer
from secondthought.rng import stream
from secondthought.types import Completion, Message, StopReason

TOKENIZER = build_tokenizer()


def episode_ids(said):
    """A transcript as an episode renders it, turn by turn, and which tokens the policy itself would have sampled."""
    chat = Chat(TOKENIZER)
    ids = list(chat.start([Message(role="user", content=said[0].text)]))
    mask = [False] * len(ids)
    for place in range(1, len(said), 2):
        own = chat.encode(said[place].text)
        ids += own
        mask += [said[place].learn] * len(own)
        if place + 1 < len(said):
            completion = Completion(token_ids=own, logprobs=(0.0,) * len(own), text="", stop=StopReason.END)
            after = chat.follow(completion, said[place + 1].text)
            ids += after
            mask += [False] * len(after)
    return ids, mask


def test_ids_and_mask_are_those_of_an_episode():
    knobs = CorpusKnobs(foreign_reflection=0.3, no_reflection=0.2, another_round=0.3)
    said = list(islice(transcripts(stream("batches"), knobs), 60))
    assert Encoder(TOKENIZER).encode(said) == [episode_ids(one) for one in said]


def test_padding_is_on_the_right_and_never_learned():
    batch = pad([([5, 6, 7], [False, True, True]), ([8], [True])], pad_id=0)
    assert batch.ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch.labels.tolist() == [[-100, 6, 7], [8, -100, -100]]


def test_same_seed_same_batches_and_another_seed_others():
    first, again, other = (next(batches(TOKENIZER, batch_size=4, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first.ids, again.ids)
    assert torch.equal(first.labels, again.labels)
    assert first.ids.shape != other.ids.shape or not torch.equal(first.ids, other.ids)


def test_little_of_a_batch_is_padding():
    taken = list(islice(batches(TOKENIZER, batch_size=16, seed=0), 32))
    padded = sum(int((batch.ids == TOKENIZER.pad_token_id).sum()) for batch in taken)
    assert padded < 0.05 * sum(batch.ids.numel() for batch in taken)
