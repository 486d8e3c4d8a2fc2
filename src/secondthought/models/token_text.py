"""Text becomes ids here, and ids text, by one tokenizer: control tokens that a message spells out stay text.

A control token gives a conversation its structure: headers, ends of turns, padding. One that stands in a message's text
is cut in two before it is tokenized, so that it can be read, quoted and learned, but ends nothing. What is left out of
a text is structure alone; `<answer>`, `<think>` or `<tool_call>` are content, also where they are single tokens.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from secondthought.text import REPLACEMENT, whole
from secondthought.types import TokenIds

CUT = "\ufdd0"
"""Marks where a text is cut before it is tokenized: Unicode keeps it for use inside of programs."""

_TAG = re.compile(r"<(/?)([A-Za-z][\w.-]*)>")
_ANCHORS = ("\n", "a", "|")


class TokenText:
    """A `TokenText` turns text into ids and back."""

    def __init__(self, tokenizer: Any) -> None:
        """Read which tokens were added to the vocabulary, special ones among them."""
        self.tokenizer = tokenizer
        self.added = _added(tokenizer)
        """Ids of added and special tokens that are more than blanks, by what they spell."""
        self.names = {token_id: text for text, token_id in self.added.items()}
        self.special = {text for text in self.added if _is_special(tokenizer, text, self.added[text])}
        self._opens_with_blank = self._goes_on("|") not in (None, self._ids("|"))

    def ids(self, text: str) -> TokenIds:
        """Return the ids of a text that the template wrote, cut at its marks; nothing is added."""
        first, *rest = whole(text).split(CUT)
        return sum((self.going_on(part) for part in rest), self._ids(first))

    def going_on(self, text: str) -> TokenIds:
        """Return the ids of text within a conversation: some tokenizers put a blank before what begins a text."""
        first, *rest = whole(text).split(CUT)
        own = self._goes_on(first) if self._opens_with_blank else None
        return sum((self.going_on(part) for part in rest), self._ids(first) if own is None else own)

    def answer(self, text: str, gap: str) -> TokenIds:
        """Return the ids of an answer that stands `gap` (blanks, or nothing) after its header."""
        if self._opens_with_blank:
            return self.ids(text) if gap else self.going_on(text)
        return self.ids(text if text.startswith(gap) else gap + text)

    def opening(self) -> TokenIds:
        """Return what the tokenizer writes before a plain text: its BOS, or nothing."""
        bare, dressed = self._ids("a"), tuple(self.tokenizer("a")["input_ids"])
        places = range(len(dressed) - len(bare) + 1)
        return next((dressed[:at] for at in places if dressed[at : at + len(bare)] == bare), ())

    def text(self, token_ids: Sequence[int], left_out: Collection[int]) -> str:
        """Return the text of ids but for those left out."""
        kept = [token for token in token_ids if token not in left_out]
        decoded = self.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(decoded)

    def within(self, text: str) -> set[int]:
        """Return the added tokens that a text of the template holds."""
        return {token for token in self.ids(text) if token in self.names}

    def is_markup(self, text: str) -> bool:
        """Tell whether a token is one of a pair of tags, such as `<think>` and `</think>`."""
        found = _TAG.fullmatch(text)
        return found is not None and f"<{'' if found[1] else '/'}{found[2]}>" in self.added

    def _ids(self, text: str) -> TokenIds:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _goes_on(self, text: str) -> TokenIds | None:
        """Return the ids of text after some other text; None where they cannot be told apart from its own."""
        for anchor in _ANCHORS:
            before, both = self._ids(anchor), self._ids(anchor + text)
            if both[: len(before)] == before:
                return both[len(before) :]
        return None


class Quoting:
    """A `Quoting` marks where control tokens in a message's text are cut, so that they stay text."""

    def __init__(self, tokens: Iterable[str]) -> None:
        """Look for these tokens; one of a single character cannot be cut."""
        known = sorted((re.escape(token) for token in tokens if len(token) > 1), key=len, reverse=True)
        self._first = re.compile(f"(?=(?:{'|'.join(known)})).", re.DOTALL) if known else None

    def __call__(self, text: str) -> str:
        """Return the text, whole, with a mark after the first character of each control token."""
        clean = whole(text).replace(CUT, REPLACEMENT)
        return clean if self._first is None else self._first.sub(lambda found: found[0] + CUT, clean)


def _added(tokenizer: Any) -> dict[str, int]:
    found: dict[str, int] = {str(token): int(number) for number, token in _decoder(tokenizer).items()}
    for text in tokenizer.all_special_tokens:
        found.setdefault(str(text), tokenizer.convert_tokens_to_ids(str(text)))
    return {text: number for text, number in found.items() if text.strip() and number is not None}


def _decoder(tokenizer: Any) -> Mapping[int, Any]:
    return getattr(tokenizer, "added_tokens_decoder", None) or {}


def _is_special(tokenizer: Any, text: str, token_id: int) -> bool:
    added = _decoder(tokenizer).get(token_id)
    return bool(getattr(added, "special", False)) or text in tokenizer.all_special_tokens
