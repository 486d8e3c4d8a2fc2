"""A policy that says what a function or a list tells it to: ships with the library, needs no torch, mocks every test.

Token ids are the bytes of UTF-8 and four special ids. Given ids and key it has no choice, so every sampled token has
log-probability 0; all of its variety comes from the key, which stands in for the dice of a real model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from secondthought.errors import PolicyError
from secondthought.tools.plain_prompt import with_tools_told
from secondthought.types import Completion, Message, Prompt, Role, Sampling, StopReason, TokenIds

END_OF_TURN = 256
"""Ends every message, the assistant's included."""
_HEADERS: dict[Role, int] = {"system": 257, "user": 258, "assistant": 259}
_ROLES = {token_id: role for role, token_id in _HEADERS.items()}

Answers: TypeAlias = Callable[[Sequence[Message], int], str]
"""The conversation so far and the sample's key -> what the policy says. At temperature 0 the key is always 0."""


class ScriptedPolicy:
    """Says `answers(messages, key)`; of a list, the n-th entry is the n-th thing said in a conversation."""

    def __init__(self, answers: Answers | Sequence[str], *, name: str = "scripted") -> None:
        """Take the script. A list must hold as many answers as a conversation gets assistant turns."""
        self.name = name
        self.num_sampled = 0
        """Tokens sampled so far."""
        self._answers: Answers = answers if callable(answers) else _in_turn(tuple(answers))

    def fingerprint(self) -> str:
        """Hash the vocabulary: token ids mean the same under equal fingerprints."""
        return hashlib.blake2b(repr(("utf-8", END_OF_TURN, _HEADERS)).encode(), digest_size=8).hexdigest()

    def start(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> TokenIds:
        """See `Policy.start`."""
        if tools:
            messages = with_tools_told(messages, tools, takes_system=True)
        ids: list[int] = []
        for message in messages:
            ids += (_HEADERS[message.role], *_bytes(message.content), END_OF_TURN)
        return (*ids, _HEADERS["assistant"])

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """See `Policy.follow`."""
        missing = () if completion.token_ids[-1:] == (END_OF_TURN,) else (END_OF_TURN,)
        return missing + self.start([Message(role="user", content=request)])

    def encode(self, text: str) -> Completion:
        """See `Policy.encode`."""
        ids = (*_bytes(text), END_OF_TURN)
        return Completion(token_ids=ids, logprobs=(float("nan"),) * len(ids), text=_text(ids[:-1]), stop=StopReason.END)

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """See `Policy.sample`."""
        completions = [self._say(prompt, sampling) for prompt in prompts]
        self.num_sampled += sum(len(completion.token_ids) for completion in completions)
        return completions

    def _say(self, prompt: Prompt, sampling: Sampling) -> Completion:
        said = self._answers(conversation(prompt.ids), prompt.key if sampling.temperature > 0 else 0)
        ids = (*_bytes(said), END_OF_TURN)[: sampling.max_tokens]
        ended = ids[-1:] == (END_OF_TURN,)
        return Completion(
            token_ids=ids,
            logprobs=(0.0,) * len(ids),
            text=_text(ids[:-1] if ended else ids),
            stop=StopReason.END if ended else StopReason.LENGTH,
        )


def conversation(ids: Sequence[int]) -> tuple[Message, ...]:
    """Read back the messages that ids spell, without the assistant's header at the end that asks for the next one.

    >>> policy = ScriptedPolicy([])
    >>> conversation(policy.start([Message(role="user", content="Hi")]))
    (Message(role='user', content='Hi'),)
    """
    messages: list[Message] = []
    role: Role | None = None
    content: list[int] = []
    for token_id in ids:
        if token_id in _ROLES and role is None:
            role, content = _ROLES[token_id], []
        elif token_id == END_OF_TURN and role is not None:
            messages.append(Message(role=role, content=_text(content)))
            role = None
        elif 0 <= token_id < END_OF_TURN and role is not None:
            content.append(token_id)
        else:
            raise PolicyError(f"scripted policy: token {token_id} has no place in a conversation; was it made by it?")
    if role != "assistant" or content:
        raise PolicyError("scripted policy: the prompt must end with the assistant's header")
    return tuple(messages)


def _in_turn(answers: tuple[str, ...]) -> Answers:
    def say(messages: Sequence[Message], key: int) -> str:
        turn = sum(message.role == "assistant" for message in messages)
        if turn >= len(answers):
            raise PolicyError(f"scripted policy: the list holds {len(answers)} answers, turn {turn + 1} has none")
        return answers[turn]

    return say


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _text(ids: Sequence[int]) -> str:
    return bytes(ids).decode("utf-8", "replace")
