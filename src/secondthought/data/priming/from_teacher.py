"""Traces from a teacher at an endpoint, which is told what to show and what to leave out.

As the paper made its sets: a system text per arm, no filter on right answers. What comes back without both tags, or
shows what the arm forbids, is left out and counted, and more is asked for. Answers are kept as they come: asked again
for the same arm and problem, in the next run too, it reads what is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from secondthought.data.priming.filtering import Gathering
from secondthought.data.priming.kinds import arm
from secondthought.errors import ConfigError
from secondthought.inference.chat.answer_cache import AnswerCache, key_of
from secondthought.protocols import Answer, ChatModel, Task
from secondthought.types import HabitName as Behavior
from secondthought.types import Message, Problem, Sampling

SAMPLING = Sampling(temperature=0.5, max_tokens=1024)
"""The paper's."""
NO_TAGS, NO_ANSWER = "no <think> and <answer> tags", "no answer from the endpoint"
ROUNDS = 4
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
    teacher: ChatModel,
    task: Task,
    name: str,
    count: int,
    seed: int,
    *,
    sampling: Sampling = SAMPLING,
    cache: AnswerCache | None = None,
    rounds: int = ROUNDS,
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
        cache: holds what was answered before, and gets each answer at once; default: in memory only.
        rounds: at most; one in which nothing was answered is the last.
        told: hears after each round how many traces there are.

    Raises:
        RunError: after all rounds there are too few.
        PolicyError: nothing can be asked at all.
    """
    text, asked = system_text(name), 0
    gathering = Gathering(task, count, arm(name).forbids, only_wrong=arm(name).correct == 0.0)
    cache = cache or AnswerCache()
    for _ in range(rounds):
        more = max(1, round(_SPARE * (count - len(gathering.traces))))
        problems = task.problems("train", asked + more, seed)[asked:]
        asked += more
        answers = _answers(teacher, problems, text, sampling, cache)
        for problem, answer in zip(problems, answers, strict=True):
            _offer(gathering, problem, answer)
        told(len(gathering.traces))
        if gathering.is_full or all(answer.text is None for answer in answers):
            break
    gathering.require(f"the endpoint ({teacher.name})")
    return gathering


def _answers(
    teacher: ChatModel, problems: Sequence[Problem], text: str, sampling: Sampling, cache: AnswerCache
) -> list[Answer]:
    """One for each problem; only what is not in the cache is asked."""
    system = Message(role="system", content=text)
    conversations = [(system, *problem.messages) for problem in problems]
    keys = [key_of(teacher.name, conversation, sampling) for conversation in conversations]
    asked = [place for place, key in enumerate(keys) if cache.get(key) is None]
    errors: dict[int, str] = {}

    def keep(answer: Answer) -> None:
        place = asked[answer.index]
        if answer.text is None:
            errors[place] = answer.error
        else:
            cache.put(keys[place], answer.text, teacher=teacher.name, problem=problems[place].id)

    if asked:
        teacher.ask([conversations[place] for place in asked], sampling, keep)
    return [Answer(place, cache.get(key), errors.get(place, "")) for place, key in enumerate(keys)]


def _offer(gathering: Gathering, problem: Problem, answer: Answer) -> None:
    if answer.text is None:
        reason = answer.error.partition(":")[0]  # what a server says beyond it may be other words every time
        gathering.left_out[f"{NO_ANSWER} ({reason})" if reason else NO_ANSWER] += 1
    elif _TAGS.search(answer.text):
        gathering.offer(problem, answer.text.strip())
    else:
        gathering.left_out[NO_TAGS] += 1
