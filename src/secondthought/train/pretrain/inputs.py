"""Inputs of continued pretraining are read before anything is written: the model, the documents, their order."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought import rng
from secondthought.config.pretrain import PretrainConfig
from secondthought.data.corpora.documents import CorpusDocument, Fields, SetAside, documents_of
from secondthought.data.corpora.pieces import pieces_of
from secondthought.errors import ConfigError
from secondthought.models.loading import load_model
from secondthought.models.local import LocalModel
from secondthought.train.likelihood.material import Example, epoch_order
from secondthought.train.pretrain.windows import DocumentTokens, TokenStore, Windows

PROMPT = "prompt"
"""The field of a row with which its text begins, where only what follows is learned."""
MEASUREMENTS = 10
"""How often held-out documents are read in a run, unless `train.eval_every` says otherwise."""


@dataclass(slots=True)
class Tokenizing:
    """A `Tokenizing` turns texts into ids, and counts what it could not take."""

    policy: LocalModel
    config: PretrainConfig
    set_aside: int = 0
    """Documents that could not be read."""
    first_set_aside: str = ""
    too_long: int = 0
    """Documents whose prompt leaves no room for a response."""

    def documents(self, inputs: Sequence[str]) -> Iterator[DocumentTokens]:
        """Yield the documents of files, folders and addresses, in their order.

        Raises:
            ConfigError: a file is not there, or a row lacks the prompt that `learn` asks for.
        """
        spans = (span for piece in pieces_of(inputs) for span in piece)
        for span in spans:
            for read in documents_of(span, Fields()):
                if isinstance(read, SetAside):
                    self.set_aside += 1
                    self.first_set_aside = self.first_set_aside or f"{read.path}: {read.reason}"
                    continue
                found = self._tokens(read, span.path)
                if found.num_read < self.config.max_length:
                    yield found
                else:
                    self.too_long += 1

    def _tokens(self, document: CorpusDocument, path: str) -> DocumentTokens:
        chat = self.policy.chat
        eos = chat.tokenizer.eos_token_id
        end = chat.end_of_turn if eos is None else int(eos)
        opening = chat.plain("") or (end,)
        if self.config.learn == "all":
            ids = chat.plain(document.text)[len(chat.plain("")) :]
            return DocumentTokens((*opening, *ids, end))
        prompt = document.rest.get(PROMPT)
        if not isinstance(prompt, str) or not document.text.startswith(prompt):
            raise ConfigError(
                f"{path}: document {document.id} has no {PROMPT!r} that its text begins with; with learn = 'responses' "
                "each needs one (`corpora rewrite` writes it), or learn all"
            )
        read = (*opening, *chat.plain(prompt)[len(chat.plain("")) :])
        return DocumentTokens((*read, *chat.plain_answer(document.text[len(prompt) :]), end), len(read))


@dataclass(frozen=True, slots=True)
class WindowOrder:
    """The order in which a run goes through its windows, to an exact number of tokens to learn.

    A step learns from the windows whose first token falls into its share of the tokens; the last window is cut.
    """

    places: array[int]
    """Window after window, epoch after epoch."""
    offsets: array[int]
    """How many tokens were learned before each."""
    tokens: int
    """To learn in all."""
    batch_tokens: int

    @classmethod
    def of(cls, config: PretrainConfig, windows: Windows) -> WindowOrder:
        """Shuffle the windows of each epoch until the tokens are reached.

        Raises:
            ConfigError: a step is shorter than a window, or nothing is learned.
        """
        size, train = config.train.batch_tokens, config.train
        if size < config.max_length:
            raise ConfigError(
                f"train.batch_tokens ({size}) is less than max_length ({config.max_length}); a step holds a window"
            )
        tokens = train.tokens or train.epochs * windows.num_learned
        places, offsets, offset, epoch = array("Q"), array("Q"), 0, 0
        while offset < tokens:
            for place in epoch_order("pretrain", config.seed, epoch, len(windows)):
                if offset >= tokens:
                    break
                places.append(place)
                offsets.append(offset)
                offset += windows.learned(place)
            epoch += 1
        return cls(places, offsets, tokens, size)

    @property
    def steps(self) -> int:
        """Return how many steps there are."""
        return self.offsets[-1] // self.batch_tokens + 1

    def batch(self, step: int) -> list[tuple[int, int]]:
        """Return the windows of a step, each with how many of its tokens may be learned."""
        first, after = (bisect_left(self.offsets, each * self.batch_tokens) for each in (step - 1, step))
        return [(self.places[each], self.tokens - self.offsets[each]) for each in range(first, after)]

    def learned(self, step: int) -> int:
        """Return how many tokens have been learned after a step."""
        after = bisect_left(self.offsets, step * self.batch_tokens)
        return self.offsets[after] if after < len(self.offsets) else self.tokens


@dataclass(frozen=True, slots=True)
class PretrainMaterial:
    """Inputs of a run: model, windows and their order, read before anything is written."""

    config: PretrainConfig
    policy: LocalModel
    read: Tokenizing
    windows: Windows
    held_out: Windows
    order: WindowOrder
    digest: str
    left_out: int
    """Documents of the data that are held out, those equal to a document of `held_out` among them."""

    @classmethod
    def of(cls, config: PretrainConfig) -> PretrainMaterial:
        """Read the model and the documents that a config names."""
        policy = load_model(config.model, LocalModel)
        policy.shares(config.train.share_trunk)  # what is wrong with a model is said before anything is written
        limit = min((config.max_length, *(limit.tokens for limit in policy.length_limits)))
        if limit < config.max_length:
            raise ConfigError(f"max_length: the model reads at most {limit} tokens, and this is {config.max_length}")
        read = Tokenizing(policy, config)
        store = _stored(read.documents(config.data))
        if config.held_out is not None:
            others = _stored(read.documents([config.held_out]))
            if not len(others):
                raise ConfigError(f"held_out: {config.held_out} holds no document that can be read")
            held_out, known = (
                Windows(others, range(len(others)), limit),
                set(map(others.fingerprint, range(len(others)))),
            )
            chosen = {number for number in range(len(store)) if store.fingerprint(number) in known}
        else:
            chosen = held_out_of(store, config.eval_share, config.seed)
            held_out = Windows(store, sorted(chosen), limit)
        windows = Windows(store, (number for number in range(len(store)) if number not in chosen), limit)
        if not len(windows):
            raise ConfigError(f"{', '.join(config.data)}: holds no document to learn from")
        digest = f"{windows.digest()}-{held_out.digest()}"
        return cls(config, policy, read, windows, held_out, WindowOrder.of(config, windows), digest, len(chosen))

    @property
    def steps(self) -> int:
        """Return how many steps the run has."""
        return self.order.steps

    def batch(self, step: int) -> list[Example]:
        """Return the windows of a step; the run's last one is cut to the tokens that are left."""
        cut = ((self.windows[place], most) for place, most in self.order.batch(step))
        return [Example(each.line, each.prompt, each.completion[:most]) for each, most in cut]

    def epoch(self, step: int) -> float:
        """Return how often every token has been learned, on average."""
        return self.order.learned(step) / self.windows.num_learned

    def is_measured(self, step: int) -> bool:
        """Return whether held-out documents are read after this step."""
        every = self.config.train.eval_every or math.ceil(self.steps / MEASUREMENTS)
        return step == self.steps or step % every == 0

    def keeps(self, step: int) -> bool:
        """Return False: only the best and the last checkpoint stay."""
        return False

    def facts(self) -> dict[str, Any]:
        """Return what `data.json` says, and the summary with it."""
        return {
            "data": ", ".join(self.config.data),
            "digest": self.digest,
            "documents": self.windows.documents,
            "windows": len(self.windows),
            "held_out": self.held_out.documents,
            "set_aside": self.read.set_aside,
            "too_long": self.read.too_long,
            "tokens": self.windows.num_learned,
            "tokens_to_learn": self.order.tokens,
        }

    def sentence(self) -> str:
        """Return what is learned from, in words."""
        facts, read = self.facts(), self.read
        aside = f", {read.set_aside} could not be read ({read.first_set_aside})" if read.set_aside else ""
        equal = self.left_out if self.config.held_out is not None else 0
        twice = f", {equal} left out since they are held out" if equal else ""
        long = f", {read.too_long} have a prompt that leaves no room for a response" if read.too_long else ""
        return (
            f"{facts['documents']} documents of {facts['tokens']} tokens to learn, {facts['held_out']} held out{twice}"
            f"{aside}{long}; {self.order.tokens} tokens in {self.steps} steps"
        )


def held_out_of(store: TokenStore, share: float, seed: int) -> set[int]:
    """Return the numbers of documents to hold out, that share of the different ones; equal ones stay together.

    Raises:
        ConfigError: there are too few documents for both sides.
    """
    if not share or not len(store):
        return set()
    numbers: dict[bytes, list[int]] = {}
    for number in range(len(store)):
        numbers.setdefault(store.fingerprint(number), []).append(number)
    different = list(numbers)
    count = max(1, round(share * len(different)))
    if count >= len(different):
        raise ConfigError(
            f"eval_share: {len(different)} different documents are too few to hold out {share:g} of them; set it to 0, "
            "or name other documents with held_out"
        )
    rng.stream(seed, "pretrain", "held out").shuffle(different)
    return {number for each in different[:count] for number in numbers[each]}


def _stored(documents: Iterator[DocumentTokens]) -> TokenStore:
    store = TokenStore()
    for document in documents:
        store.add(document)
    return store
