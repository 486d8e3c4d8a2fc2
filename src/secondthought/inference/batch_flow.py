"""A flow over any policy that can only sample whole batches. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.protocols import Policy
from secondthought.types import Completion, Prompt, Sampling


class BatchFlow:
    """A flow over any policy: each step samples all that waits, one call for each way of sampling."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._waiting: dict[Sampling, list[tuple[int, Prompt]]] = {}
        self._num_tickets = 0

    def add(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[int]:
        """See `Flow.add`."""
        tickets = list(range(self._num_tickets, self._num_tickets + len(prompts)))
        self._num_tickets += len(prompts)
        self._waiting.setdefault(sampling, []).extend(zip(tickets, prompts, strict=True))
        return tickets

    def step(self) -> list[tuple[int, Completion]]:
        """See `Flow.step`."""
        waiting, self._waiting = self._waiting, {}
        return [
            (ticket, completion)
            for sampling, items in waiting.items()
            for (ticket, _), completion in zip(
                items, self._policy.sample([prompt for _, prompt in items], sampling), strict=True
            )
        ]
