"""Memory of sampling: caches of keys and values, and the largest of reading trunks, reading tails, and decoding.

Letters are those of `memory`: U trunks of P tokens, S rows each, tails of T tokens, R sampled tokens at most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from secondthought.inference.row_limit import most_rows
from secondthought.preflight.resources.memory import FP32, HEAP_SLACK, Learning, cast_weights, forward, total
from secondthought.preflight.resources.model_shape import ModelShape

CHUNK = 32
"""Columns by which the cache of rows grows."""
DRAW_COPIES = 4
"""Logits of a decode step, fp32: as computed, gathered, over the temperature, log p: N*V numbers each."""
DRAW_ROWS, DRAW_BYTES = 8, 3 * 8
"""Rows drawn together, and bytes per number of their float64 distribution (p, cumulative, and a scratch copy)."""
SCORES = 2
"""Attention scores of new tokens while sampling, b bytes each: on trunk and own tokens apart, and joined; their softmax
in fp32 stands beside them: N*H*T*(P+T+R) numbers each."""
BESIDE_SCORES = 5
"""q, scaled q, k, v and what gathers them, alive while scores are: H*D numbers per token; the residual stream too."""
KEPT_BYTES = 2**30
"""Most bytes of trunks that are kept for conversations that go on, `inference.prefix_cache.KEPT_BYTES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A `Rows` is one call of the sampler: U trunks of P tokens, S rows each, tails of T tokens, at most R sampled."""

    U: int
    S: int
    P: int
    T: int
    R: int

    def at_once(self, most: int) -> Rows:
        """Return as many of the trunks as run together.

        `most` rows run at once, whatever they are at: phases overlap, and the largest alone bounds any mixture.
        """
        S = min(self.S, most)
        return Rows(U=min(self.U, -(-most // S)), S=S, P=self.P, T=self.T, R=self.R)


def columns(T: int, R: int) -> int:
    """Return the final columns of a row's cache: its tail and all sampled tokens but the last, which is never read.

    >>> columns(0, 1), columns(20, 13), columns(50, 100)
    (32, 32, 160)
    """
    return -(-max(T + R - 1, T + 1) // CHUNK) * CHUNK


def cache(shape: ModelShape, rows: Rows, width: int) -> dict[str, int]:
    """Return the bytes of keys and values: 2*L*K*D*b per token; a trunk's once, a row's own for every row."""
    per_token = 2 * shape.layers * shape.keys * width
    return {
        "cache of trunks": per_token * rows.U * rows.P,
        "cache of rows": per_token * rows.U * rows.S * columns(rows.T, rows.R),
    }


def attending(shape: ModelShape, rows: Rows, new: int, width: int) -> int:
    """Return the working set of a forward over `new` tokens of every row: scores and what is beside, or the rest."""
    tokens = rows.U * rows.S * new
    scores = (SCORES * width + FP32) * shape.heads * (rows.P + columns(rows.T, rows.R))
    beside = FP32 * shape.hidden + width * BESIDE_SCORES * shape.queries
    return max(forward(shape, tokens, width), tokens * (scores + beside))


def sampling(shape: ModelShape, rows: Rows, learning: Learning) -> dict[str, int]:
    """Return the peak of one call: the caches, and the largest of reading trunks, reading tails, and decoding."""
    now = rows.at_once(most_rows(shape.parameters, on_cpu=learning.on_cpu))
    b = learning.width
    slack = 1 + HEAP_SLACK if learning.on_cpu else 1.0
    read = Rows(U=now.U, S=now.S, P=now.P, T=now.T, R=1)
    N = now.U * now.S
    drawing = FP32 * DRAW_COPIES * N * shape.vocab + DRAW_BYTES * min(N, DRAW_ROWS) * shape.vocab
    stages: list[dict[str, int]] = [
        {**cache(shape, now, b), "reading trunks": forward(shape, now.U * now.P, b)},
        {**cache(shape, read, b), "reading tails": round(slack * attending(shape, read, now.T, b))},
        {**cache(shape, now, b), "decoding": attending(shape, now, 1, b) + drawing},
    ]
    largest = max(stages, key=lambda terms: total(terms))
    kept = min(KEPT_BYTES, cache(shape, now, b)["cache of trunks"])
    laid_out = replace(learning, adapters=False) if learning.on_cpu else learning  # held matrices too
    return {"cast weights": cast_weights(shape, laid_out), "kept trunks": kept, **largest}
