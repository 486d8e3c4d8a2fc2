"""Reading prompts: trunks and tails in forwards of bounded size, and nothing that has been read before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.inference.branch_cache import BranchCache, Caches, TrunkRecorder, Trunks
from secondthought.inference.prefix_cache import Begun, PrefixCache
from secondthought.models.logits_kept import kept_logits
from secondthought.models.tree_attention import TreeLayout
from secondthought.types import TokenIds

READ_TOKENS = 1024
"""Tokens of trunks in one forward: enough for the speed of products, few enough for what layers make to stay small."""


class PromptReader:
    """A `PromptReader` reads trunks and tails. Needs `torch.no_grad` and `tree_attention` around it."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        self.device = model.device
        self._prefixes = PrefixCache()

    def trunks(
        self, wanted: Sequence[TokenIds], bare: AbstractSet[TokenIds], running: Sequence[Trunks]
    ) -> tuple[Trunks, Float[Tensor, "U V"] | None]:
        """Return keys and values of the trunks wanted, those read now first, and the logits after each of these.

        What has been read before is not read again, unless a row has nothing else to begin with (`bare`).
        """
        begun = {ids: found for ids in wanted if (found := self._prefixes.find(ids, others=running))}
        known = [ids for ids, (_, _, length) in begun.items() if length == len(ids) and ids not in bare]
        taken = [_picked([begun.pop(ids) for ids in known])] if known else []
        new = {ids: len(ids) for ids in wanted if ids not in begun and ids not in known}
        read = [self._read(block) for block in _bounded(new)]
        left = {ids: len(ids) - found.length for ids, found in begun.items()}
        read += [self._read_on(block, [begun[ids] for ids in block]) for block in _bounded(left)]
        for trunks, _ in read:
            self._prefixes.keep(trunks)
        if not read:
            return taken[0], None
        return Trunks.join([*(trunks for trunks, _ in read), *taken]), torch.cat([logits for _, logits in read])

    def _read(self, wanted: Sequence[TokenIds]) -> tuple[Trunks, Float[Tensor, "U V"]]:
        """Read trunks in one forward; return their keys and values, and the logits after each."""
        recorder = TrunkRecorder(wanted, self.device)
        last = [start + len(ids) - 1 for start, ids in zip(recorder.trunk_starts, wanted, strict=True)]
        logits = self.forward(recorder.input_ids, recorder.position_ids, recorder, self._tensor(last))[0]
        return recorder.trunks(), logits

    def _read_on(self, wanted: Sequence[TokenIds], begun: Sequence[Begun]) -> tuple[Trunks, Float[Tensor, "U V"]]:
        """Read what trunks go on with after what has been read of them: one token at least, for its logits."""
        begun = [
            found._replace(length=min(found.length, len(ids) - 1)) for ids, found in zip(wanted, begun, strict=True)
        ]
        tails = [ids[found.length :] for ids, found in zip(wanted, begun, strict=True)]
        cache = BranchCache(
            _picked(begun), torch.arange(len(wanted), device=self.device), self._tensor(list(map(len, tails)))
        )
        logits = self.tails(cache, tails, None, ())
        return cache.as_trunks(wanted), logits

    def tails(
        self,
        cache: BranchCache,
        tails: Sequence[TokenIds],
        trunk_logits: Float[Tensor, "U V"] | None,
        trunk_of: Sequence[int],
    ) -> Float[Tensor, "N V"]:
        """Return logits after every tail, read aligned on the right; after an empty one, those of its trunk."""
        size = max(len(tail) for tail in tails)
        bare = [at for at, tail in enumerate(tails) if not tail]
        if not size and trunk_logits is not None:
            return trunk_logits[self._tensor(trunk_of)]
        ids = self._tensor([[*[0] * (size - len(tail)), *tail] for tail in tails])
        positions = cache.positions(size)
        cache.begin(size)
        logits = self.forward(ids, positions, Caches([cache]), 1)[:, -1]
        cache.end()
        if bare and trunk_logits is not None:
            logits[self._tensor(bare)] = trunk_logits[self._tensor([trunk_of[at] for at in bare])]
        return logits

    def forward(self, ids: Tensor, positions: Tensor, tree: TreeLayout, keep: int | Tensor) -> Tensor:
        """Return the logits of the last `keep` positions, or of those that it names, flat."""
        return kept_logits(self.model, keep, input_ids=ids, position_ids=positions, use_cache=False, tree=tree)

    def _tensor(self, values: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self.device)


def _bounded(sizes: Mapping[TokenIds, int]) -> list[list[TokenIds]]:
    """Cut trunks into blocks of at most `READ_TOKENS` tokens that are read, or of one that has more by itself."""
    blocks: list[list[TokenIds]] = []
    room = 0
    for trunk, size in sizes.items():
        if not blocks or size > room:
            blocks.append([])
            room = READ_TOKENS
        blocks[-1].append(trunk)
        room -= size
    return blocks


def _picked(begun: Sequence[Begun]) -> Trunks:
    """Return the beginnings of trunks, in this order, out of what holds them."""
    return Trunks.join([found.trunks.pick([found.at], [found.length]) for found in begun])
