"""The conversation check: what is sampled must be what the template makes of it, turn by turn.

It runs whenever a template is taken into use. It looks at renderings with known words in them and finds how an answer
is opened, what the template begins it with itself, which token ends it, and which tokens are structure. A template by
which a conversation would not be the tokens that were sampled is refused with a sentence.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Collection
from dataclasses import dataclass

from secondthought.errors import PolicyError
from secondthought.models.template import REMEDY, Template
from secondthought.models.token_text import TokenText

logger = logging.getLogger(__name__)

QUESTION, ANSWER, REQUEST, SYSTEM = "question7f3q", "sentinel7f3a", "request7f3r", "system7f3s"
_THOUGHT = f"<think>\n{ANSWER}\n</think>\n\n{ANSWER}"
_THINKING = re.compile(r"\s*(<\|?\w+\|?>)?\s*(<\|?/\|?\w+\|?>)?\s*")
"""Tags around a thought, or one of them: what a template may write before an answer that has none."""
_MARK = re.compile(r"\s*(<[^<>\s]+>|\[/?[A-Z_]+\])")


@dataclass(frozen=True, slots=True)
class Form:
    """A `Form` is what the check found: how a conversation of this template is put together."""

    header: str
    """Written after a rendering, where the template itself leaves out the header of an answer."""
    prefill: str
    """What the template begins every answer with, such as `<think>`: read by the model, never sampled."""
    gap: str
    """Blanks between header and answer, which the model samples itself."""
    end: int
    """The token that ends an answer where nothing else did."""
    writes_end: bool
    """Whether the template writes that token; where it writes none, it is added."""
    stops: frozenset[int]
    """All tokens that end a turn."""
    structure: frozenset[int]
    """Tokens that are left out of a text."""
    control: frozenset[str]
    """Tokens that are text where a message spells them out."""
    system: str
    """Why no system message can be used; empty where one can."""


def examine(template: Template, codec: TokenText, *, eos_ids: Collection[int], keep_thinking: bool) -> Form:
    """Check a template with its tokenizer and return how its conversations are put together.

    Args:
        template: writes the conversations.
        codec: reads them.
        eos_ids: tokens that end a text, as the model's files name them.
        keep_thinking: turns stay as they were sampled, whatever the template makes of earlier ones.

    Raises:
        PolicyError: the template changes what was said, asks for answers in another way than it writes them, rewrites
            earlier turns, or has nothing that ends a turn.
    """
    return _Examination(template, codec, eos_ids, keep_thinking).form()


class _Examination:
    """Renderings of one template, and what they tell."""

    def __init__(self, template: Template, codec: TokenText, eos_ids: Collection[int], keep_thinking: bool) -> None:
        self.template = template
        self.codec = codec
        self.keep_thinking = keep_thinking
        if codec.tokenizer.eos_token is None and not template.is_plain and template.writes("eos_token"):
            raise self.wrong(
                "ends answers with the eos token, and the tokenizer names none",
                "name its eos_token in tokenizer_config.json",
            )
        self.asked = self.render(QUESTION, header=True)
        self.said = self.render(QUESTION, ANSWER)
        self.later = self.render(QUESTION, ANSWER, REQUEST, header=True)
        if ANSWER not in self.said or ANSWER not in self.later:
            raise self.wrong("changes what the assistant said, so its turns cannot be found again")
        self.before = self.said[: self.said.rfind(ANSWER)]
        self.after = self.later[self.later.rfind(ANSWER) + len(ANSWER) :].split(REQUEST)[0]
        self.eos_ids = self._eos(eos_ids)

    def form(self) -> Form:
        """Go through all checks."""
        header, prefill, gap = self._opening()
        end = self._end()
        if not self.keep_thinking:
            self._refuse_rewriting(header, prefill, gap)
        stops = frozenset({end, *self.eos_ids})
        structure = frozenset(self._structure(header) | stops | self._named())
        return Form(
            header=header,
            prefill=prefill,
            gap=gap,
            end=end,
            writes_end=end == self._first_token()[0],
            stops=stops,
            structure=structure,
            control=frozenset(self._control(structure)),
            system=self._system(),
        )

    def render(self, *contents: str, header: bool = False, system: str = "") -> str:
        """Render a conversation in which user and assistant take turns."""
        turns = [{"role": "assistant" if at % 2 else "user", "content": content} for at, content in enumerate(contents)]
        first = [{"role": "system", "content": system}] if system else []
        return self.template.render([*first, *turns], header=header)

    def wrong(self, what: str, remedy: str = REMEDY) -> PolicyError:
        return PolicyError(f"{self.template.place}: the chat template {what}; {remedy}")

    def _opening(self) -> tuple[str, str, str]:
        """Return the header that is missing, the prefill, and the blanks before an answer."""
        shared = _shared(self.asked, self.before)
        more, rest = self.asked[len(shared) :], self.before[len(shared) :]
        ignores = self.asked == self.render(QUESTION)
        if not more and (ignores or not rest.strip()):
            header = rest.rstrip(" ")
            return header, "", rest[len(header) :]
        has_header = shared.rstrip() != self.render(QUESTION).rstrip()
        if _THINKING.fullmatch(rest) and (has_header or _THINKING.fullmatch(more)):
            return "", more, ""
        asks, writes = _tail(self.asked), _tail(self.before)
        raise self.wrong(f"asks for an answer with {asks!r}, but writes answers after {writes!r}")

    def _end(self) -> int:
        """Return the first token after an answer that ends a turn, or the eos where the template writes none."""
        if not self.after:
            raise self.wrong("puts nothing after an assistant message: nothing would end a turn")
        first, lead = self._first_token()
        if lead.strip() and first in self.eos_ids:
            raise self.wrong(f"writes {lead!r} between an answer and the token that ends it")
        is_end = not self.eos_ids or first in self.eos_ids or not self._opens_a_turn(first)
        if first is not None and not lead.strip() and is_end:
            return first
        mark = _MARK.match(self.after)
        if mark and mark[1] not in self.asked.split(QUESTION)[0] and mark[1] not in self.codec.added:
            raise self.wrong(
                f"ends an answer with {mark[1]!r}, which the tokenizer does not know as a token",
                "use the template of this tokenizer (model.chat_template), or add the token to tokenizer and model",
            )
        if not self.eos_ids:
            raise self.wrong(
                "writes no token after an answer, and the tokenizer has no eos token: nothing would end a turn",
                "name an eos_token in tokenizer_config.json",
            )
        own = self.codec.tokenizer.eos_token_id
        return int(own) if own in self.eos_ids else min(self.eos_ids)

    def _first_token(self) -> tuple[int | None, str]:
        """Return the first token after an answer that could end it, and the text before that token."""
        ids = self.codec.ids(self.after)
        at = next((at for at, token in enumerate(ids) if self._is_end(token)), None)
        return (None, "") if at is None else (ids[at], self.codec.text(ids[:at], ()))

    def _opens_a_turn(self, token: int | None) -> bool:
        """Tell whether a token stands before a question and does not end one."""
        opening, _, opened = self.before.partition(QUESTION)
        closes = next((found for found in self.codec.ids(opened) if found in self.codec.names), None)
        return token in self.codec.within(opening) and token != closes

    def _is_end(self, token: int) -> bool:
        return token in self.eos_ids or token in self.codec.names

    def _eos(self, given: Collection[int]) -> frozenset[int]:
        """Return the eos tokens that are tokens of their own: text, such as a newline, ends no turn."""
        own = self.codec.tokenizer.eos_token_id
        known = {token for token in (*given, own) if token is not None}
        for token in sorted(known - set(self.codec.names)):
            shown = self.codec.tokenizer.decode([token])
            logger.warning(
                "eos_token_id %d (%r) of config.json or generation_config.json is text by this tokenizer, so it ends "
                "no turn here; correct it there",
                token,
                shown,
            )
        return frozenset(known & set(self.codec.names))

    def _refuse_rewriting(self, header: str, prefill: str, gap: str) -> None:
        """Refuse a template by which later turns change earlier ones, thinking included, or depend on their place."""
        thought = f"{ANSWER}\n</think>\n\n{ANSWER}" if prefill.strip().startswith("<think>") else _THOUGHT
        if "</" in prefill:
            thought = ANSWER
        for answer in (ANSWER, thought):
            content = prefill + answer
            opened = self.asked + header + (gap if answer == ANSWER else "")
            first = self.render(QUESTION, content)
            later = self.render(QUESTION, content, REQUEST, header=True)
            shown = first[: first.rfind(ANSWER) + len(ANSWER)]
            if not later.startswith(shown) or not _alike(shown, opened + answer):
                raise self._rewrites()
            follow = later[len(shown) :] + header
            again = self.render(QUESTION, content, REQUEST, content, REQUEST, header=True) + header
            if answer == ANSWER and again != opened + answer + follow + gap + answer + follow:
                raise self._rewrites()

    def _rewrites(self) -> PolicyError:
        return self.wrong(
            "rewrites earlier turns when a later one arrives (it drops thinking, perhaps), so training would see "
            "another context than sampling did",
            "set model.keep_thinking = true to keep every turn as it was sampled",
        )

    def _structure(self, header: str) -> set[int]:
        """Return the tokens that the template writes around messages, but none that it begins an answer with."""
        head = _shared(self.asked, self.before)
        opening, _, opened = head.partition(QUESTION)
        ended = self.said[len(self.before) + len(ANSWER) :]
        first, then = opening, ""
        with contextlib.suppress(PolicyError):  # where it takes no system messages, nothing of theirs is structure
            first, _, then = self.render(QUESTION, system=SYSTEM).split(QUESTION)[0].partition(SYSTEM)
        around = {token for text in (opened, header, self.after, ended, then) for token in self.codec.within(text)}
        before = {token for text in (opening, first) for token in self.codec.within(text)}
        return around | {token for token in before if not self.codec.is_markup(self.codec.names[token])}

    def _named(self) -> set[int]:
        """Return the tokens that the tokenizer gives an office: bos, eos, pad, unknown and the like."""
        tokenizer = self.codec.tokenizer
        offices = ("bos", "eos", "pad", "unk", "sep", "cls", "mask")
        found = {getattr(tokenizer, f"{office}_token_id", None) for office in offices}
        return {int(token) for token in found if token is not None and token in self.codec.names}

    def _control(self, structure: Collection[int]) -> set[str]:
        """Return the tokens that no message can put into a conversation: structure, special and the template's own."""
        others = {
            text
            for text in self.codec.added
            if (text in self.codec.special or text in self.template.text) and not self.codec.is_markup(text)
        }
        return others | {self.codec.names[token] for token in structure}

    def _system(self) -> str:
        """Say why no system message can be used; empty where it can."""
        try:
            asked = self.render(QUESTION, header=True, system=SYSTEM)
            later = self.render(QUESTION, ANSWER, REQUEST, header=True, system=SYSTEM)
        except PolicyError as error:
            return str(error)
        kept = later.startswith(asked.split(QUESTION)[0] + QUESTION) or self.keep_thinking
        if SYSTEM in asked and kept:
            return ""
        what = "moves a system message when a later turn arrives" if SYSTEM in asked else "drops system messages"
        return str(self.wrong(what, f"write it into the user's message, or {REMEDY}"))


def _shared(one: str, other: str) -> str:
    """Return what both texts begin with.

    >>> _shared("<user>a<think>", "<user>a")
    '<user>a'
    """
    size = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:size]


def _alike(one: str, other: str) -> bool:
    """Compare texts but for the blanks within them, which a template may set its own way around a thought."""
    return "".join(one.split()) == "".join(other.split())


def _tail(text: str) -> str:
    return text.split(QUESTION)[-1]
