"""Token ids that spell their text: for policies without a tokenizer of their own. No torch here.

| id | meaning |
|---|---|
| 0 to 255 | a byte of UTF-8 |
| 256 | the end of a message, the assistant's included |
| 257 to 259 | the header of a message: system, user, assistant |
| 260 | the header of the tools, as JSON |
| 65,536 and more | several bytes in one token: their number, a byte 1 before them |
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from secondthought.errors import PolicyError
from secondthought.types import Completion, Message, Role, StopReason, TokenIds

END_OF_TURN = 256
HEADERS: dict[Role, int] = {"system": 257, "user": 258, "assistant": 259}
TOOLS = 260
_ROLES = {token_id: role for role, token_id in HEADERS.items()}
_SEVERAL = 1 << 16


class Conversation(NamedTuple):
    """A `Conversation` is what ids spell: messages, and the tools that may be called in them."""

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...]


class SpellingPolicy:
    """A `SpellingPolicy` has ids that spell their text, so that a conversation can be read back from them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fingerprint(self) -> str:
        """Hash the vocabulary: token ids mean the same under equal fingerprints."""
        return hashlib.blake2b(repr(("utf-8", END_OF_TURN, HEADERS)).encode(), digest_size=8).hexdigest()

    def start(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> TokenIds:
        """See `Policy.start`."""
        ids: list[int] = []
        if tools:
            ids += (TOOLS, *in_bytes(json.dumps([dict(tool) for tool in tools], ensure_ascii=False)), END_OF_TURN)
        for message in messages:
            ids += (HEADERS[message.role], *in_bytes(message.content), END_OF_TURN)
        return (*ids, HEADERS["assistant"])

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """See `Policy.follow`."""
        missing = () if completion.token_ids[-1:] == (END_OF_TURN,) else (END_OF_TURN,)
        return missing + self.start([Message(role="user", content=request)])

    def encode(self, text: str) -> Completion:
        """See `Policy.encode`."""
        ids = (*in_bytes(text), END_OF_TURN)
        said = in_text(ids[:-1])
        return Completion(token_ids=ids, logprobs=(math.nan,) * len(ids), text=said, stop=StopReason.END)


def conversation(ids: Sequence[int]) -> Conversation:
    """Read what ids spell, without the assistant's header at the end that asks for the next message.

    Raises:
        PolicyError: no `SpellingPolicy` writes such ids.

    >>> conversation(SpellingPolicy("any").start([Message(role="user", content="Hi")])).messages
    (Message(role='user', content='Hi'),)
    """
    messages: list[Message] = []
    tools: tuple[Mapping[str, Any], ...] = ()
    begun: int | None = None
    content: list[int] = []
    for token_id in ids:
        if begun is None and (token_id in _ROLES or token_id == TOOLS):
            begun, content = token_id, []
        elif begun is not None and token_id == END_OF_TURN:
            if begun == TOOLS:
                tools = tuple(json.loads(in_text(content)))
            else:
                messages.append(Message(role=_ROLES[begun], content=in_text(content)))
            begun = None
        elif begun is not None and (0 <= token_id < END_OF_TURN or token_id >= _SEVERAL):
            content.append(token_id)
        else:
            raise PolicyError(f"token {token_id} has no place in a conversation that is spelled; was it made so?")
    if begun != HEADERS["assistant"] or content:
        raise PolicyError("a prompt that is spelled must end with the assistant's header")
    return Conversation(tuple(messages), tools)


def in_bytes(text: str) -> bytes:
    """Return the ids that spell a text, one for each byte."""
    return text.encode("utf-8", "replace")


def in_tokens(text: str, number: int) -> TokenIds:
    """Return ids that spell a text in so many tokens, or one for each byte where that is fewer.

    >>> in_text(in_tokens("Hello", 2)), len(in_tokens("Hello", 2)), len(in_tokens("Hi", 9))
    ('Hello', 2, 2)
    """
    data = in_bytes(text)
    number = min(max(number, 1), len(data))
    ends = [len(data) * place // number for place in range(number + 1)] if number else []
    parts = [data[start:end] for start, end in itertools.pairwise(ends)]
    return tuple(part[0] if len(part) == 1 else int.from_bytes(b"\1" + part) for part in parts)


def in_text(ids: Sequence[int]) -> str:
    """Return the text that ids spell."""
    parts = (bytes([one]) if one < END_OF_TURN else one.to_bytes(-(-one.bit_length() // 8))[1:] for one in ids)
    return b"".join(parts).decode("utf-8", "replace")
