"""A taskset of verifiers v1 is a task: its prompts, judged by its own rewards (extra `verifiers`).

The library: github.com/PrimeIntellect-ai/verifiers. What needs a machine to run in, or tools, is no problem of one
answer, and is refused when the task is made.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from secondthought.errors import TaskError, first_line
from secondthought.rng import key, stream
from secondthought.tasks import options, reflection_prompts
from secondthought.tasks.rows.pool import spelled
from secondthought.types import SPLITS, Message, Problem, Split, Verdict

_ROLES = ("system", "user", "assistant")


class TasksetOptions(options.SplitOptions):
    """`TasksetOptions` name a taskset, and say from which reward on an answer is right."""

    taskset: str
    """Id of the taskset: the installed package or the module that exports it."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Settings of the taskset, as its own config names them."""
    right_from: float = 1.0
    """Rewards from this one on mean that an answer is right."""
    limit: int = Field(10_000, ge=1)
    """Tasks that are read; some tasksets never end."""


class VerifiersTaskset:
    """Answer a prompt of a taskset of verifiers; right is what its own rewards say."""

    name = "verifiers"
    options_type = TasksetOptions
    presets: Mapping[str, Mapping[str, Any]] = {}
    reflection_request = reflection_prompts.GENERAL

    def __init__(self, **given: Any) -> None:
        self.options = TasksetOptions.read(self.name, given)
        try:
            found = list(itertools.islice(_taskset(self.options), self.options.limit))
        except ImportError as error:
            raise TaskError(f"task verifiers: {first_line(error)}; the library is the extra `verifiers`") from None
        except Exception as error:  # somebody's code
            where = f"task verifiers: taskset {self.options.taskset}"
            raise TaskError(f"{where}: {type(error).__name__}: {first_line(error)}") from error
        for task in found[:1]:
            _require_one_answer(task)
        self._tasks = {problem.id: (problem, task) for task in found if (problem := self._problem(task))}
        self._splits = {split: sorted(self._of(split)) for split in SPLITS}

    def held(self, split: Split) -> int:
        """Return how many problems a split holds."""
        return len(self._splits[split])

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Draw `count` distinct problems of a split."""
        held = self._splits[split]
        if count > len(held):
            raise TaskError(
                f"taskset {self.options.taskset}: the {split} split holds {len(held)} problems, not {count}"
            )
        return [self._tasks[name][0] for name in stream(self.name, split, seed).sample(held, count)]

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Find a problem of the taskset by its id."""
        found = self._tasks.get(options.string(data, "id", self.name))
        if found is None:
            raise TaskError(
                f"taskset {self.options.taskset}: holds no task {data['id']!r}; it, or its config, has changed"
            )
        return found[0]

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Let the taskset's own rewards judge an answer."""
        _, task = self._tasks[problem.id]
        reward = float(asyncio.run(_scored(task, problem, text)))
        correct = reward >= self.options.right_from
        return Verdict(correct=correct, reward=reward, reason="correct" if correct else "wrong", well_formed=True)

    def gold(self, problem: Problem) -> str | None:
        """Return None: a taskset tells no right answers."""
        return None

    def _of(self, split: Split) -> Iterator[str]:
        return (name for name in self._tasks if self.options.split_of(name) == split)

    def _problem(self, task: Any) -> Problem | None:
        data = task.data
        said: list[dict[str, Any]] = [{"role": "user", "content": data.prompt}]
        if not isinstance(data.prompt, str):
            said = [{"role": message.role, "content": message.content} for message in data.prompt or []]
        if data.system_prompt is not None:
            said = [{"role": "system", "content": data.system_prompt}, *said]
        if not said or not all(item["role"] in _ROLES and isinstance(item["content"], str) for item in said):
            return None
        name = f"verifiers:{key(self.name, self.options.taskset, *(spelled(item['content']) for item in said)):016x}"
        messages = tuple(Message(role=item["role"], content=item["content"]) for item in said)
        return Problem(id=name, task=self.name, messages=messages, data={"id": name})


def _taskset(wanted: TasksetOptions) -> Any:
    from verifiers.v1.configs.taskset import TasksetConfig
    from verifiers.v1.utils.generic import concrete_type
    from verifiers.v1.utils.loaders import taskset_class

    kind = taskset_class(wanted.taskset)
    config = concrete_type(kind, TasksetConfig) or TasksetConfig
    return kind(config(id=wanted.taskset, **wanted.config))


def _require_one_answer(task: Any) -> None:
    """Refuse tasks whose rewards need more than a text."""
    needs = [] if not task.NEEDS_CONTAINER else ["a container"]
    needs += ["tools"] if type(task).toolsets(task.config) else []
    parameters = (inspect.signature(hook).parameters.get("runtime") for hook in task.hooks("reward"))
    if any(item is not None and item.default is inspect.Parameter.empty for item in parameters):
        needs.append("a runtime")
    if needs:
        raise TaskError(f"task verifiers: {type(task).__name__} needs {', '.join(needs)}; here an answer is one text")


async def _scored(task: Any, problem: Problem, text: str) -> float:
    """Return the weighted rewards of a trace that holds the prompt and one answer."""
    from verifiers.v1.configs.agent import AgentConfig
    from verifiers.v1.graph import MessageNode
    from verifiers.v1.trace import AgentInfo, Trace, TraceTask

    said = [{"role": message.role, "content": message.content} for message in problem.messages]
    nodes = [
        MessageNode(message=message, parent=place - 1 if place else None, sampled=place == len(said))
        for place, message in enumerate([*said, {"role": "assistant", "content": text}])
    ]
    seeded = TraceTask(type=type(task).__name__, data=task.data, key=task.key)
    trace = Trace(task=seeded, agent=AgentInfo(config=AgentConfig()), nodes=nodes, is_completed=True, ok=True)
    await task.score(trace)
    return float(trace.reward)
