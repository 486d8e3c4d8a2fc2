"""A flow over any policy that can only sample whole batches. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.protocols import Policy
from secondthought.types import Completion, Prompt, Sampling


class BatchFlow:
    """A flow over any policy: each step samples what waits, all or the first, one call for each way of sampling."""

    def __init__(self, policy: Policy, most: int | None = None) -> None:
        """Take the policy, and how many prompts a step samples at most, so that completions are seen as they come."""
        self._policy, self._most = policy, most
        self._waiting: list[tuple[int, Prompt, Sampling]] = []
        self._num_tickets = 0

    def add(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[int]:
        """See `Flow.add`."""
        tickets = list(range(self._num_tickets, self._num_tickets + len(prompts)))
        self._num_tickets += len(prompts)
        self._waiting += [(ticket, prompt, sampling) for ticket, prompt in zip(tickets, prompts, strict=True)]
        return tickets

    def step(self) -> list[tuple[int, Completion]]:
        """See `Flow.step`."""
        end = len(self._waiting) if self._most is None else self._most
        taken, self._waiting = self._waiting[:end], self._waiting[end:]
        alike: dict[Sampling, list[tuple[int, Prompt]]] = {}
        for ticket, prompt, sampling in taken:
            alike.setdefault(sampling, []).append((ticket, prompt))
        return [
            (ticket, completion)
            for sampling, items in alike.items()
            for (ticket, _), completion in zip(
                items, self._policy.sample([prompt for _, prompt in items], sampling), strict=True
            )
        ]
