"""A local model of ours as a model of lm-eval: its requests are read on shared trunks and sampled as ours are.

Texts become tokens as in lm-eval's own `hf` model, so both say the same of the same weights. Needs the extra `lm-eval`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import handle_stop_sequences, has_bos_prefix, normalize_gen_kwargs, postprocess_generated_text

from secondthought.errors import PolicyError
from secondthought.inference.local import LocalPolicy
from secondthought.models.continuations import Continued, likelihoods
from secondthought.progress import SILENT, Onlooker, each
from secondthought.types import Prompt, Sampling, StopReason, TokenIds

PIECE = 64
"""Tokens that are sampled before stop texts are looked for: whoever has one goes no further."""
ROWS = 64
"""Requests that are answered together."""


class SecondthoughtLM(TemplateLM):
    """A `SecondthoughtLM` answers lm-eval's requests with a local policy."""

    def __init__(self, policy: LocalPolicy, onlooker: Onlooker = SILENT) -> None:
        """Take a policy as it is: its weights, its precision, its tokenizer."""
        super().__init__()
        self.policy, self.onlooker = policy, onlooker
        self.tokenizer = policy.chat.tokenizer

    @property
    def eot_token_id(self) -> int:
        """Return the token that ends a text."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """Return the token that an empty context is replaced by."""
        first = self.tokenizer.bos_token_id
        return self.eot_token_id if first is None else int(first)

    @property
    def tokenizer_name(self) -> str:
        """Return what tells tokenizers apart."""
        return self.policy.fingerprint()

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Render messages by the model's own template."""
        rendered: str = self.tokenizer.apply_chat_template(
            chat_history,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )
        return rendered

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Turn a text into ids; it gets no second beginning where it has one."""
        if add_special_tokens is None and has_bos_prefix(string, self.tokenizer.decode(self.prefix_token_id)):
            add_special_tokens = False
        own = {} if add_special_tokens is None else {"add_special_tokens": add_special_tokens}
        ids: list[int] = self.tokenizer.encode(string, **own)
        return ids

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """Return how likely continuations are; without lm-eval's own bars."""
        found: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
        return found

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        asked = [Continued(tuple(context), tuple(continuation)) for _, context, continuation in requests]
        return [tuple(item) for item in likelihoods(self.policy, asked, self.onlooker)]  # type: ignore[misc]

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = True) -> list[float]:
        """Refuse: perplexity of whole texts is no question with a right answer."""
        raise PolicyError(f"{self.policy.name}: perplexity of whole texts is not measured here; run lm-eval itself")

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """Return the likeliest completions, each up to the first of its stop texts.

        Raises:
            PolicyError: a task wants samples at a temperature.
        """
        blocks = [requests[start : start + ROWS] for start in range(0, len(requests), ROWS)]
        return [text for block in each(blocks, "blocks of answers", self.onlooker) for text in self._answered(block)]

    def _answered(self, requests: Sequence[Instance]) -> Iterator[str]:
        end = self.tokenizer.decode(self.eot_token_id)
        rows = [_Row(self, context, wanted, end) for context, wanted in (request.args for request in requests)]
        while going := [row for row in rows if row.left]:
            size = min(PIECE, *(row.left for row in going))
            prompts = [Prompt(trunk=row.prompt, tail=tuple(row.ids), key=0) for row in going]
            pieces = self.policy.sample(prompts, Sampling(temperature=0.0, max_tokens=size))
            for row, piece in zip(going, pieces, strict=True):
                row.take(piece.token_ids, ended=piece.stop is StopReason.END)
        return (row.text for row in rows)


class _Row:
    """A `_Row` is a request and what has been sampled for it."""

    def __init__(self, model: SecondthoughtLM, context: str, wanted: dict[str, Any], end: str) -> None:
        given = normalize_gen_kwargs(wanted)
        if given["do_sample"] or given["temperature"]:
            raise PolicyError("an lm-eval task that samples at a temperature cannot be repeated; run lm-eval itself")
        self.model, self.until = model, handle_stop_sequences(given["until"], end)
        self.prompt: TokenIds = tuple(model.tok_encode(context))
        self.ids: list[int] = []
        self.left = int(given["max_gen_toks"])

    @property
    def text(self) -> str:
        """Return what was sampled before the first stop text."""
        return str(postprocess_generated_text(self._written(), self.until, None))

    def take(self, ids: TokenIds, *, ended: bool) -> None:
        """Take the next piece; nothing is left to sample where it ended or holds a stop text."""
        self.ids += ids
        written = self._written()
        is_done = ended or any(stop and stop in written for stop in self.until)
        self.left = 0 if is_done else self.left - len(ids)

    def _written(self) -> str:
        written: str = self.model.tokenizer.decode(self.ids, skip_special_tokens=True)
        return written
