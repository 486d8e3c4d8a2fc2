"""`EndpointPolicy` plays episodes with a model that is served: any endpoint that speaks OpenAI's chat/completions.

It is there to be measured, not to be trained: its ids spell text (`spelled`), its log-probabilities are not known, and
the server's template and tokenizer are its own. The number of a completion's tokens is the server's, as far as it tells
one. Two things that a server decides are hidden: a conversation is rendered anew for every turn, and the same key may
give another text in another process. Within one process it gives the same.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence

from secondthought.errors import PolicyError
from secondthought.inference.batch_flow import BatchFlow
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.openai_client import OpenAIClient
from secondthought.inference.chat.replies import CUT_OFF
from secondthought.inference.spelled import END_OF_TURN, SpellingPolicy, conversation, in_text, in_tokens
from secondthought.protocols import Flow
from secondthought.types import Answer, Completion, Prompt, Sampling, StopReason

_ROUNDS = 4
"""Conversations that a step of a flow asks for, in units of the requests that may be under way at once."""


class EndpointPolicy(SpellingPolicy):
    """An `EndpointPolicy` is a served model that continues conversations."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Read the key from the environment. Nothing is sent yet."""
        super().__init__(endpoint.model)
        self._client = OpenAIClient(endpoint, takes_parts=True)
        self._said: dict[tuple[Prompt, Sampling], Completion] = {}

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """Ask for completions (`Policy.sample`).

        Raises:
            PolicyError: a conversation got no answer, however often it was sent.
        """
        asked = [prompt for prompt in dict.fromkeys(prompts) if (prompt, sampling) not in self._said]
        told = [conversation(prompt.ids) for prompt in asked]
        tools = [item.tools for item in told]
        answers = self._client.ask([item.messages for item in told], sampling, tools=tools if any(tools) else ())
        for prompt, answer in zip(asked, answers, strict=True):
            if answer.text is None:
                raise PolicyError(f"{self.name}: a conversation got no answer: {answer.error}")
            self._said[prompt, sampling] = _completion(answer.text, answer)
        return [self._said[prompt, sampling] for prompt in prompts]

    @contextlib.contextmanager
    def flow(self) -> Iterator[Flow]:
        """See `FlyingPolicy.flow`."""
        yield BatchFlow(self, most=_ROUNDS * self._client.endpoint.concurrency)


def _completion(text: str, answer: Answer) -> Completion:
    """Return what was said as a completion: also what was cut off, left empty or refused, which a verifier judges."""
    is_cut = answer.error == CUT_OFF
    ids = in_tokens(text, answer.tokens or len(text) // _LETTERS_OF_A_TOKEN)
    ids = ids if is_cut else (*ids, END_OF_TURN)
    return Completion(
        token_ids=ids,
        logprobs=(math.nan,) * len(ids),
        text=in_text(ids if is_cut else ids[:-1]),
        stop=StopReason.LENGTH if is_cut else StopReason.END,
    )


_LETTERS_OF_A_TOKEN = 4
"""About so many letters are taken for a token where a server does not tell how many it wrote."""
