"""A step's groups are played by servers while the model here still learns from those of the step before.

So neither waits for the other, and what is learned from was sampled by weights that are one update older. Its recorded
log-probabilities are those of the weights that sampled it: the importance ratio against them corrects for the age, and
is clipped where that is too much (PPO, arXiv 1707.06347, equation 7). Algorithms without such a ratio are refused.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from secondthought.train.curriculum import Curriculum, Played


class HeldPolicy(Protocol):
    """A `HeldPolicy` samples elsewhere, by weights that were brought there, whatever becomes of those here."""

    def bring(self) -> None:
        """Bring the weights as they are now.

        Raises:
            PolicyError: they are not taken.
        """
        ...

    def held(self) -> AbstractContextManager[None]:
        """Return a context in which nothing is brought: what is sampled is of the weights from before."""
        ...

    def cut(self) -> None:
        """Cut what is under way, for good."""
        ...


class Ahead:
    """An `Ahead` plays one step in advance, in a thread of its own; a context, after which nothing is under way."""

    def __init__(self, curriculum: Curriculum, policy: HeldPolicy) -> None:
        """Take what a step starts from, and who samples it; the curriculum's player must be silent."""
        self.staleness = 0
        """Updates between the weights that sampled the last groups and those that learn from them."""
        self._curriculum, self._policy = curriculum, policy
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._begun: tuple[int, Future[Played]] | None = None
        self._holding = contextlib.ExitStack()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._begun is not None and not self._begun[1].done():
            self._policy.cut()  # nobody waits for it any more, and it could take minutes
        self.wait()
        self._thread.shutdown()

    def begin(self, step: int) -> None:
        """Begin to play a step's groups, by the weights as they are now.

        Raises:
            PolicyError: the servers do not take the weights.
        """
        self._policy.bring()
        self._holding.enter_context(self._policy.held())
        self._begun = step, self._thread.submit(self._curriculum.groups, step)

    def wait(self) -> None:
        """Wait until nothing is sampled any more, so that new weights may be brought; `groups` says what went wrong."""
        if self._begun is not None:
            self._begun[1].exception()
        self._holding.close()

    def groups(self, step: int) -> Played:
        """Return a step's groups: those that were begun, or where none were those that are played now.

        Raises:
            PolicyError: the servers fail.
            TaskError: the task does.
        """
        if self._begun is None or self._begun[0] != step:
            self.staleness = 0
            return self._curriculum.groups(step)
        played = self._begun[1].result()
        self._begun, self.staleness = None, 1
        self._holding.close()
        return played
