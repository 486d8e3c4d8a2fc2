"""A teacher at an endpoint writes traces; a system text tells it what to show and what to leave out.

The paper made its sets so: a system text per kind of set, no filter on right answers. A completion without both tags,
or one that shows what the kind forbids, is left out and counted, and more is asked for. Answers are kept as they come:
asked again for the same kind and problem, in the next run too, `from_teacher` reads what is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from secondthought.data.priming.filtering import TraceFilter
from secondthought.data.priming.kinds import kind
from secondthought.data.priming.request import MAX_TOKENS
from secondthought.errors import ConfigError
from secondthought.inference.chat.answer_cache import AnswerCache, identity_of, key_of
from secondthought.inference.chat.replies import EMPTY
from secondthought.progress import SILENT, Onlooker, Stage
from secondthought.protocols import ChatModel, Task
from secondthought.tools.plain_prompt import with_tools_told
from secondthought.types import Answer, HabitName, Message, Problem, Sampling

SAMPLING = Sampling(temperature=0.5, max_tokens=MAX_TOKENS)
"""The paper's."""
NO_TAGS, NO_ANSWER = "no <think> and <answer> tags", "no answer from the endpoint"
ROUNDS = 4
_SPARE = 1.05
"""Asked for per trace that is missing; the paper asked for 5 % more than it needed."""
_TAGS = re.compile(r"<think>.*</think>.*<answer>.*</answer>", re.DOTALL)

_SHOW: dict[HabitName, str] = {
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
_LEAVE_OUT: dict[HabitName, str] = {
    "verification": "Never compare a result with the target, never judge it (no `too high`, `not 30`, `this works`).",
    "backtracking": "Do not give up a line of steps: write one line of steps that leads to the answer.",
    "subgoal_setting": "Do not announce intermediate numbers before you make them.",
    "backward_chaining": "Never calculate from the target backwards.",
}


def system_text(name: str) -> str:
    """Write the system text that tells a teacher how traces of this kind think.

    Raises:
        ConfigError: the kind is a control that no teacher can write.

    >>> "never judge" in system_text("backtracking"), "never judge" in system_text("all-strategies")
    (True, False)
    """
    chosen = kind(name)
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
    onlooker: Onlooker = SILENT,
) -> TraceFilter:
    """Ask a teacher until there are enough traces, in rounds.

    Args:
        teacher: the model to ask.
        task: its problems of the train split are asked about, each once.
        name: a key of `KINDS`.
        count: traces that are wanted.
        seed: of the problems.
        sampling: temperature and length of the answers.
        cache: keeps the answers; default: in memory only.
        rounds: at most; one in which nothing was answered is the last.
        onlooker: who is told of each answer.

    Raises:
        RunError: after all rounds there are too few.
        PolicyError: nothing can be asked at all.
    """
    text, asked, cache = system_text(name), 0, cache or AnswerCache()
    taken = TraceFilter(task, count, kind(name).forbids, correct=kind(name).every_answer)
    for number in range(1, rounds + 1):
        more = max(1, round(_SPARE * (count - len(taken.traces))))
        problems = task.problems("train", asked + more, seed)[asked:]
        asked += more
        with onlooker.stage(f"answers of {teacher.name}, round {number}", len(problems)) as stage:
            answers = _answers(teacher, problems, text, sampling, cache, stage)
        _offer(taken, problems, answers)
        if taken.is_full or all(answer.text is None for answer in answers):
            break
    taken.require(f"the endpoint ({teacher.name})")
    return taken


def _answers(
    teacher: ChatModel, problems: Sequence[Problem], text: str, sampling: Sampling, cache: AnswerCache, stage: Stage
) -> list[Answer]:
    """Return an answer for each problem; ask only what is not in the cache."""
    system = Message(role="system", content=text)
    conversations = [(system, *problem.messages) for problem in problems]
    identity = identity_of(teacher)
    told = [
        with_tools_told(said, item.tools, takes_system=True) if item.tools else said
        for said, item in zip(conversations, problems, strict=True)
    ]
    keys = [key_of(identity, conversation, sampling) for conversation in told]
    asked = [place for place, key in enumerate(keys) if cache.get(key) is None]
    errors: dict[int, str] = {}
    stage.advance(len(problems) - len(asked))

    def keep(answer: Answer) -> None:
        stage.advance()
        place = asked[answer.index]
        if answer.text is None or not answer.text.strip():
            errors[place] = answer.error if answer.text is None else EMPTY
        else:
            cache.put(keys[place], answer.text, teacher=teacher.name, problem=problems[place].id)

    if asked:
        tools = {"tools": [problems[place].tools for place in asked]} if any(item.tools for item in problems) else {}
        teacher.ask([conversations[place] for place in asked], sampling, keep, **tools)
    return [Answer(place, cache.get(key), errors.get(place, "")) for place, key in enumerate(keys)]


def _offer(taken: TraceFilter, problems: Sequence[Problem], answers: Sequence[Answer]) -> None:
    for problem, answer in zip(problems, answers, strict=True):
        if answer.text is None:
            reason = answer.error.partition(":")[0]  # what a server says beyond it may be other words every time
            taken.left_out[f"{NO_ANSWER} ({reason})" if reason else NO_ANSWER] += 1
        elif _TAGS.search(answer.text):
            taken.offer(problem, answer.text.strip())
        else:
            taken.left_out[NO_TAGS] += 1
