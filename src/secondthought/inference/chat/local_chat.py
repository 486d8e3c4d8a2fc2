"""`LocalChat` lets a policy answer whole conversations (`ChatModel`): a local model in place of an endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from secondthought import rng
from secondthought.errors import PolicyError
from secondthought.protocols import Answer, Policy
from secondthought.types import Message, Prompt, Sampling


class LocalChat:
    """A `LocalChat` answers with a local policy, `rows` conversations at a time."""

    def __init__(self, policy: Policy, *, rows: int = 16, seed: int = 0) -> None:
        """Take the policy. Answers at a temperature depend on `seed` and the conversation, not on its neighbours."""
        self.name = policy.name
        self._policy, self._rows, self._seed = policy, rows, seed

    def ask(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        keep: Callable[[Answer], None] = lambda answer: None,
    ) -> list[Answer]:
        """Answer the conversations; see `ChatModel.ask`. One that the policy cannot hold gets None."""
        seen: Counter[tuple[Message, ...]] = Counter()
        answers: list[Answer] = []
        for start in range(0, len(conversations), self._rows):
            some = [tuple(conversations[i]) for i in range(start, min(start + self._rows, len(conversations)))]
            for answer in self._answers(start, [self._prompt(messages, seen) for messages in some], sampling):
                keep(answer)
                answers.append(answer)
        return answers

    def _prompt(self, messages: tuple[Message, ...], seen: Counter[tuple[Message, ...]]) -> Prompt:
        """Build a prompt whose key counts repetitions: asked the same twice, a policy may give two answers."""
        seen[messages] += 1
        texts = [text for message in messages for text in (message.role, message.content)]
        return Prompt(trunk=self._policy.start(messages), key=rng.key("ask", self._seed, seen[messages], *texts))

    def _answers(self, start: int, prompts: Sequence[Prompt], sampling: Sampling) -> list[Answer]:
        try:
            texts = [completion.text for completion in self._policy.sample(prompts, sampling)]
        except PolicyError as error:
            if len(prompts) == 1:
                return [Answer(start, None, str(error))]
            return [self._answers(start + i, [prompt], sampling)[0] for i, prompt in enumerate(prompts)]
        return [Answer(start + i, text) for i, text in enumerate(texts)]
