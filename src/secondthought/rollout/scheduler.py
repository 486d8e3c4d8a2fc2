"""Episodes under way together: each says what it needs next, and whatever is ready is sampled in one batch.

A course is one episode, group or search for a failure, written as a generator: it yields an `Ask` and is sent the
completions, or a `Fork` of courses and is sent their results. `run` drives many of them. With a policy that keeps rows
in flight (`protocols.FlyingPolicy`) a retry begins while other reflections are still being written; with any other one
the courses go in rounds, one call of `sample` each. A policy with replicas in other processes
(`protocols.RankedPolicy`) has the courses dealt out among them, and every process gets all the results.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from secondthought.inference.batch_flow import BatchFlow
from secondthought.progress import SILENT, Stage
from secondthought.protocols import Flow, FlyingPolicy, Policy, RankedPolicy
from secondthought.types import Completion, Prompt, Sampling

T = TypeVar("T")


class Ask(NamedTuple):
    """Completions that a course needs before it goes on; it is sent a list of them, in order."""

    prompts: Sequence[Prompt]
    sampling: Sampling


class Fork(NamedTuple, Generic[T]):
    """Courses that go on side by side; the one that forked is sent the list of their results, in order."""

    courses: Sequence[Course[T]]


Course: TypeAlias = Generator["Ask | Fork[Any]", Any, T]


def run(policy: Policy, courses: Sequence[Course[T]], stage: Stage = SILENT) -> list[T]:
    """Drive courses to their ends and return their results, in order. An error in one of them ends all.

    Which completions a course gets depends on its prompts' keys alone, not on what else is in flight. With several,
    every process must call this with the same courses. `stage` is told of each course that has ended; with several
    processes the others are taken to be as far as this one.
    """
    world = policy.world if isinstance(policy, RankedPolicy) else None
    if world is None:
        return _run_here(policy, courses, stage, 1)
    shares = world.gather("playing", _run_here(policy, courses[world.rank :: world.size], stage, world.size))
    return [shares[place % world.size][place // world.size] for place in range(len(courses))]


def _run_here(policy: Policy, courses: Sequence[Course[T]], stage: Stage, processes: int) -> list[T]:
    """Drive the courses that this process plays."""
    with contextlib.ExitStack() as stack:
        for course in courses:
            stack.callback(course.close)
        flow = stack.enter_context(policy.flow()) if isinstance(policy, FlyingPolicy) else BatchFlow(policy)
        return _Driver(flow, stage, processes).run(courses)


class _Node:
    """A course that has begun: what it waits for, and to whom its result goes."""

    def __init__(self, course: Course[Any], answers: list[Any], place: int, parent: _Node | None) -> None:
        self.course = course
        self.answers = answers
        """Of the parent, or of the driver: where this course's result is put, at `place`."""
        self.place = place
        self.parent = parent
        self.received: list[Any] = []
        self.num_missing = 0


class _Driver:
    """Sends completions to the courses that wait for them until all have ended."""

    def __init__(self, flow: Flow, stage: Stage, processes: int) -> None:
        self._flow, self._stage, self._processes = flow, stage, processes
        self._asked: list[tuple[_Node, Ask]] = []
        self._owners: dict[int, tuple[_Node, int]] = {}

    def run(self, courses: Sequence[Course[T]]) -> list[T]:
        results: list[Any] = [None] * len(courses)
        for place, course in enumerate(courses):
            self._go_on(_Node(course, results, place, None), None)
        self._hand_over()
        while self._owners:
            for ticket, completion in self._flow.step():
                node, place = self._owners.pop(ticket)
                self._answer(node, place, completion)
            self._hand_over()
            self._stage.beat()
        return results

    def _go_on(self, node: _Node, message: Any) -> None:
        """Let a course run to its next need, and see to that."""
        while True:
            try:
                need = node.course.send(message)
            except StopIteration as end:
                node.answers[node.place] = end.value
                if node.parent is not None:
                    self._one_less(node.parent)
                else:
                    self._stage.advance(self._processes)
                return
            count = len(need.prompts) if isinstance(need, Ask) else len(need.courses)
            node.received, node.num_missing = [None] * count, count
            if count:
                break
            message = []
        if isinstance(need, Ask):
            self._asked.append((node, need))
        else:
            received = node.received
            for place, course in enumerate(need.courses):
                self._go_on(_Node(course, received, place, node), None)

    def _answer(self, node: _Node, place: int, completion: Completion) -> None:
        node.received[place] = completion
        self._one_less(node)

    def _one_less(self, node: _Node) -> None:
        node.num_missing -= 1
        if not node.num_missing:
            self._go_on(node, node.received)

    def _hand_over(self) -> None:
        """Give the flow what was asked for since the last step, all at once: so branches share their trunk."""
        asked, self._asked = self._asked, []
        for sampling in dict.fromkeys(ask.sampling for _, ask in asked):
            items = [(node, ask) for node, ask in asked if ask.sampling == sampling]
            owners = [(node, place) for node, ask in items for place in range(len(ask.prompts))]
            prompts = [prompt for _, ask in items for prompt in ask.prompts]
            self._owners.update(zip(self._flow.add(prompts, sampling), owners, strict=True))
