"""A `transformers` causal LM as a policy: its own tokenizer, its own template, sampled on its own training weights."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from secondthought.errors import PolicyError
from secondthought.inference.batch_flow import BatchFlow
from secondthought.inference.decoding import Flight, Row, SharedSampler
from secondthought.inference.plain_decoding import sample_plainly
from secondthought.models.chat_template import Chat
from secondthought.models.lora import Adapter
from secondthought.models.shipped import why_missing
from secondthought.models.tree_attention import cannot_share, tree_attention
from secondthought.protocols import Flow, Ranks
from secondthought.types import Completion, Message, Prompt, Sampling, StopReason, TokenIds

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def without_progress_bars() -> Iterator[None]:
    """Reading and writing local files is quick; bars of its own would break up a run's progress line."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


class LocalPolicy:
    """A causal LM, its tokenizer and its chat template."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: Any, *, name: str, precision: str = "fp32", keep_thinking: bool = False
    ) -> None:
        """Wrap a loaded model. Dropout is switched off for good: it would make recorded log-probabilities wrong."""
        self.model = model.eval()
        self.chat = Chat(tokenizer, keep_thinking=keep_thinking)
        self.name = name
        self.adapter: Adapter | None = None
        self.precision = precision
        self.unshared_reason = cannot_share(model)
        self.stop_ids = self._stop_ids()
        self.num_sampled = 0
        self.world: Ranks | None = None
        if self.unshared_reason:
            logger.warning(
                "%s: trunks are not shared, %s; sampling and training take the slow path", name, self.unshared_reason
            )

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        precision: str = "fp32",
        device: str = "auto",
        trust_remote_code: bool = False,
        keep_thinking: bool = False,
    ) -> LocalPolicy:
        """Load a checkpoint directory or a hub id. Weights are held in fp32; bf16 is autocast over them.

        Raises:
            PolicyError: there is no such checkpoint, it is not a causal LM, or its template cannot be used.
        """
        where = "cuda" if device == "auto" and torch.cuda.is_available() else "cpu" if device == "auto" else device
        if reason := why_missing(str(path)):
            raise PolicyError(f"{path}: {reason}")
        is_local = Path(path).expanduser().is_dir()
        try:
            bars = without_progress_bars() if is_local else contextlib.nullcontext()
            with bars:
                tokenizer, model = _load(path, trust_remote_code)
        except (OSError, ValueError, KeyError, ImportError) as error:
            first = (str(error).strip().splitlines() or ["unknown error"])[0]
            raise PolicyError(f"{path}: cannot be loaded as a causal language model: {first}") from error
        for parameter in model.parameters():
            # Weights mapped from a file start at any address, and kernels round differently by alignment: own memory
            # makes a reloaded policy compute bit for bit what the saved one did.
            parameter.data = parameter.data.to(where, copy=True)
        return cls(model.to(where), tokenizer, name=str(path), precision=precision, keep_thinking=keep_thinking)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.model.device
        return device

    def fingerprint(self) -> str:
        """Hash of the vocabulary and template: token ids mean the same under equal fingerprints."""
        tokenizer = self.chat.tokenizer
        vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        return hashlib.blake2b(repr((vocabulary, tokenizer.chat_template)).encode(), digest_size=8).hexdigest()

    def start(self, messages: Sequence[Message]) -> TokenIds:
        """See `Policy.start`."""
        return self.chat.start(messages)

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """See `Policy.follow`."""
        return self.chat.follow(completion, request)

    def encode(self, text: str) -> Completion:
        """See `Policy.encode`."""
        ids = self.chat.encode(text)
        return Completion(token_ids=ids, logprobs=(float("nan"),) * len(ids), text=text, stop=StopReason.END)

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling, *, share: bool = True) -> list[Completion]:
        """See `Policy.sample`. `share=False` takes the plain path, token for token the same in fp32."""
        if not prompts:
            return []
        self.check_lengths(prompts, sampling)
        with self.autocast():
            if share and self.unshared_reason is None:
                rows = SharedSampler(self.model, self.stop_ids).sample(prompts, sampling)
            else:
                rows = sample_plainly(self.model, self.stop_ids, prompts, sampling)
        self.num_sampled += sum(len(row.token_ids) for row in rows)
        return [self.completion(row) for row in rows]

    @contextlib.contextmanager
    def flow(self) -> Iterator[Flow]:
        """See `FlyingPolicy.flow`."""
        if self.unshared_reason is not None:
            yield BatchFlow(self)
            return
        with torch.no_grad(), tree_attention(self.model), self.autocast():
            yield _Flow(self, Flight(self.model, self.stop_ids))

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """The precision of sampling and of training alike."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            yield

    def merge(self) -> None:
        """Make the adapter part of the weights, so that the policy is an ordinary one."""
        if self.adapter is not None:
            self.adapter.merge()
            self.adapter = None
            self.model.requires_grad_(True)

    def save(self, path: Path) -> None:
        """Write the adapter where there is one, else an ordinary checkpoint: weights, config, tokenizer, template."""
        if self.adapter is not None:
            self.adapter.save(path)
            return
        with without_progress_bars():
            self.model.save_pretrained(path)
            self.chat.tokenizer.save_pretrained(path)

    def completion(self, row: Row) -> Completion:
        """What a finished row says."""
        ended = row.token_ids[-1] in self.stop_ids
        text = self.chat.decode(row.token_ids[:-1] if ended else row.token_ids)
        return Completion(
            token_ids=tuple(row.token_ids),
            logprobs=tuple(row.logprobs),
            text=text,
            stop=StopReason.END if ended else StopReason.LENGTH,
        )

    def _stop_ids(self) -> frozenset[int]:
        """The template's end of turn and every eos id that the checkpoint names."""
        named = [self.model.config.eos_token_id, getattr(self.model.generation_config, "eos_token_id", None)]
        ids = {self.chat.end_of_turn}
        for entry in [*named, self.chat.tokenizer.eos_token_id]:
            ids.update(entry if isinstance(entry, list) else [] if entry is None else [entry])
        return frozenset(ids)

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
        switch = _rotary_switch(config)
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
    """A flight whose rows are prompts and completions of a policy."""

    def __init__(self, policy: LocalPolicy, flight: Flight) -> None:
        self._policy = policy
        self._flight = flight
        self._num_tickets = 0

    def add(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[int]:
        """See `Flow.add`."""
        self._policy.check_lengths(prompts, sampling)
        rows = [
            Row(prompt, sampling.temperature, sampling.max_tokens, ticket)
            for ticket, prompt in enumerate(prompts, self._num_tickets)
        ]
        self._num_tickets += len(rows)
        self._flight.add(rows)
        return [row.ticket for row in rows]

    def step(self) -> list[tuple[int, Completion]]:
        """See `Flow.step`."""
        ended = self._flight.step()
        self._policy.num_sampled += sum(len(row.token_ids) for row in ended)
        return [(row.ticket, self._policy.completion(row)) for row in ended]


def _rotary_switch(config: Any) -> int | None:
    """Length beyond which all positions are embedded anew (Phi-3's LongRoPE, dynamic NTK); None if there is none."""
    rope = getattr(config, "rope_parameters", None) or {}
    if not any(kind in str(rope) for kind in ("longrope", "dynamic")):
        return None
    original = rope.get("original_max_position_embeddings") or getattr(config, "original_max_position_embeddings", None)
    return int(original or config.max_position_embeddings)


def _load(path: str | Path, trust_remote_code: bool) -> tuple[Any, Any]:
    """Tokenizer and fp32 weights, from safetensors only: no pickle is ever opened."""
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=trust_remote_code)
    model = AutoModelForCausalLM.from_pretrained(
        path, dtype=torch.float32, trust_remote_code=trust_remote_code, use_safetensors=True
    )
    if getattr(model, "_hf_peft_config_loaded", False):  # an adapter on the hub, put in by transformers unasked
        raise ValueError("it is an adapter; download it and give the name of its directory")
    return tokenizer, model
