"""A local model as a policy: completions sampled in this process, on the weights that train."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from secondthought.errors import PolicyError
from secondthought.inference.batch_flow import BatchFlow
from secondthought.inference.decoding import Flight, Row, SharedSampler
from secondthought.inference.drawing import NotFinite
from secondthought.inference.plain_decoding import sample_plainly
from secondthought.inference.sampling_paths import cached_sampling, shared_sampling
from secondthought.models import bf16_weights, packed_weights
from secondthought.models.finite import why_not_finite
from secondthought.models.heap import give_back
from secondthought.models.local import LocalModel, rotary_switch
from secondthought.models.probe import TreeReader
from secondthought.models.tree_attention import tree_attention
from secondthought.protocols import Flow, Ranks
from secondthought.types import Completion, Prompt, Sampling, StopReason

logger = logging.getLogger(__name__)


class LocalPolicy(LocalModel):
    """A `LocalModel` that samples: trunks are read once where its architecture allows, by the plain path elsewhere."""

    def __init__(self, model: PreTrainedModel, tokenizer: Any, *, name: str, **settings: Any) -> None:
        """Wrap a loaded model; for the settings see `LocalModel`."""
        super().__init__(model, tokenizer, name=name, **settings)
        self.num_sampled = 0
        self.world: Ranks | None = None
        self.share_trunk = True
        """Whether trunks are shared where that is right; False takes the plain path also in sampling."""
        self._uncached: str | None = None

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling, *, share: bool = True) -> list[Completion]:
        """Sample completions (`Policy.sample`); `share=False` takes the plain path, the same tokens in fp32."""
        if not prompts:
            return []
        self.check_lengths(prompts, sampling)
        shared = share and self._samples_shared()
        cached = shared or self.uncached_reason is None
        with self.computing(), self.speaking(sampling):
            if shared:
                rows = SharedSampler(self.model, self.stop_ids).sample(prompts, sampling)
            else:
                rows = sample_plainly(self.model, self.stop_ids, prompts, sampling, cached=cached)
        self.num_sampled += sum(len(row.token_ids) for row in rows)
        return [self.completion(row) for row in rows]

    @contextlib.contextmanager
    def flow(self) -> Iterator[Flow]:
        """See `FlyingPolicy.flow`."""
        if not self._samples_shared():
            yield BatchFlow(self)
            return
        give_back()
        with torch.no_grad(), tree_attention(self.model), self.computing():
            yield _Flow(self)

    @property
    def shared_paths(self) -> tuple[TreeReader, ...]:
        """Return them (see `LocalModel.shared_paths`) with that of sampling."""
        return (*super().shared_paths, shared_sampling)

    @property
    def uncached_reason(self) -> str | None:
        """Say why the plain path samples without a cache, None if with: measured when it is first asked.

        Raises:
            PolicyError: the model cannot be used at all; see `LocalModel.probe`.
        """
        self._measure_cache()
        return self._uncached

    def measure_paths(self) -> None:
        """Measure the paths that sampling will take, so that what is wrong with a model is said when it is loaded."""
        if not self._samples_shared():
            self._measure_cache()

    def _measure_cache(self) -> None:
        if "cached" in self._known:
            return
        found = self.probe().measure(cached_sampling)
        self._known.add("cached")
        if not found.is_right:
            self._uncached = str(found)
            logger.warning("%s: is sampled without a cache, which takes far longer: %s", self.name, self._uncached)

    def _samples_shared(self) -> bool:
        return self.share_trunk and self.unshared_reason is None

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Compute as in training, with each weight cast once; say why a log-probability that is sampled is not finite.

        Weights must not change in the block.
        """
        try:
            with self.autocast(), self._cast_once():
                yield
        except NotFinite as error:
            raise PolicyError(f"{self.name}: {error}; {why_not_finite(self.model)}") from error

    def speaking(self, sampling: Sampling) -> contextlib.AbstractContextManager[None]:
        """Have the model compute as who is asked for: itself, or itself without its adapter."""
        if self.adapter is None or sampling.adapter:
            return contextlib.nullcontext()
        return self.adapter.switched_off()

    def _cast_once(self) -> contextlib.AbstractContextManager[None]:
        """Have each matrix ready for products in bf16, where these are computed in it."""
        if self.precision != "bf16":
            return contextlib.nullcontext()
        ready = packed_weights.packed if packed_weights.available(self.model.device.type) else bf16_weights.copies
        return ready(self.model)

    def completion(self, row: Row) -> Completion:
        """Return what a finished row says."""
        ended = row.token_ids[-1] in self.stop_ids
        text = self.chat.decode(row.token_ids[:-1] if ended else row.token_ids)
        return Completion(
            token_ids=tuple(row.token_ids),
            logprobs=tuple(row.logprobs),
            text=text,
            stop=StopReason.END if ended else StopReason.LENGTH,
        )

    def check_lengths(self, prompts: Sequence[Prompt], sampling: Sampling) -> None:
        """Refuse what the model cannot hold.

        Raises:
            PolicyError: a prompt is empty, or a conversation would be longer than the model's positions reach.
        """
        if not prompts:
            return
        if not all(prompt.ids for prompt in prompts):
            raise PolicyError(f"{self.name}: an empty prompt cannot be continued; nothing predicts its first token")
        config = self.model.config.get_text_config()
        limit = getattr(config, "max_position_embeddings", None)
        longest = max(len(prompt.ids) for prompt in prompts) + sampling.max_tokens
        switch = rotary_switch(config)
        if switch is not None and longest > switch:
            raise PolicyError(
                f"{self.name}: a conversation of {longest} tokens exceeds the {switch} positions up to which its "
                "rotary embedding is fixed; beyond, every earlier position changes with the length, so that recorded "
                "log-probabilities would be wrong; lower episode.max_attempt_tokens or episode.max_reflection_tokens"
            )
        if limit is not None and longest > limit:
            raise PolicyError(
                f"{self.name}: a conversation of {longest} tokens exceeds the model's {limit} positions; lower "
                "episode.max_attempt_tokens or episode.max_reflection_tokens"
            )


class _Flow:
    """Flights whose rows are prompts and completions of a policy: one of the model, one of it without its adapter."""

    def __init__(self, policy: LocalPolicy) -> None:
        self._policy = policy
        self._flights: dict[bool, tuple[Sampling, Flight]] = {}
        self._num_tickets = 0

    def add(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[int]:
        """See `Flow.add`."""
        self._policy.check_lengths(prompts, sampling)
        rows = [
            Row(prompt, sampling.temperature, sampling.max_tokens, ticket)
            for ticket, prompt in enumerate(prompts, self._num_tickets)
        ]
        self._num_tickets += len(rows)
        if sampling.adapter not in self._flights:
            self._flights[sampling.adapter] = sampling, Flight(self._policy.model, self._policy.stop_ids)
        self._flights[sampling.adapter][1].add(rows)
        return [row.ticket for row in rows]

    def step(self) -> list[tuple[int, Completion]]:
        """See `Flow.step`."""
        ended: list[Row] = []
        for sampling, flight in self._flights.values():
            if flight.busy:
                with self._policy.speaking(sampling):
                    ended += flight.step()
        self._policy.num_sampled += sum(len(row.token_ids) for row in ended)
        return [(row.ticket, self._policy.completion(row)) for row in ended]
