"""Memory is bytes as formulas in U, S, P, T, R, M. Every constant that was counted or calibrated is named here alone.

    U  trees (groups) at once       P  trunk tokens of a tree        S, G  rows (branches) of a tree
    T  tail tokens per row, read but not sampled (a reflection and the retry's request, when retries are sampled)
    R  tokens per row or branch     M  tokens that a loss reads      X = U * (P + G*R), tokens of an update's forward
    b  bytes of an activation: 4 in fp32, 2 under bf16 autocast (weights, residual stream and norms stay fp32)

Sizes of the model (E, F, L, H, K, D, V) as in `shape`. Peaks are live tensors above the bare interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from secondthought.preflight.resources.model_shape import ModelShape

Terms: TypeAlias = Mapping[str, int]
"""Bytes by the name of what they are for; what is needed at once is their sum."""

FP32 = 4
MOMENTS = 2
"""AdamW keeps two fp32 numbers per parameter that learns."""
OPTIMIZER_COPIES = 1
"""Copies of what learns while AdamW steps; on a CPU only of the largest parameter."""
RUNTIME_BYTES = 400_000_000
"""Python, torch and transformers before any weight is there; on a GPU the context of CUDA is about as large."""
LIBRARY_BYTES = {"fp32": 25_000_000, "bf16": 45_000_000}
"""What the model's code, the optimizer and the libraries of products take when they are first used."""
HEAP_SLACK = 0.25
"""On a CPU: freed blocks of an update, or of reading tails, that malloc keeps but cannot use again, as a share of their
tensors. Measured as the difference that mapping every block apart makes; decoding, whose blocks are alike, has none."""

# --- Saved for the backward, per layer and token, counted from the architecture -------------------------------------
NORM_INPUTS = 2
"""A norm keeps its input and its normalized input, E fp32 numbers each."""
NORM_OUTPUTS = {"fp32": 2, "bf16": 5}
"""Inputs of products, E numbers of b bytes: in fp32 one for q, k, v, one for gate, up; autocast casts anew: 3 + 2."""
MLP_GATED = 4
"""gate, act(gate), up, their product: F numbers each."""
MLP_PLAIN = 2
"""Input and output of the activation."""
HEAD_NORM_COPIES = 2
"""A norm over queries or keys keeps its input and its normalized input, fp32."""
PROJECTION_INPUT = 1
"""Attention output as the o projection reads it: X*H*D."""
TRUNK_QUERIES = 2
"""q and output of the trunks' own attention: U*P*H*D each."""
TRUNK_KEYS = 2
"""Keys and values of trunks, repeated for the query heads that share them: U*P*H*D each."""
TRUNK_KEYS_BARE = 2
"""The same before they are repeated, which the merge of both parts keeps: U*P*K*D each, only where H > K."""
BRANCH_QUERIES = 2
"""q and output of the branches' attention: U*G*R*H*D each."""
OWN_KEYS = 2
"""Merged attention: keys and values of branches alone, U*G*R*K*D each."""
JOINED_KEYS = 2
"""Expanded attention: keys and values that each branch sees, its trunk's copied to it: U*G*(P+R)*H*D each."""
STATISTICS = 1
"""Log-sum-exp of each query's scores: fp32, H per token."""
PROBABILITIES = 2
"""fp32 numbers per pair of query and key where no fused kernel serves (capped scores): before and after softmax."""
LOGITS_SAVED = 1
"""Logits over the temperature, kept by the log-sum-exp."""
LOGITS_ENTROPY = 2
"""log p and p besides, where an entropy bonus has a gradient."""
LOGITS_IN_FLIGHT = 6
"""The logits themselves and what entropy makes of them: the chosen rows, over the temperature, log p, p, p log p."""
LOGITS_FITTED = 2
"""Cross-entropy alone, in place of the six: the logits, then the gradients of log p and of the logits."""
LOGITS_REFERENCE = 1
"""Those of the reference, alive until the loss is made."""
SLICE = 2**25
"""Logits alive at once, `models.token_scores.SLICE`; of more, M*E numbers are kept, a slice in flight."""

# --- Working set of a forward without gradient, per token -----------------------------------------------------------
FORWARD_HIDDEN = 3
"""Residual stream, normalized state, product's output: E numbers of b bytes (residual in fp32)."""
FORWARD_MLP = 3
"""act(gate), up, their product: F numbers."""
FORWARD_ATTENTION = 8
"""q, k, v, rotated and gathered, and the output: H*D numbers; they are gone when the MLP runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """A `Trees` is a micro-batch: U trees of P trunk tokens, G branches of R tokens, M tokens read by a loss."""

    U: int
    P: int
    G: int
    R: int
    M: int

    @property
    def tokens(self) -> int:
        """Return X = U * (P + G*R)."""
        return self.U * (self.P + self.G * self.R)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """A `Learning` says what learns and how: parameters that learn, whether KL needs a reference, the precision.

    `critic`: a copy of the model, of which as much learns, with moments of its own and a head of one output.
    `adapters`: LoRA's learn, beside frozen weights that are the reference too.
    `recompute`: gradient checkpointing, so that layers keep their inputs alone and are computed again one by one.
    `on_cpu`: branch attention is in two parts there, so no trunk is copied; on a GPU layers are expanded.
    """

    trainable: int
    reference: bool
    precision: str = "fp32"
    on_cpu: bool = True
    adapters: bool = False
    critic: bool = False
    entropy: bool = False
    recompute: bool = False

    @property
    def width(self) -> int:
        """Return b, the bytes of an activation."""
        return 2 if self.precision == "bf16" else FP32

    @property
    def held(self) -> int:
        """Return the bytes of a weight: frozen ones stay in bf16, as checkpoints store them."""
        return self.width if self.adapters else FP32


def resident(shape: ModelShape, learning: Learning) -> dict[str, int]:
    """Return what stays from step to step: gradients too, which the next backward frees only when it begins."""
    weights = learning.held * shape.parameters + (FP32 * learning.trainable if learning.adapters else 0)
    critic = {}
    if learning.critic:  # where output and input embeddings are not tied, its small head makes this V*E too much
        critic = {"critic": weights + (1 + MOMENTS) * FP32 * learning.trainable}
    return {
        "weights": weights,
        "gradients": FP32 * learning.trainable,
        "moments": MOMENTS * FP32 * learning.trainable,
        "reference": FP32 * shape.parameters if learning.reference and not learning.adapters else 0,
        **critic,
        "libraries": LIBRARY_BYTES[learning.precision],
    }


def cast_weights(shape: ModelShape, learning: Learning, *, head: bool = True) -> int:
    """Return the bytes of autocast's copies of matrices, kept until the backward; held ones need none."""
    if learning.precision != "bf16":
        return 0
    return 2 * (learning.trainable if learning.adapters else shape.matrices + shape.head * head)


def forward(shape: ModelShape, tokens: int, width: int) -> int:
    """Return the working set of a forward without gradient: one layer at a time."""
    widest = max(FORWARD_MLP * shape.intermediate, FORWARD_ATTENTION * shape.queries)
    return tokens * (FORWARD_HIDDEN * FP32 * shape.hidden + width * widest)


def saved_per_token(shape: ModelShape, precision: str) -> int:
    """Return the bytes that a layer's norms, projections and MLP keep per token, attention's blocks left out."""
    b = 2 if precision == "bf16" else FP32
    mlp = MLP_GATED if shape.gated else MLP_PLAIN
    norms = FP32 * NORM_INPUTS * shape.norms * shape.hidden + b * NORM_OUTPUTS[precision] * shape.hidden
    head_norms = FP32 * HEAD_NORM_COPIES * (shape.queries + shape.keys) if shape.head_norms else 0
    return norms + head_norms + b * mlp * shape.intermediate + b * PROJECTION_INPUT * shape.queries


def saved_by_attention(shape: ModelShape, trees: Trees, learning: Learning) -> int:
    """Return the bytes that all layers' attention keeps.

    Merged layers copy no trunk, expanded ones copy it to every branch.
    """
    expanded = shape.expanded_layers if learning.on_cpu else shape.layers
    U, P, G, R, b = trees.U, trees.P, trees.G, trees.R, learning.width
    both = U * shape.queries * ((TRUNK_QUERIES + TRUNK_KEYS) * P + BRANCH_QUERIES * G * R)
    bare = TRUNK_KEYS_BARE * P if shape.heads > shape.kv_heads else 0
    own = U * shape.keys * (bare + OWN_KEYS * G * R)
    joined = U * shape.queries * JOINED_KEYS * G * (P + R) * (R > 0)
    statistics = FP32 * STATISTICS * shape.heads * trees.tokens
    pairs = shape.heads * U * (P * P + G * R * (P + R)) if shape.capped else 0
    per_expanded = b * (joined + _mask(trees)) + FP32 * PROBABILITIES * pairs
    return shape.layers * (b * both + statistics) + (shape.layers - expanded) * b * own + expanded * per_expanded


def _mask(trees: Trees) -> int:
    """Count the numbers of an expanded layer's mask: R*(P+R), a branch where trees may differ; unshared, P*P a row."""
    if not trees.R:
        return trees.U * trees.P**2
    return (trees.U * trees.G if trees.U > 1 else 1) * trees.R * (trees.P + trees.R)


def of_layers(shape: ModelShape, trees: Trees, learning: Learning) -> dict[str, int]:
    """Return the bytes that all layers keep where they are not computed again."""
    return {
        "activations of layers": shape.layers * trees.tokens * saved_per_token(shape, learning.precision),
        "activations of attention": saved_by_attention(shape, trees, learning),
    }


def saved(shape: ModelShape, trees: Trees, learning: Learning) -> dict[str, int]:
    """Return the bytes that autograd keeps from the forward of one micro-batch."""
    b, X = learning.width, trees.tokens
    layers, cast = of_layers(shape, trees, learning), cast_weights(shape, learning)
    if learning.recompute:  # what autocast made for layers goes with the forward; the head's stays for the backward
        layers = {"inputs of layers": FP32 * shape.layers * X * shape.hidden}
        cast -= cast_weights(shape, learning, head=False)
    sliced, kept = trees.M * shape.vocab > SLICE, LOGITS_SAVED + LOGITS_ENTROPY * learning.entropy
    outside = X * (FP32 * NORM_INPUTS * shape.hidden + 2 * FP32 * shape.head_size) + b * trees.M * shape.hidden
    return {
        **layers,
        "activations outside layers": outside,
        "cast weights": cast,
        "logits kept": b * trees.M * shape.hidden if sliced else FP32 * kept * trees.M * shape.vocab,
    }


def update(shape: ModelShape, trees: Trees, learning: Learning, *, in_flight: int = LOGITS_IN_FLIGHT) -> dict[str, int]:
    """Return the peak of a micro-batch above what stays: what is saved, and logits or the reference's forward.

    The logits in flight (`in_flight` copies) and those of the backward take each other's place.
    """
    logits = FP32 * min(trees.M * shape.vocab, SLICE)
    flying = (in_flight + (LOGITS_REFERENCE if learning.reference else 0)) * logits
    working = forward(shape, trees.tokens, learning.width) + logits
    again, cast = 0, cast_weights(shape, learning, head=False)
    if learning.recompute:
        layer = (total(of_layers(shape, trees, learning)) + cast) // shape.layers
        again = max(layer, cast)  # one layer's in the backward, or at the end of the forward what autocast made
    terms = {**saved(shape, trees, learning), "logits in flight or backward": max(flying, working + again)}
    return {**terms, "heap": round(HEAP_SLACK * total(terms))} if learning.on_cpu else terms


def peak_of_update(stays: Terms, terms: Terms, batches: int) -> int:
    """Return the most that is needed at once from the first forward of a step to the end of AdamW's.

    Before the first micro-batch's backward there are no gradients; they are made as its activations go.
    """
    in_update = total(terms) + (stays["gradients"] if batches > 1 else 0)
    return total(stays) - stays["gradients"] + max(in_update, (1 + OPTIMIZER_COPIES) * stays["gradients"])


def total(terms: Terms) -> int:
    """Return the bytes needed at once."""
    return sum(terms.values())
