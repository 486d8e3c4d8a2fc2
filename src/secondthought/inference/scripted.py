"""A policy that says what a function or a list tells it to: ships with the library, needs no torch, mocks every test.

Given ids and key it has no choice, so every sampled token has log-probability 0; all of its variety comes from the key,
which stands in for the dice of a real model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from secondthought.errors import PolicyError
from secondthought.inference.spelled import END_OF_TURN, SpellingPolicy, conversation, in_bytes, in_text
from secondthought.tools.plain_prompt import with_tools_told
from secondthought.types import Completion, Message, Prompt, Sampling, StopReason, TokenIds

Answers: TypeAlias = Callable[[Sequence[Message], int], str]
"""The conversation so far and the sample's key -> what the policy says. At temperature 0 the key is always 0."""


class ScriptedPolicy(SpellingPolicy):
    """Says `answers(messages, key)`; of a list, the n-th entry is the n-th thing said in a conversation."""

    def __init__(self, answers: Answers | Sequence[str], *, name: str = "scripted") -> None:
        """Take the script. A list must hold as many answers as a conversation gets assistant turns."""
        super().__init__(name)
        self.num_sampled = 0
        """Tokens sampled so far."""
        self._answers: Answers = answers if callable(answers) else _in_turn(tuple(answers))

    def start(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> TokenIds:
        """Return the ids of a conversation; tools are told in words, as where a template has no place for them."""
        return super().start(with_tools_told(messages, tools, takes_system=True) if tools else messages)

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """See `Policy.sample`."""
        completions = [self._say(prompt, sampling) for prompt in prompts]
        self.num_sampled += sum(len(completion.token_ids) for completion in completions)
        return completions

    def _say(self, prompt: Prompt, sampling: Sampling) -> Completion:
        said = self._answers(conversation(prompt.ids).messages, prompt.key if sampling.temperature > 0 else 0)
        ids = (*in_bytes(said), END_OF_TURN)[: sampling.max_tokens]
        ended = ids[-1:] == (END_OF_TURN,)
        return Completion(
            token_ids=ids,
            logprobs=(0.0,) * len(ids),
            text=in_text(ids[:-1] if ended else ids),
            stop=StopReason.END if ended else StopReason.LENGTH,
        )


def _in_turn(answers: tuple[str, ...]) -> Answers:
    def say(messages: Sequence[Message], key: int) -> str:
        turn = sum(message.role == "assistant" for message in messages)
        if turn >= len(answers):
            raise PolicyError(f"scripted policy: the list holds {len(answers)} answers, turn {turn + 1} has none")
        return answers[turn]

    return say
