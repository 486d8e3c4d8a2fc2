"""A `transformers` causal LM as learners hold it: weights, precision, adapter, its own tokenizer and template.

Sampling from it is `inference.local`; nothing here draws a token.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from secondthought.config.play import PINNED_DATE
from secondthought.errors import PolicyError
from secondthought.models import bf16_speed, bf16_weights
from secondthought.models.chat_template import Chat
from secondthought.models.device import find_device
from secondthought.models.digest import sum_of_weights
from secondthought.models.finite import damaged_weights, why_not_finite
from secondthought.models.gguf.cache import ordinary
from secondthought.models.lora import Adapter
from secondthought.models.pretrained import read_pretrained, require_embedded
from secondthought.models.probe import TEXT, PathProbe, TreeReader, plain_training, require_finite, shared_training
from secondthought.models.shipped import why_missing
from secondthought.models.template import choose
from secondthought.types import Completion, Message, StopReason, TokenIds

logger = logging.getLogger(__name__)

FEW = 16
"""Tokens that tell whether a model computes at all."""


class LengthLimit(NamedTuple):
    """The most tokens that a conversation may have, and what sets that limit."""

    tokens: int
    reason: str


class LocalModel:
    """A causal LM with its tokenizer, chat template, precision and adapter, in this process."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Any,
        *,
        name: str,
        precision: str = "fp32",
        keep_thinking: bool = False,
        date: datetime.date = PINNED_DATE,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Wrap a loaded model. Dropout is switched off for good: it would make recorded log-probabilities wrong.

        Args:
            model: a causal LM.
            tokenizer: with its chat template, if it has one.
            name: how errors and records call it.
            precision: fp32, or bf16 for autocast.
            keep_thinking: see `Chat`, as for the next two.
            date: what the template's clock shows.
            template_options: variables of the template.

        Raises:
            PolicyError: the template cannot be used, or the tokenizer has tokens that the model does not embed.
        """
        self.model = model.eval()
        require_embedded(tokenizer, model)
        self.chat = Chat(
            tokenizer,
            keep_thinking=keep_thinking,
            eos_ids=_eos_ids(model),
            date=date,
            template_options=template_options,
        )
        self.name = name
        self.adapter: Adapter | None = None
        self.precision = precision
        self.stop_ids = self.chat.stop_ids
        self._unshared: str | None = None
        self._known: set[str] = set()

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        precision: str = "fp32",
        device: str = "auto",
        trust_remote_code: bool = False,
        chat_template: str | None = None,
        frozen: bool = False,
        **conversation: Any,
    ) -> Self:
        """Load a checkpoint directory or a hub id. Weights are held in fp32; precision bf16 is autocast over them.

        Weights that will not learn (`frozen`) are held in bf16 where that is the precision and they are stored so.
        `chat_template` takes the place of the tokenizer's own (`template.choose`); `conversation` is what the model
        takes for its `Chat`: `keep_thinking`, `date`, `template_options`.

        Raises:
            PolicyError: there is no such checkpoint, it is not a causal LM, or its template cannot be used.
        """
        where = find_device(device)
        if reason := why_missing(str(path)):
            raise PolicyError(f"{path}: {reason}")
        source = ordinary(path)
        is_local = Path(source).expanduser().is_dir()
        with without_progress_bars() if is_local else contextlib.nullcontext():
            given = Path(source).expanduser() if is_local else source
            is_held = frozen and precision == "bf16"
            tokenizer, model = read_pretrained(given, trust_remote_code=trust_remote_code, as_stored=is_held)
        bf16_weights.settle(model, where, held=is_held)
        try:
            choose(tokenizer, chat_template)
            loaded = cls(model.to(where), tokenizer, name=str(path), precision=precision, **conversation)
        except PolicyError as error:
            named = "" if str(error).startswith(str(path)) else f"{path}: "
            raise PolicyError(f"{named}{error}") from None
        if precision == "bf16":
            bf16_speed.warn_if_slow(where.type, "model.precision = fp32")
        for sentence in loaded.chat.remarks(str(path)):
            logger.warning("%s: %s", path, sentence)
        return loaded

    @property
    def device(self) -> torch.device:
        """Return the device that holds the weights."""
        device: torch.device = self.model.device
        return device

    @property
    def length_limits(self) -> list[LengthLimit]:
        """Return what the architecture allows: its positions, and those up to which its rotary embedding is fixed."""
        config = self.model.config.get_text_config()
        limits = (
            (getattr(config, "max_position_embeddings", None), "the model's positions"),
            (rotary_switch(config), "the positions up to which the model's rotary embedding is fixed"),
        )
        return [LengthLimit(tokens, reason) for tokens, reason in limits if tokens is not None]

    @property
    def shared_paths(self) -> tuple[TreeReader, ...]:
        """Return the paths that must be right for trunks to be shared."""
        return (shared_training,)

    @property
    def unshared_reason(self) -> str | None:
        """Say why trunks are not shared, None if they are: measured on a few tokens when it is first asked.

        Raises:
            PolicyError: the model cannot be used on any path; see `PathProbe`.
        """
        if "shared" not in self._known:
            probe = self.probe()
            self.unshared_reason = next((str(d) for d in map(probe.measure, self.shared_paths) if not d.is_right), None)
            if self._unshared is not None:
                logger.warning(
                    "%s: trunks are not shared: %s; sampling and training take the slow path", self.name, self._unshared
                )
        return self._unshared

    @unshared_reason.setter
    def unshared_reason(self, reason: str | None) -> None:
        """Decide it, as where processes agree on one."""
        self._known.add("shared")
        self._unshared = reason

    def shares(self, wanted: bool) -> bool:
        """Return whether trunks are shared in training where that is wanted; where not, the plain path is right.

        Raises:
            PolicyError: the model cannot be trained on either path.
        """
        if wanted and self.unshared_reason is None:
            return True
        if "plain" not in self._known:
            found = self.probe().measure(plain_training)
            if not found.is_right:
                raise PolicyError(f"{self.name}: cannot be trained, also without shared trunks: {found}")
            self._known.add("plain")
        return False

    def probe(self) -> PathProbe:
        """Read a probe's tokens by the model's own forward.

        Raises:
            PolicyError: that cannot be used; see `PathProbe`. Weights hold what is no number, whether or not the
                probe's tokens meet them.
        """
        if damaged_weights(self.model):
            raise PolicyError(f"{self.name}: {why_not_finite(self.model)}")
        limit = min((limit.tokens for limit in self.length_limits), default=None)
        try:
            return PathProbe(self.model, self._ordinary_ids(), self.autocast, limit=limit)
        except PolicyError as error:
            raise PolicyError(f"{self.name}: {error}") from error

    def require_finite(self) -> None:
        """Refuse weights by which the model no longer says finite log-probabilities of ordinary tokens.

        Raises:
            PolicyError: so it is; the sentence names the weights that hold no numbers.
        """
        if damaged_weights(self.model):
            raise PolicyError(f"{self.name}: {why_not_finite(self.model)}")
        limit = min((limit.tokens for limit in self.length_limits), default=FEW)
        with self.autocast():
            require_finite(self.model, self._ordinary_ids()[: min(limit, FEW)])

    def sum_of_weights(self) -> str:
        """Hash the weights as they are, an adapter's included; see `models.digest`."""
        return sum_of_weights(self.model)

    @property
    def revision(self) -> str | None:
        """Return the revision of the hub that the weights are of; None for files that are not from there."""
        found: str | None = getattr(self.model.config, "_commit_hash", None)
        return found

    def _ordinary_ids(self) -> list[int]:
        """Return ids that occur in text, and none that means something to a model."""
        size, tokenizer = self.model.get_input_embeddings().weight.shape[0], self.chat.tokenizer
        special = set(tokenizer.all_special_ids) | self.stop_ids
        found = [token for token in tokenizer(TEXT, add_special_tokens=False)["input_ids"] if token < size]
        usual = [token for token in found if token not in special]
        return usual if len(set(usual)) > 1 else [token for token in range(size) if token not in special]

    def fingerprint(self) -> str:
        """Hash the vocabulary and the template: token ids mean the same under equal fingerprints."""
        return self.chat.fingerprint

    def weights_digest(self) -> str:
        """Return a digest of all weights as they are now: training changes them under their name."""
        return sum_of_weights(self.model)

    def start(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> TokenIds:
        """See `Policy.start`."""
        return self.chat.start(messages, tools)

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """See `Policy.follow`."""
        return self.chat.follow(completion, request)

    def encode(self, text: str) -> Completion:
        """See `Policy.encode`."""
        ids = self.chat.encode(text)
        text = self.chat.decode(ids)  # what a completion of these ids would say
        return Completion(token_ids=ids, logprobs=(float("nan"),) * len(ids), text=text, stop=StopReason.END)

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """Compute in the precision of sampling and of training alike."""
        is_bf16 = self.precision == "bf16"
        exact = contextlib.nullcontext() if is_bf16 else bf16_weights.in_fp32(self.model)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=is_bf16), exact:
            yield

    def merge(self) -> None:
        """Make the adapter part of the weights, so that the model is an ordinary one."""
        if self.adapter is not None:
            bf16_weights.widen(self.model)
            self.adapter.merge()
            self.adapter = None
            self.model.requires_grad_(True)

    def save(self, path: Path) -> None:
        """Write the adapter where there is one, else an ordinary checkpoint: weights, config, tokenizer, template.

        A checkpoint is in fp32; weights held otherwise are so from then on.
        """
        if self.adapter is not None:
            self.adapter.save(path)
            return
        bf16_weights.widen(self.model)
        with without_progress_bars():
            self.model.save_pretrained(path)
            self.chat.tokenizer.save_pretrained(path)


def _eos_ids(model: PreTrainedModel) -> frozenset[int]:
    """Return every eos id that the checkpoint names, besides its tokenizer."""
    named = [model.config.eos_token_id, getattr(model.generation_config, "eos_token_id", None)]
    lists = [entry if isinstance(entry, (list, tuple)) else [entry] for entry in named]
    return frozenset(int(token) for entry in lists for token in entry if token is not None)


@contextlib.contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keep `transformers` from drawing bars: local files are quick, and bars would break up a run's progress line."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def rotary_switch(config: Any) -> int | None:
    """Return the length beyond which all positions are embedded anew (LongRoPE, dynamic NTK); None if there is none."""
    rope = getattr(config, "rope_parameters", None) or {}
    if not any(kind in str(rope) for kind in ("longrope", "dynamic")):
        return None
    original = rope.get("original_max_position_embeddings") or getattr(config, "original_max_position_embeddings", None)
    return int(original or config.max_position_embeddings)
