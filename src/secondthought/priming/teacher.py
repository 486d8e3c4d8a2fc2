"""Traces from a teacher at an endpoint, which is told what to show and what to leave out.

As the paper made its sets: a system text per arm, no filter on right answers. What comes back without both tags, or
shows what the arm forbids, is left out and counted, and more is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from secondthought.errors import ConfigError
from secondthought.priming.arms import arm
from secondthought.priming.gathered import Gathering
from secondthought.priming.search import Behavior
from secondthought.protocols import Asks, Task
from secondthought.types import Message, Problem, Sampling

SAMPLING = Sampling(temperature=0.5, max_tokens=1024)
"""The paper's."""
NO_TAGS, NO_ANSWER = "no <think> and <answer> tags", "no answer from the endpoint"
_ROUNDS = 4
_SPARE = 1.05
"""Asked for per trace that is missing; the paper asked for 5 % more than it needed."""
_TAGS = re.compile(r"<think>.*</think>.*<answer>.*</answer>", re.DOTALL)

_SHOW: dict[Behavior, str] = {
    "verification": (
        "Compare what you reach with the target in words, for example: `8 * 4 = 32, that is not 30`, or `this matches"
        " 30`."
    ),
    "backtracking": (
        "When a line of steps fails, give it up and begin another from the start or from an intermediate result,"
        " for example: `Start again: 9 + 7 = 16`."
    ),
    "subgoal_setting": (
        "Name an intermediate number that is not the target before you make it, for example: `First I want to get 24`."
    ),
    "backward_chaining": (
        "Work from the target back to what is needed, for example: `30 - 6 = 24, so I need 24 from the other numbers`."
    ),
}
_LEAVE_OUT: dict[Behavior, str] = {
    "verification": "Never compare a result with the target, never judge it (no `too high`, `not 30`, `this works`).",
    "backtracking": "Do not give up a line of steps: write one line of steps that leads to the answer.",
    "subgoal_setting": "Do not announce intermediate numbers before you make them.",
    "backward_chaining": "Never calculate from the target backwards.",
}


def system_text(name: str) -> str:
    """What the teacher is told for an arm.

    Raises:
        ConfigError: the arm is a control that no teacher can write.

    >>> "never judge" in system_text("backtracking"), "never judge" in system_text("all-strategies")
    (True, False)
    """
    chosen = arm(name)
    if chosen.thought != "told" or chosen.correct is not None:
        raise ConfigError(
            f"the control {name} is made by search; a teacher writes the sets that show or leave out habits"
        )
    show = [text for behavior, text in _SHOW.items() if behavior in chosen.behaviors]
    leave_out = [text for behavior, text in _LEAVE_OUT.items() if behavior not in chosen.behaviors]
    rules = "\n".join(f"- {text}" for text in (*show, *leave_out))
    return (
        "You solve number puzzles by thinking aloud, in the first person. Write your thoughts in <think> </think> tags,"
        " then one expression in <answer> </answer> tags that uses the given numbers only, without an equals sign.\n"
        f"How to think:\n{rules}"
    )


def from_teacher(
    teacher: Asks,
    task: Task,
    name: str,
    count: int,
    seed: int,
    *,
    sampling: Sampling = SAMPLING,
    told: Callable[[int], None] = lambda number: None,
) -> Gathering:
    """Ask until there are enough traces, in rounds.

    Args:
        teacher: who is asked.
        task: whose problems of the train split are asked about, each once.
        name: of the arm.
        count: traces that are wanted.
        seed: of the problems.
        sampling: temperature and length of its answers.
        told: hears after each round how many traces there are.

    Raises:
        RunError: after four rounds there are too few.
    """
    text, asked = system_text(name), 0
    gathering = Gathering(task, count, arm(name).forbids, only_wrong=arm(name).correct == 0.0)
    for _ in range(_ROUNDS):
        more = max(1, round(_SPARE * (count - len(gathering.traces))))
        problems = task.problems("train", asked + more, seed)[asked:]
        asked += more
        _ask(teacher, problems, text, sampling, gathering)
        told(len(gathering.traces))
        if gathering.is_full:
            break
    gathering.require(f"the endpoint ({teacher.name})")
    return gathering


def _ask(teacher: Asks, problems: list[Problem], text: str, sampling: Sampling, gathering: Gathering) -> None:
    system = Message(role="system", content=text)
    answers = teacher.ask([(system, *problem.messages) for problem in problems], sampling)
    for problem, answer in zip(problems, answers, strict=True):
        if answer.text is None:
            gathering.left_out[NO_ANSWER] += 1
        elif _TAGS.search(answer.text):
            gathering.offer(problem, answer.text.strip())
        else:
            gathering.left_out[NO_TAGS] += 1
