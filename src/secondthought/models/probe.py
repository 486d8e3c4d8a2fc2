"""A probe measures, a few tokens long, whether a path gives what the model's own forward gives without any cache.

What an architecture survives is measured and not declared: a layer may take a setting that no other has, keep its cache
under another name, or count positions in its own way. The tokens are a tiny tree whose branches are known. Truth is
each branch as a row of its own, alone in its forward; a path gives logits before the same tokens.

Two readings differ by the largest difference of a log-probability. What counts as rounding follows from how far log-
probabilities of the vocabulary lie apart, and from how far the model's own forward is from itself where more tokens
follow. A fault shows in fp32, so structure is compared there, whatever weights are held in; under autocast a path may
then be as far from the model's own forward as a few times what bf16 does to that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from secondthought import rng
from secondthought.errors import PolicyError
from secondthought.models.bf16_weights import in_fp32, is_held
from secondthought.models.finite import why_not_finite
from secondthought.models.tree_attention import unseen
from secondthought.models.tree_forward import TreeForward
from secondthought.trees import TokenTree, TreeBranch
from secondthought.types import TokenIds

TEXT = (
    "Two trains leave at 9:15; one is 3 times as fast as the other. Let us check: 8 * 3 = 24, so that was wrong. "
    "What went wrong, and what will you do better next time? I forgot to carry the 1. def add(a, b): return a + b"
)
"""The probe's tokens are drawn from those of this text: ordinary ones, none that a model treats in its own way."""

USUAL: tuple[int, tuple[int, ...]] = (20, (6, 4, 2))
SHORT: tuple[int, tuple[int, ...]] = (6, (3, 2))
"""Lengths of the trunk and of the branches; short for a large model, where every token takes its time."""
LARGE = 300_000_000
"""Parameters from which on a model is large."""
LONGEST, CHEAP = 1024, 600_000_000
"""The trunk leaves a window of so many tokens at most, and where parameters times tokens are no more than this."""

ROUNDING, ROUGH_ROUNDING = 2e-4, 0.02
"""Share of the log-probabilities' spread that is rounding whatever the model's own noise: in fp32, and below it."""
NOISES, ROUGH_NOISES = 20.0, 4.0
"""So many times the model's own noise is rounding as well."""
LOWEST = -1e4
"""Log-probabilities below are all the same."""
UNSTABLE, ROUGH_UNSTABLE = 2e-3, 0.5
"""Share of the spread by which no causal model's own forward changes where more tokens follow."""


class Readings(NamedTuple):
    """`Readings` are logits before some tokens of a tree, and the places of these tokens among all that it has.

    `unseen` says what of the path could be wrong all the same, where no tree as short as this one would tell.
    """

    places: Sequence[int]
    logits: Float[Tensor, "M V"]
    unseen: str | None = None


TreeReader: TypeAlias = Callable[[PreTrainedModel, TokenTree], Readings]
"""A way to read a tree."""


class Deviation(NamedTuple):
    """A `Deviation` is the most that a path differs by and what is allowed; or a sentence where it cannot be gone."""

    difference: float
    allowed: float
    error: str = ""

    @property
    def is_right(self) -> bool:
        """Return whether the path gives what the model's own forward gives."""
        return not self.error and self.difference <= self.allowed  # False for NaN

    def __str__(self) -> str:
        return self.error or (
            f"log-probabilities of a few tokens differ by {self.difference:.2g} from those of the model's own forward, "
            f"where {self.allowed:.1g} would be rounding"
        )


class PathProbe:
    """A `PathProbe` is a tiny tree and what the model's own forward says of it; paths are measured against that."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokens: Sequence[int],
        autocast: Callable[[], AbstractContextManager[None]],
        *,
        limit: int | None = None,
    ) -> None:
        """Read the tree, each branch as a row of its own.

        Args:
            model: in evaluation mode.
            tokens: ids to draw from.
            autocast: a context in which the model computes in the precision that it is used in.
            limit: most tokens of a row.

        Raises:
            PolicyError: the model cannot read it, gives what is no number, or what it says of a token depends on
                tokens after it.
        """
        self.model = model
        self.tree = tree_for(model, tokens, limit)
        self._autocast = autocast
        self._is_exact = torch.finfo(model.dtype).bits >= 32 or is_held(model)
        with torch.no_grad(), in_fp32(model):
            self._truth = _by_rows(model, self.tree)
            spread = float(self._truth.std(-1).mean())
            noise = self._noise()
        if not noise <= (UNSTABLE if self._is_exact else ROUGH_UNSTABLE) * spread:
            raise PolicyError(
                f"the model's own forward ({type(model).__name__}) changes the log-probabilities of a token by "
                f"{noise:.2g} when more tokens follow it: it is no causal language model, so sampling and training "
                "would disagree; use another model"
            )
        rounding, noises = (ROUNDING, NOISES) if self._is_exact else (ROUGH_ROUNDING, ROUGH_NOISES)
        self._allowed = rounding * spread + noises * noise
        self._rough = self._read_roughly()

    def measure(self, path: TreeReader) -> Deviation:
        """Measure a path, in the precision of the weights and then in that of use."""
        try:
            with torch.no_grad():
                with in_fp32(self.model):
                    readings = path(self.model, self.tree)
                found = Deviation(self._distance(readings, self._truth), self._allowed)
                if found.is_right and readings.unseen is not None:
                    return found._replace(error=readings.unseen)
                return self._under_autocast(path, *self._rough) if found.is_right and self._rough else found
        except PolicyError as error:
            return Deviation(torch.inf, 0.0, str(error))
        except Exception as error:  # another library's code on a path that it was not written for may raise anything
            return Deviation(torch.inf, 0.0, f"its layers end in {_brief(error)}")

    def _under_autocast(self, path: TreeReader, own: Tensor, noise: float) -> Deviation:
        with self._autocast():
            places, logits, _ = path(self.model, self.tree)
        spread = float(own.std(-1).mean())
        return Deviation(_mean(_logprobs(logits) - own[list(places)]), ROUGH_ROUNDING * spread + ROUGH_NOISES * noise)

    def _read_roughly(self) -> tuple[Tensor, float] | None:
        """Read the tree in the precision of use, where that is another, and measure what it does to the model."""
        with self._autocast(), torch.no_grad():
            if not torch.is_autocast_enabled(self.model.device.type):
                return None
            own = _by_rows(self.model, self.tree)
        return own, _mean(own - self._truth)

    def _distance(self, found: Readings, truth: Tensor) -> float:
        difference = _logprobs(found.logits) - truth[list(found.places)]
        return float(difference.abs().max()) if self._is_exact else _mean(difference)

    def _noise(self) -> float:
        """Read the trunk alone: a causal model says the same of it, up to rounding."""
        trunk = _own_forward(self.model, self.tree.trunk)[:-1]
        if not len(trunk):
            return 0.0
        difference = trunk - self._truth[: len(trunk)]
        return float(difference.abs().max()) if self._is_exact else _mean(difference)


def shared_training(model: PreTrainedModel, tree: TokenTree) -> Readings:
    """Read the trunk once, as an update does.

    Raises:
        PolicyError: a layer attends by a setting that shared trunks do not know.
    """
    forward = TreeForward([tree], model.device, share=True)
    logits = forward.logits(model)
    longest = len(tree.trunk) + max(len(branch.token_ids) for branch in tree.branches)
    windows = forward.packed.windows if forward.packed else {}
    return Readings(range(len(logits)), logits, unseen(model, windows, longest))


def plain_training(model: PreTrainedModel, tree: TokenTree) -> Readings:
    """Read every branch with its trunk as a padded row, as an update without shared trunks does."""
    logits = TreeForward([tree], model.device, share=False).logits(model)
    return Readings(range(len(logits)), logits)


def require_finite(model: PreTrainedModel, tokens: Sequence[int]) -> None:
    """Refuse a model whose own forward says of these tokens what is no number.

    Raises:
        PolicyError: so it is; the sentence names the weights that hold no numbers.
    """
    with torch.no_grad():
        _own_forward(model, tuple(tokens))


def tree_for(model: PreTrainedModel, tokens: Sequence[int], limit: int | None = None) -> TokenTree:
    """Draw a tree from these tokens, as long as the model's positions and size allow."""
    size = sum(parameter.numel() for parameter in model.parameters())
    trunk, branches = SHORT if size >= LARGE else USUAL
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None) or getattr(config, "attention_chunk_size", None) or 0
    if window <= LONGEST and size * window <= CHEAP:
        trunk = max(trunk, window + 3)
    if limit is not None:
        branches = tuple(max(1, min(length, limit // 2)) for length in branches)
        trunk = max(1, min(trunk, limit - max(branches)))
    draw = rng.stream("probe")
    ids = [tuple(draw.choices(tokens, k=length)) for length in (trunk, *branches)]
    return TokenTree(trunk=ids[0], trunk_anchored=(True,) * trunk, branches=tuple(_branch(own) for own in ids[1:]))


def _branch(ids: TokenIds) -> TreeBranch:
    nothing, size = (0.0,) * len(ids), len(ids)
    return TreeBranch(
        token_ids=ids, old_logprobs=nothing, advantages=nothing, learns=(True,) * size, anchored=(False,) * size
    )


def _by_rows(model: PreTrainedModel, tree: TokenTree) -> Float[Tensor, "M V"]:
    """Return log-probabilities before each token of the tree: of the trunk but its first, then branch by branch."""
    rows = [_own_forward(model, (*tree.trunk, *branch.token_ids)) for branch in tree.branches]
    size = len(tree.trunk)
    return torch.cat([rows[0][: size - 1], *(row[size - 1 : -1] for row in rows)])


def _own_forward(model: PreTrainedModel, ids: TokenIds) -> Float[Tensor, "T V"]:
    """Return what the model says of one row.

    Raises:
        PolicyError: it cannot read it, or says what is no number.
    """
    try:
        logits = model(input_ids=torch.tensor([ids], device=model.device), use_cache=False).logits[0]
    except Exception as error:  # whatever another library's code raises
        raise PolicyError(
            f"the model's own forward ({type(model).__name__}) cannot read {len(ids)} tokens: {_brief(error)}; use "
            "another model, or another version of transformers"
        ) from error
    logprobs = _logprobs(logits)
    if bool(torch.isnan(logprobs).any()):
        raise PolicyError(f"the model's log-probabilities are no finite numbers; {why_not_finite(model)}")
    return logprobs


def _logprobs(logits: Tensor) -> Tensor:
    """Return log-probabilities; minus infinity, as of an entry that a model forbids, is a number to be compared."""
    return logits.double().log_softmax(-1).clamp_min(LOWEST)


def _mean(differences: Float[Tensor, "M V"]) -> float:
    """Average the largest of each position: single tokens differ by tenths between kernels in bf16, experts change."""
    return float(differences.abs().amax(-1).mean())


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:160]}"
