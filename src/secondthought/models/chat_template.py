"""Messages become token ids once: what was sampled is kept as ids, and only what is new is rendered.

The template's text after an assistant message is found with a sentinel message; its first token is the end of turn. A
template that changes earlier turns when a later one arrives (drops thinking, trims what was said) would make the model
train on a context that it never sees at inference: it is refused unless `keep_thinking` asks for the ids as sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secondthought.errors import PolicyError
from secondthought.types import Completion, Message, StopReason, TokenIds

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message.role | capitalize }}: {{ message.content }}"
    "{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""Template of base models that have none: `User: ...`, blank line, `Assistant:`; the eos token ends a turn."""

PINNED_DATE = "26 Jul 2024"
"""Some templates print today's date; a run that resumes tomorrow must see the same prompt. It is Llama 3's default."""

MAX_REMEMBERED = 4096
"""Requests whose ids are remembered; a retry request that repeats the task differs by problem."""

_SENTINEL = "sentinel7f3a"
_THINKING = f"<think>\n{_SENTINEL}\n</think>\n\n{_SENTINEL}"


class Chat:
    """A `Chat` turns messages into ids and ids into text by a tokenizer and its template."""

    def __init__(self, tokenizer: Any, *, keep_thinking: bool = False) -> None:
        """Check the template once.

        Raises:
            PolicyError: the tokenizer has neither a template nor an eos token, or its template rewrites earlier turns.
        """
        self.tokenizer = tokenizer
        self.has_template = bool(tokenizer.chat_template)
        if not self.has_template and tokenizer.eos_token is None:
            raise PolicyError("the tokenizer has neither a chat template nor an eos token: nothing would end a turn")
        self._follow_ids: dict[str, TokenIds] = {}
        if not keep_thinking:
            self._refuse_rewriting()
        self.end_of_turn = self._ids_after("?")[0]

    def start(self, messages: Sequence[Message]) -> TokenIds:
        """Return the ids of the messages and of the assistant's header."""
        return self._ids(self._render([{"role": m.role, "content": m.content} for m in messages], header=True))

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """Return the ids between a completion and the next: the request and the header, after an end of turn.

        The end of turn is left out where the completion sampled it.
        """
        ids = self._ids_after(request)
        sampled_end = completion.stop is StopReason.END and completion.token_ids[-1:] == (self.end_of_turn,)
        return ids[1:] if sampled_end else ids

    def encode(self, text: str) -> TokenIds:
        """Return the ids of an assistant's text with its end of turn."""
        return (*self._ids(text), self.end_of_turn)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of sampled ids, special tokens left out."""
        text = self.tokenizer.decode(list(token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)

    def _render(self, messages: list[dict[str, str]], *, header: bool) -> str:
        template = None if self.has_template else PLAIN_TEMPLATE
        text = self.tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=header, date_string=PINNED_DATE
        )
        return str(text)

    def _ids(self, text: str) -> TokenIds:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _ids_after(self, request: str) -> TokenIds:
        """Return the ids of everything that the template puts after an assistant message when `request` follows it."""
        if request not in self._follow_ids:
            text = self._render(_conversation(_SENTINEL, request), header=True)
            if _SENTINEL not in text:
                raise PolicyError(
                    "the chat template changes what the assistant said, so its turns cannot be found again"
                )
            after = text.split(_SENTINEL)[-1]
            ids = self._ids(after)
            if not ids or (request and after.startswith(request)):
                raise PolicyError("the chat template puts nothing after an assistant message: nothing would end a turn")
            if len(self._follow_ids) >= MAX_REMEMBERED:
                self._follow_ids.clear()
            self._follow_ids[request] = ids
        return self._follow_ids[request]

    def _refuse_rewriting(self) -> None:
        """Refuse a template by which a conversation is no prefix of itself one turn later, thinking included."""
        for answer in (_SENTINEL, _THINKING):
            first = self._render(_conversation(answer, None), header=False)
            later = self._render(_conversation(answer, "?"), header=True)
            shown = first[: first.rfind(_SENTINEL) + len(_SENTINEL)]
            if not later.startswith(shown):
                raise PolicyError(
                    "the chat template rewrites earlier turns when a later one arrives (it drops thinking, perhaps), "
                    "so training would see another context than sampling did; set model.keep_thinking = true to keep "
                    "every turn as it was sampled"
                )


def _conversation(answer: str, request: str | None) -> list[dict[str, str]]:
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}]
    return turns if request is None else [*turns, {"role": "user", "content": request}]
