"""`LocalChat` lets a policy answer whole conversations (`ChatModel`): a local model in place of an endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from secondthought import rng
from secondthought.errors import PolicyError
from secondthought.inference.chat.replies import CUT_OFF, EMPTY
from secondthought.protocols import Policy
from secondthought.types import Answer, Completion, Message, Prompt, Sampling, StopReason


class LocalChat:
    """A `LocalChat` answers with a local policy, `rows` conversations at a time."""

    def __init__(self, policy: Policy, *, rows: int = 16, seed: int = 0) -> None:
        """Take the policy. Answers at a temperature depend on `seed` and the conversation, not on its neighbours."""
        self.name = policy.name
        self._policy, self._rows, self._seed = policy, rows, seed

    def identity(self) -> str:
        """Return the name with digests of weights and tokenizer, and the seed; see `Identified`."""
        from secondthought.models.digest import digest_of_weights  # torch, which endpoints do without
        from secondthought.models.local import LocalModel

        policy = self._policy
        own = [digest_of_weights(policy.model), policy.fingerprint()] if isinstance(policy, LocalModel) else []
        return " ".join([self.name, *own, f"seed {self._seed}"])

    def ask(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        keep: Callable[[Answer], None] = lambda answer: None,
        tools: Sequence[Sequence[Mapping[str, Any]]] = (),
    ) -> list[Answer]:
        """Answer the conversations; see `ChatModel.ask`.

        One that the policy cannot hold gets None, and so does one whose answer is empty or was cut off.
        """
        seen: Counter[tuple[Message, ...]] = Counter()
        answers: list[Answer] = []
        for start in range(0, len(conversations), self._rows):
            places = range(start, min(start + self._rows, len(conversations)))
            some = [self._prompt(tuple(conversations[i]), tools[i] if tools else (), seen) for i in places]
            for answer in self._answers(start, some, sampling):
                keep(answer)
                answers.append(answer)
        return answers

    def _prompt(
        self, messages: tuple[Message, ...], tools: Sequence[Mapping[str, Any]], seen: Counter[tuple[Message, ...]]
    ) -> Prompt:
        """Build a prompt whose key counts repetitions: asked the same twice, a policy may give two answers."""
        seen[messages] += 1
        texts = [text for message in messages for text in (message.role, message.content)]
        return Prompt(trunk=self._policy.start(messages, tools), key=rng.key("ask", self._seed, seen[messages], *texts))

    def _answers(self, start: int, prompts: Sequence[Prompt], sampling: Sampling) -> list[Answer]:
        try:
            completions = self._policy.sample(prompts, sampling)
        except PolicyError as error:
            if len(prompts) == 1:
                return [Answer(start, None, str(error))]
            return [self._answers(start + i, [prompt], sampling)[0] for i, prompt in enumerate(prompts)]
        return [_answer(start + i, completion) for i, completion in enumerate(completions)]


def _answer(index: int, completion: Completion) -> Answer:
    if completion.stop is StopReason.LENGTH:
        return Answer(index, None, CUT_OFF)
    return Answer(index, completion.text) if completion.text.strip() else Answer(index, None, EMPTY)
