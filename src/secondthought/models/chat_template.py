"""Messages become token ids once: what was sampled is kept as ids, and only what is new is rendered.

The template's text after an assistant message is found with a sentinel message. How an answer is opened and ended, and
that a conversation is the tokens that were sampled, is the business of the conversation check (`models.conversation`).
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from secondthought.config.play import PINNED_DATE
from secondthought.errors import PolicyError
from secondthought.models.conversation import ANSWER, Form, examine
from secondthought.models.template import CONFIG, FILE, Template
from secondthought.models.token_text import Quoting, TokenText
from secondthought.models.tool_form import ToolForm, Turns, examine_tools, placed
from secondthought.tools.plain_prompt import with_tools_told
from secondthought.types import Completion, Message, Role, StopReason, TokenIds

_CHAT_NAME = re.compile(r"(?<![a-z])(instruct|chat|it)(?![a-z])", re.IGNORECASE)
_CHAT_TOKENS = frozenset({"<|im_start|>", "<start_of_turn>", "<|start_header_id|>", "[INST]", "<|start_of_role|>"})

MAX_REMEMBERED = 4096
"""Requests whose ids are remembered; a retry request that repeats the task differs by problem."""


class Chat:
    """A `Chat` turns messages into ids and ids into text by a tokenizer and its template."""

    def __init__(
        self,
        tokenizer: Any,
        *,
        keep_thinking: bool = False,
        eos_ids: Collection[int] = (),
        date: datetime.date = PINNED_DATE,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Check template and tokenizer together, once.

        Args:
            tokenizer: with its template; a base model has none.
            keep_thinking: use a template that rewrites earlier turns, with the ids as they were sampled.
            eos_ids: what the model's files name as the end of a text, besides the tokenizer.
            date: what the template's clock shows.
            template_options: variables of the template.

        Raises:
            PolicyError: the template cannot be used, or nothing would end a turn.
        """
        self.tokenizer = tokenizer
        self.codec = TokenText(tokenizer)
        self.template = Template(tokenizer, date=date, options=template_options)
        self.has_template = not self.template.is_plain
        if not self.has_template and tokenizer.eos_token is None and not eos_ids:
            raise PolicyError(
                "the tokenizer has neither a chat template nor an eos token: nothing would end a turn; name an "
                "eos_token in tokenizer_config.json, or give a template with model.chat_template"
            )
        self.form: Form = examine(self.template, self.codec, eos_ids=eos_ids, keep_thinking=keep_thinking)
        self.end_of_turn = self.form.end
        self.stop_ids = self.form.stops
        self._opening = () if self.has_template else self.codec.opening()
        self._quote = Quoting(self.form.control)
        self._quote_answer = Quoting(self.codec.names[token] for token in self.form.structure)
        self._follow_ids: dict[str, TokenIds] = {}

    @cached_property
    def tool_form(self) -> ToolForm:
        """Return how tools reach the model, measured when it is first asked for."""
        return examine_tools(self.template, self.form)

    @property
    def fingerprint(self) -> str:
        """Return a hash of vocabulary and template."""
        found = self._hashed_vocabulary.copy()
        found.update(repr((None, self.tokenizer.chat_template, *self.template.settings))[len("(None") :].encode())
        return found.hexdigest()

    @cached_property
    def _hashed_vocabulary(self) -> hashlib.blake2b:
        """Return the hash up to the template, begun once: a vocabulary of 150,000 takes a quarter of a second."""
        vocabulary = sorted(self.tokenizer.get_vocab().items(), key=lambda item: item[1])
        return hashlib.blake2b(f"({vocabulary!r}".encode(), digest_size=8)

    def start(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> TokenIds:
        """Return the ids of the messages and of the assistant's header.

        Tools that may be called are written by the template where it has a place for them, else by the plain prompt.

        Raises:
            PolicyError: the template refuses the messages.
        """
        if tools and not self.tool_form.by_template:
            messages, tools = with_tools_told(messages, tools, takes_system=not self.form.system), ()
        if self.form.system and any(message.role == "system" for message in messages):
            raise PolicyError(self.form.system)
        turns: Turns = [self._written(message) for message in messages]
        if tools:
            turns, tools = placed(turns, [self._quoted(tool) for tool in tools], self.tool_form.way)
        return self._opening + self._prompt(turns, tools)

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """Return the ids between a completion and the next: the request and the header, after an end of turn.

        The end of turn is left out where the completion sampled it.
        """
        ids = self._ids_after(request)
        sampled_end = completion.stop is StopReason.END and completion.token_ids[-1:] == (self.end_of_turn,)
        return ids[1:] if sampled_end else ids

    def encode(self, text: str) -> TokenIds:
        """Return the ids of an assistant's text with its end of turn."""
        return (*self.codec.answer(self._quote_answer(text), self.form.gap), self.end_of_turn)

    def plain(self, text: str) -> TokenIds:
        """Return the ids of a text that no template is put around, as the tokenizer opens a text."""
        return self.codec.opening() + self.codec.ids(self._quote(text))

    def plain_answer(self, text: str) -> TokenIds:
        """Return the ids of a text that goes on after a plain one, without anything that ends it."""
        return self.codec.going_on(self._quote_answer(text))

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of sampled ids; tokens that are structure are left out, and no others."""
        return self.codec.text(token_ids, self.form.structure)

    def describe(self) -> dict[str, str]:
        """Return in words how a conversation is put together, for people who want to look at it."""
        name, form = self.codec.names, self.form
        found = {
            "template": self.template.place.rpartition("/")[2]
            if self.has_template
            else "none: User: ..., Assistant: ...",
            "a prompt ends with": repr(self._header()),
            "the template begins answers with": repr(form.prefill) if form.prefill else "",
            "an answer ends with": " or ".join(name[token] for token in (form.end, *sorted(form.stops - {form.end}))),
            "text begins with": "".join(name.get(token, "") for token in self._opening),
            "left out of texts": " ".join(name[token] for token in sorted(form.structure)),
            "date": str(self.template.date) if self.template.asks_for_the_date else "",
            "system messages": "no" if form.system else "yes",
            "tools": self.tool_form.in_words,
        }
        return {what: said for what, said in found.items() if said}

    def remarks(self, name: str) -> Iterator[str]:
        """Yield what the user of a model of this name should know, a sentence each."""
        if self.form.prefill:
            yield (
                f"its chat template begins every answer with {self.form.prefill!r}; the model reads it, but it is no "
                "part of the texts that a task judges"
            )
        if self.tokenizer.bos_token is None and self.template.writes("bos_token"):
            yield (
                "its chat template begins with a bos token and the tokenizer names none, so prompts have none; name it "
                f"in {CONFIG}, field 'bos_token', if the model was trained with one"
            )
        if not self.has_template and (_CHAT_NAME.search(Path(name).name) or _CHAT_TOKENS & self.codec.added.keys()):
            yield (
                f"it looks like a chat model but has no chat template ({CONFIG}, field 'chat_template', or {FILE}), so "
                "it is asked as a base model, 'User: ...' and 'Assistant:'; give its template with model.chat_template"
            )

    def _header(self) -> str:
        question = "question7f3q"
        prompt = self.template.render([{"role": "user", "content": question}], header=True) + self.form.header
        return prompt.rpartition(question)[2]

    def _written(self, message: Message) -> dict[str, str]:
        """Return a message for the template, its control tokens marked as text."""
        if message.role not in get_args(Role):
            raise PolicyError(f"{message.role!r} is no role of a message; it is one of {', '.join(get_args(Role))}")
        quote = self._quote_answer if message.role == "assistant" else self._quote
        return {"role": message.role, "content": quote(message.content)}

    def _quoted(self, value: Any) -> Any:
        """Return a JSON value whose texts hold control tokens as text."""
        if isinstance(value, Mapping):
            return {self._quote(str(key)): self._quoted(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._quoted(item) for item in value]
        return self._quote(value) if isinstance(value, str) else value

    def _prompt(self, messages: Sequence[Mapping[str, str]], tools: Sequence[Mapping[str, Any]] = ()) -> TokenIds:
        return self.codec.ids(self.template.render(messages, header=True, tools=tools) + self.form.header)

    def _ids_after(self, request: str) -> TokenIds:
        """Return the ids of everything that the template puts after an assistant message when `request` follows it."""
        if request not in self._follow_ids:
            if len(self._follow_ids) >= MAX_REMEMBERED:
                self._follow_ids.clear()
            self._follow_ids[request] = self._followed_by(self._quote(request))
        return self._follow_ids[request]

    def _followed_by(self, request: str) -> TokenIds:
        answer = ANSWER
        while answer in request:
            answer += ANSWER[-1]
        turns = [("user", "?"), ("assistant", answer), ("user", request)]
        text = self.template.render([{"role": role, "content": content} for role, content in turns], header=True)
        ids = self.codec.going_on(text[text.rfind(answer) + len(answer) :] + self.form.header)
        # Blanks before the end of a turn are left to whoever wrote the answer.
        return ids[ids.index(self.end_of_turn) :] if self.form.writes_end else (self.end_of_turn, *ids)
