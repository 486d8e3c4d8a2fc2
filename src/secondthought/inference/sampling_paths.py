"""The paths of sampling, as a probe reads them: real samplers whose tokens are given instead of drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.inference.decoding import SharedSampler
from secondthought.inference.drawing import Choose
from secondthought.inference.plain_decoding import sample_plainly
from secondthought.models.probe import Readings
from secondthought.trees import TokenTree
from secondthought.types import Prompt, Sampling, TokenIds


def shared_sampling(model: PreTrainedModel, tree: TokenTree) -> Readings:
    """Sample as from shared trunks: a prefill, the tails of some rows, then token by token."""
    return _dictated(
        tree,
        lambda prompts, limits, choose: SharedSampler(model, frozenset(), choose=choose).sample(
            prompts, Sampling(max_tokens=max(limits)), limits
        ),
    )


def cached_sampling(model: PreTrainedModel, tree: TokenTree) -> Readings:
    """Sample by the plain path: each prompt read whole, then token by token with the model's own cache."""
    return _dictated(
        tree,
        lambda prompts, limits, choose: [
            sample_plainly(model, frozenset(), [prompt], Sampling(max_tokens=limit), choose=choose)
            for prompt, limit in zip(prompts, limits, strict=True)
        ],
    )


@dataclass(slots=True)
class _Dictation:
    """Gives each row the tokens that its branch has, and keeps the logits that a sampler would have drawn them from."""

    wanted: dict[int, TokenIds]
    heard: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def __call__(
        self, logits: Tensor, keys: Sequence[int], positions: Sequence[int], temperature: float
    ) -> tuple[list[int], list[float]]:
        self.heard.update(zip(zip(keys, positions, strict=True), logits, strict=True))
        return [self.wanted[key][at] for key, at in zip(keys, positions, strict=True)], [0.0] * len(keys)


def _dictated(tree: TokenTree, sample: Callable[[list[Prompt], list[int], Choose], object]) -> Readings:
    """Have a sampler say the branches; every other one but its last token is given as a tail."""
    prompts, limits, wanted, first = [], [], {}, {}
    place = len(tree.trunk) - 1
    for number, branch in enumerate(tree.branches):
        tail = min(number % 2, len(branch.token_ids) - 1)
        prompts.append(Prompt(trunk=tree.trunk, tail=branch.token_ids[:tail], key=number))
        wanted[number], first[number] = branch.token_ids[tail:], place + tail
        limits.append(len(wanted[number]))
        place += len(branch.token_ids)
    dictation = _Dictation(wanted)
    sample(prompts, limits, dictation)
    places = [first[key] + at for key, at in dictation.heard]
    return Readings(places, torch.stack(list(dictation.heard.values())))
