"""A world is the processes of a run: who is there, who does what, and waits that end by naming whoever is missing.

`torchrun` starts N equal processes. All hold the same records (problems, groups, metrics) at every step; only work is
dealt out: problems to play, trees to learn from, shards of the weights. Rank 0 alone writes files and speaks. A run in
one process is a world of one: the same calls, no process group.

Every exchange begins with a meeting in the store that `torchrun` keeps: each rank writes down where it is and waits
for the others, so a rank that died, stopped or went another way is named. What is exchanged are our own records
between processes of one job; nothing from a file or from elsewhere is ever unpickled.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import TypeVar

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from secondthought.distributed.meeting_place import of_attempt
from secondthought.distributed.waiting import ADVICE, looks, missing, store_errors
from secondthought.errors import RunError, first_line

T = TypeVar("T")

ROLL_CALL_SECONDS = 10.0
"""How long survivors of a broken exchange wait for each other before they name those who are missing."""


class World:
    """A `World` is one process among `size`, numbered from 0; it is made by `alone`, `join` or `of_environment`."""

    def __init__(self, rank: int, size: int, store: Store | None, timeout_s: float) -> None:
        self.rank = rank
        self.size = size
        self._store = store
        self._timeout_s = timeout_s
        self._num_meetings = 0

    @classmethod
    def alone(cls) -> World:
        """Make the world of a run in one process."""
        return cls(0, 1, None, 0.0)

    @classmethod
    def of_environment(cls, timeout_s: float) -> World:
        """Join the world that `torchrun` describes in the environment; without it, make a world of one.

        Raises:
            RunError: a rank did not come within the time limit.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls.alone()
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        try:
            store, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=timeout_s)))
        except (ValueError, RuntimeError) as error:
            raise RunError(f"this process found no others: {error}; start with torchrun --nproc-per-node N") from error
        return cls.join(of_attempt(store, rank, size, timeout_s), rank, size, timeout_s)

    @classmethod
    def join(cls, store: Store, rank: int, size: int, timeout_s: float) -> World:
        """Meet the others in a store and make the process group: gloo for the CPU, NCCL for GPUs."""
        limit = timedelta(seconds=timeout_s)
        world = cls(rank, size, PrefixStore("secondthought", store), timeout_s)
        world.meet("the start")
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        group_store = PrefixStore("group", store)
        with world.watch("the start"):
            dist.init_process_group(backend, store=group_store, rank=rank, world_size=size, timeout=limit)
        return world

    @property
    def is_first(self) -> bool:
        """Tell whether this process writes files and speaks to the user."""
        return self.rank == 0

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave: those who wait for this process are told why instead of waiting on."""
        if self._store is None:
            return
        if error is None:
            dist.destroy_process_group()
        else:
            with contextlib.suppress(RuntimeError):
                self._store.set(f"left/{self.rank}", str(error) or type(error).__name__)

    def deal(self, items: Sequence[T], cost: Callable[[T], int]) -> list[T]:
        """Return the share of this rank, in order: whole items, the costliest dealt first, to whoever has least."""
        loads, mine = [0] * self.size, set()
        for index in sorted(range(len(items)), key=lambda index: -cost(items[index])):
            rank = loads.index(min(loads))
            loads[rank] += cost(items[index])
            if rank == self.rank:
                mine.add(index)
        return [item for index, item in enumerate(items) if index in mine]

    def gather(self, what: str, value: T) -> list[T]:
        """Collect every rank's value, in rank order.

        Raises:
            RunError: a rank is missing; the sentence names it.
        """
        if self.size == 1:
            return [value]
        self.meet(what)
        values: list[T | None] = [None] * self.size
        with self.watch(what):
            dist.all_gather_object(values, value)
        return values  # type: ignore[return-value]

    def first(self, what: str, do: Callable[[], T]) -> T:
        """Have rank 0 do something while the others wait; all get what it returned."""
        return self.gather(what, do() if self.is_first else None)[0]  # type: ignore[return-value]

    @contextlib.contextmanager
    def led(self, what: str, block: AbstractContextManager[T]) -> Iterator[T]:
        """Enter a block, such as a directory to fill, on rank 0 before all others, and leave it there after them.

        All go on when it is left: a directory has its name then.
        """
        with contextlib.ExitStack() as stack:
            yield self.first(what, lambda: stack.enter_context(block))
            self.gather(f"{what}: end", None)
        self.gather(f"{what}: left", None)

    def agree_max(self, what: str, number: int) -> int:
        """Return the largest of all ranks' numbers."""
        return max(self.gather(what, number))

    def sum(self, what: str, values: Sequence[float]) -> list[float]:
        """Add up over the ranks, entry by entry, in rank order: the sums are the same on every rank, to the bit."""
        return [sum(column) for column in zip(*self.gather(what, list(values)), strict=True)]

    def meet(self, what: str) -> None:
        """Wait until every rank is here.

        Raises:
            RunError: a rank stopped, is somewhere else, or did not come within the time limit.
        """
        if self._store is None:
            return
        self._num_meetings += 1
        with store_errors(self.rank, what):
            self._store.set(self._mark(self._num_meetings, self.rank), what)
            for rank in range(self.size):
                self._wait_for(self._store, rank, what)
            if self._num_meetings > 2:  # all have passed the last but one
                self._store.delete_key(self._mark(self._num_meetings - 2, self.rank))

    @contextlib.contextmanager
    def watch(self, what: str) -> Iterator[None]:
        """Raise who is missing where an exchange in the block breaks because a process died or hangs."""
        try:
            yield
        except RuntimeError as error:
            if self._store is None or not _is_broken_exchange(error):
                raise
            absent = self._roll_call(self._store, what)
            for rank in absent:
                self._say_if_left(self._store, rank)
            reason = first_line(error)
            if absent:
                raise missing(absent, self.size, f"in {what} ({reason})") from error
            raise RunError(f"the processes lost each other in {what} ({reason}); {ADVICE}") from error

    def _wait_for(self, store: Store, rank: int, what: str) -> None:
        mark = self._mark(self._num_meetings, rank)
        for _ in looks(self._timeout_s):
            if store.check([mark]):
                break
            self._say_if_left(store, rank)
        else:
            absent = [r for r in range(self.size) if not store.check([self._mark(self._num_meetings, r)])]
            raise missing(absent, self.size, f"from {what} for {self._timeout_s:g} s (train.timeout_s)")
        there = store.get(mark).decode()
        if there != what:
            raise RunError(f"rank {rank} is at {there!r}, rank {self.rank} at {what!r}: do all read the same files?")

    def _say_if_left(self, store: Store, rank: int) -> None:
        if store.check([f"left/{rank}"]):
            raise RunError(f"rank {rank} of {self.size} stopped: {store.get(f'left/{rank}').decode()}")

    def _roll_call(self, store: Store, what: str) -> list[int]:
        """List the ranks that do not say within some seconds that they too are in trouble."""
        marks = {rank: f"survivor/{rank}" for rank in range(self.size)}
        with store_errors(self.rank, what):
            store.set(marks[self.rank], what)
            for _ in looks(min(ROLL_CALL_SECONDS, self._timeout_s)):
                if store.check(list(marks.values())):
                    break
            return [rank for rank, mark in marks.items() if not store.check([mark])]

    @staticmethod
    def _mark(number: int, rank: int) -> str:
        return f"meeting/{number}/{rank}"


_BROKEN = ("connection closed", "connection reset", "broken pipe", "timed out", "timeout", "socket", "connect")


def _is_broken_exchange(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or any(sign in str(error).lower() for sign in _BROKEN)
