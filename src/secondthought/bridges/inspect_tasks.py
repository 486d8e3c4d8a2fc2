"""Bridges to inspect_ai: the second try as a solver for any of its tasks, and our tasks as tasks of its.

    inspect eval secondthought/problems -T name=countdown --model openai-api/local/MODEL
    inspect eval secondthought/problems -T name=countdown --solver secondthought/second_try

A second try needs to know whether the first one was right, and asks the task's own scorers. Needs the extra `inspect`.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

try:
    import inspect_ai
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
    from inspect_ai.scorer import (
        CORRECT,
        INCORRECT,
        Score,
        Scorer,
        Target,
        accuracy,
        score,
        scorer,
        stderr,
        value_to_float,
    )
    from inspect_ai.solver import Generate, Solver, TaskState, generate, solver
except ImportError:
    raise ImportError("the bridge needs inspect_ai: pip install 'secondthought[inspect]'") from None

from secondthought import tasks
from secondthought.config.play import RetrySees
from secondthought.protocols import Task
from secondthought.rollout.player import NOTE, RETRY_REQUEST, Requests, with_note
from secondthought.tasks.judging import judge
from secondthought.tasks.reflection_prompts import GENERAL
from secondthought.types import Split

_MESSAGES = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


@inspect_ai.task
def problems(
    name: str, options: Mapping[str, Any] | None = None, split: Split = "test", count: int = 200, seed: int = 0
) -> inspect_ai.Task:
    """Return problems of a task of ours, judged by its own check.

    Args:
        name: as `tasks.load` takes it: a shipped task, `module:Class`, a file.
        options: of the task.
        split: which problems.
        count: how many.
        seed: which of the split.
    """
    task = tasks.load(name, options)
    samples = [
        Sample(
            id=problem.id,
            input=[_MESSAGES[said.role](content=said.content) for said in problem.messages],
            target=task.gold(problem) or "",
            metadata={"problem": dict(problem.data)},
        )
        for problem in task.problems(split, count, seed)
    ]
    return inspect_ai.Task(
        dataset=MemoryDataset(samples, name=task.name),
        solver=generate(),
        scorer=verdict(task),
        metadata={"reflection_request": task.reflection_request},
    )


@scorer(metrics=[accuracy(), stderr()])
def verdict(task: Task) -> Scorer:
    """Return the scorer that asks a task of ours; its explanation is the verdict's reason and feedback."""

    async def scored(state: TaskState, target: Target) -> Score:
        problem = task.parse(state.metadata["problem"])
        found = judge(task, problem, state.output.completion)
        return Score(
            value=CORRECT if found.correct else INCORRECT,
            answer=state.output.completion,
            explanation=" ".join(filter(None, (found.reason, found.feedback))),
        )

    return scored


@solver
def second_try(
    request: str = GENERAL, retry_request: str = RETRY_REQUEST, retry_sees: RetrySees = "all", note: str = NOTE
) -> Solver:
    """Return the solver that tries; where the task's scorers say that it failed, reflects, and tries again.

    The store of a sample then holds `first_try`, `first_try_correct` and `reflection`.

    Args:
        request: asks for a reflection.
        retry_request: asks for the second try, where it sees the conversation.
        retry_sees: the whole conversation, or the problem with the reflection as a note.
        note: holds the reflection in the second way.
    """
    words = Requests(reflection=request, retry=retry_request, repeat_task=False, retry_sees=retry_sees, note=note)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        asked = deepcopy(state.messages)
        state = await generate(state)
        right = await _is_right(state)
        state.store.set("first_try", state.output.completion)
        state.store.set("first_try_correct", right)
        if right:
            return state
        state.messages.append(ChatMessageUser(content=words.reflection))
        state = await generate(state)
        reflection = state.output.completion
        state.store.set("reflection", reflection)
        if words.retry_sees == "all":
            state.messages.append(ChatMessageUser(content=words.retry))
        else:
            told = words.note_with(reflection)
            state.messages = with_note(asked, told, lambda said: said.text, lambda text: ChatMessageUser(content=text))
        return await generate(state)

    return solve


async def _is_right(state: TaskState) -> bool:
    as_number = value_to_float()
    return all(as_number(found.value) >= 1.0 for found in await score(state))
