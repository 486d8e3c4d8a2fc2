"""A row that ends leaves what it wrote to the row that goes on from there: a retry does not read its reflection again.

    trunk | tail, tokens that are drawn                 ends: its own keys and values are taken out of the cache
    trunk | tail, the same tokens, a request -> ...     enters with them, and reads only what is new

Who goes on says so before the next token is drawn, so nothing is kept for longer without being asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from secondthought.types import TokenIds


class Written(NamedTuple):
    """`Written` are the own keys and values, (N, H, C, D) in each layer, of N rows that ended together.

    They end at column C; each row's begin at a column of its own.
    """

    starts: Int[Tensor, " N"]
    keys: Mapping[int, Tensor]
    values: Mapping[int, Tensor]

    @property
    def size(self) -> int:
        """Return C, the columns of the longest."""
        return next(iter(self.keys.values())).shape[2]

    def pick(self, rows: Sequence[int], fewer: int) -> Written:
        """Pick some of the rows, each without its last tokens, `fewer` of them."""
        at = torch.tensor(rows, device=self.starts.device)
        keys, values = (
            {n: x[at, :, : self.size - fewer] for n, x in part.items()} for part in (self.keys, self.values)
        )
        return Written(self.starts[at], keys, values)


class Beginning(NamedTuple):
    """A `Beginning` says where the first `length` tokens of a row's tail have been read: in row `at` of `written`."""

    written: Written
    at: int
    length: int


class Endings:
    """`Endings` are the rows that ended with the token drawn last."""

    def __init__(self) -> None:
        self._of_trunk: dict[TokenIds, list[tuple[TokenIds, Beginning]]] = {}

    def add(self, written: Written, rows: Sequence[tuple[TokenIds, TokenIds]]) -> None:
        """Add rows that ended, each by its trunk and by the tokens after it that were read."""
        for at, (trunk, read) in enumerate(rows):
            self._of_trunk.setdefault(trunk, []).append((read, Beginning(written, at, len(read))))

    def find(self, trunk: TokenIds, tail: TokenIds) -> Beginning | None:
        """Return the ending that a tail of this trunk goes on from; None if that is less than half of the tail."""
        for read, beginning in self._of_trunk.get(trunk, ()):
            if len(tail) <= 2 * len(read) < 2 * len(tail) and tail[: len(read)] == read:
                return beginning
        return None

    def clear(self) -> None:
        """Forget them."""
        self._of_trunk = {}
