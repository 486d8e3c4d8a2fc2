"""Reading prompts: trunks and tails in forwards of bounded size, and nothing that has been read before."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.inference.branch_cache import BranchCache, Caches, TrunkRecorder, Trunks
from secondthought.inference.prefix_cache import Begun, PrefixCache
from secondthought.inference.written import Beginning
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
        begun = {ids: found for ids in wanted if (found := self._prefixes.find(ids, running=running))}
        new = [ids for ids in wanted if ids not in begun]
        known = [ids for ids, (_, _, length) in begun.items() if length == len(ids) and ids not in bare]
        taken = [_picked([begun.pop(ids) for ids in known])] if known else []
        read = [self._read(new[block]) for block in _blocks([len(ids) for ids in new])]
        left = list(begun.items())
        for block in _blocks([len(ids) - found.length for ids, found in left]):
            read.append(self._read_on(*zip(*left[block], strict=True)))
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
        cache = self._cache(_picked(begun), range(len(wanted)), tails)
        logits = self._tails(cache, list(enumerate(tails)), None)
        return cache.as_trunks(wanted), logits

    def rows(
        self, trunks: Trunks, trunk_logits: Float[Tensor, "U V"] | None, rows: Sequence[tuple[int, TokenIds]]
    ) -> tuple[BranchCache, Float[Tensor, "N V"]]:
        """Read rows, each a trunk's number and a tail; return their cache, and the logits after each."""
        read = []
        for block in _blocks([len(tail) for _, tail in rows]):
            part = rows[block]
            needed = sorted({trunk for trunk, _ in part})
            own = trunks if len(needed) == len(trunks.ids) else trunks.pick(needed)
            cache = self._cache(own, [needed.index(trunk) for trunk, _ in part], [tail for _, tail in part])
            read.append((cache, self._tails(cache, part, trunk_logits)))
        return joined(read)

    def rows_on(
        self, trunks: Trunks, rows: Sequence[tuple[int, TokenIds, Beginning]]
    ) -> tuple[BranchCache, Float[Tensor, "N V"]]:
        """Read what rows go on with after what others wrote; return their cache, and the logits after each.

        Args:
            trunks: read before.
            rows: of each its trunk's number, its tail, and how much of that has been written. All read as many tokens
                as the one that has most left, so the others read some again: each tail must be longer than that. Rows
                that go on from one `Written` and have as much left should stand side by side.
        """
        size = max(map(left_of, rows))
        read = []
        for block in _blocks([size] * len(rows)):
            part = rows[block]
            needed = sorted({trunk for trunk, _, _ in part})
            own = trunks if len(needed) == len(trunks.ids) else trunks.pick(needed)
            caches = []
            for _, run in itertools.groupby(part, lambda row: (id(row[2].written), left_of(row))):
                alike = list(run)
                written = alike[0][2].written.pick([row[2].at for row in alike], size - left_of(alike[0]))
                trunk_of = self._tensor([needed.index(trunk) for trunk, _, _ in alike])
                caches.append(BranchCache.after(own, trunk_of, written))
            cache = BranchCache.join(caches)
            read.append((cache, self._next(cache, [tail[len(tail) - size :] for _, tail, _ in part])))
        return joined(read)

    def _tails(
        self, cache: BranchCache, rows: Sequence[tuple[int, TokenIds]], trunk_logits: Float[Tensor, "U V"] | None
    ) -> Float[Tensor, "N V"]:
        """Return logits after every tail, read aligned on the right; after an empty one, those of its trunk."""
        size = max(len(tail) for _, tail in rows)
        if not size and trunk_logits is not None:
            return trunk_logits[self._tensor([trunk for trunk, _ in rows])]
        logits = self._next(cache, [(*[0] * (size - len(tail)), *tail) for _, tail in rows])
        bare = {at: trunk for at, (trunk, tail) in enumerate(rows) if not tail}
        if bare and trunk_logits is not None:
            logits[self._tensor(list(bare))] = trunk_logits[self._tensor(list(bare.values()))]
        return logits

    def _next(self, cache: BranchCache, ids: Sequence[TokenIds]) -> Float[Tensor, "N V"]:
        """Read the next columns of a cache, as many for each row; return the logits after each."""
        size = len(ids[0])
        positions = cache.positions(size)
        cache.begin(size)
        logits = self.forward(self._tensor(ids), positions, Caches([cache]), 1)[:, -1]
        cache.end()
        return logits

    def _cache(self, trunks: Trunks, trunk_of: Sequence[int], tails: Sequence[TokenIds]) -> BranchCache:
        return BranchCache(trunks, self._tensor(trunk_of), self._tensor([len(tail) for tail in tails]))

    def forward(self, ids: Tensor, positions: Tensor, tree: TreeLayout, keep: int | Tensor) -> Tensor:
        """Return the logits of the last `keep` positions, or of those that it names, flat."""
        return kept_logits(self.model, keep, input_ids=ids, position_ids=positions, use_cache=False, tree=tree)

    def _tensor(self, values: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self.device)


def joined(
    read: Sequence[tuple[BranchCache, Float[Tensor, "N V"]]],
) -> tuple[BranchCache, Float[Tensor, "N V"]]:
    """Make one cache of rows that were read apart; return it, and the logits after each row."""
    caches, logits = zip(*read, strict=True)
    return (caches[0], logits[0]) if len(read) == 1 else (BranchCache.join(caches), torch.cat(logits))


def left_of(row: tuple[int, TokenIds, Beginning]) -> int:
    """Return how many tokens a row has left to read: a trunk's number, a tail, and how much of that is written."""
    _, tail, beginning = row
    return len(tail) - beginning.length


def _blocks(sizes: Sequence[int]) -> list[slice]:
    """Cut a row of texts into blocks of at most `READ_TOKENS` tokens, or of one text that has more by itself.

    Texts without tokens make no block by themselves unless nothing follows them.
    """
    ends: list[int] = []
    filled = 0
    for at, size in enumerate(sizes):
        if filled and size and filled + size > READ_TOKENS:
            ends.append(at)
            filled = 0
        filled += size
    bounds = [0, *ends, len(sizes)]
    return [slice(start, end) for start, end in itertools.pairwise(bounds) if end > start]


def _picked(begun: Sequence[Begun]) -> Trunks:
    """Return the beginnings of trunks, in this order, out of what holds them."""
    return Trunks.join([found.trunks.pick([found.at], [found.length]) for found in begun])
