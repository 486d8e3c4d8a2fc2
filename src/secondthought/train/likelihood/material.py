"""The material of a run by likelihood: examples, which of them each step learns from, and which are held out."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from secondthought import rng
from secondthought.models.local import LocalModel
from secondthought.types import TokenIds


@dataclass(frozen=True, slots=True)
class Example:
    """An example is a prompt that is read and a completion that is learned; `line` is where it stands in the file."""

    line: int
    prompt: TokenIds
    completion: TokenIds

    @property
    def num_tokens(self) -> int:
        """Count the tokens of the whole example."""
        return len(self.prompt) + len(self.completion)


class Material(Protocol):
    """Inputs of a run, read before anything is written; steps count from 1."""

    @property
    def policy(self) -> LocalModel:
        """Return the model that learns."""
        ...

    @property
    def held_out(self) -> Sequence[Example]:
        """Return the examples whose loss is measured and never learned from."""
        ...

    @property
    def steps(self) -> int:
        """Return how many steps the run has."""
        ...

    def batch(self, step: int) -> Sequence[Example]:
        """Return what a step learns from; a resumed run asks for what an uninterrupted one asked for."""
        ...

    def epoch(self, step: int) -> float:
        """Return how often everything has been learned from after this step."""
        ...

    def is_measured(self, step: int) -> bool:
        """Return whether the held-out loss is measured after this step, and a checkpoint written."""
        ...

    def keeps(self, step: int) -> bool:
        """Return whether the checkpoint of this step stays, however many come after it."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return what `data.json` says, and the summary with it: `digest` tells other data from these."""
        ...

    def sentence(self) -> str:
        """Return what is learned from, in words."""
        ...


@functools.lru_cache(maxsize=2)
def epoch_order(what: str, seed: int, epoch: int, size: int) -> array[int]:
    """Return the places of everything that an epoch goes through, shuffled: a hash of seed and epoch decides."""
    order = array("Q", range(size))
    rng.stream(seed, what, "order", epoch).shuffle(order)
    return order
