"""One data set of reasoning-gym as a task: its questions, its own scorer, and splits by question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Literal

from pydantic import Field

from secondthought.errors import TaskError
from secondthought.rng import key, stream
from secondthought.tasks import options, reflection_prompts
from secondthought.tasks.answer_place import INSTRUCTIONS, placed, written
from secondthought.tasks.bounded.calls import BoundedCalls, Exceeded
from secondthought.tasks.rows.pool import spelled
from secondthought.tasks.verdicts import on_answer
from secondthought.types import Message, Problem, Split, Verdict

LONGEST = 20_000
"""Characters of an answer that is scored."""
_HOME = "secondthought.tasks.reasoning_gym.entries"
_MAKE_S, _SCORE_S = 60.0, 3.0
"""Processor time to make a chunk of entries, and to score an answer."""
_CHUNKS = 10_000
"""Chunks among which a seed chooses where to begin."""
_BARREN = 50
"""Chunks in a row without a new question of the split, after which there are taken to be no more."""
_KEPT = 256
"""Chunks that are not made again while they are wanted."""
_CHANGEABLE = re.compile(r"[0-9A-Za-z]")


class GymOptions(options.SplitOptions):
    """`GymOptions` name a data set and say how it is asked."""

    dataset: str
    """Its name in the library, such as leg_counting."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Settings of the data set, as the library names them; seed and size are not among them."""
    answer_in: Literal["tags", "box"] = "tags"
    r"""Where the answer is asked for and read: `<answer> </answer>`, or `\\boxed{}`."""
    reward: Literal["verdict", "score"] = "verdict"
    """`verdict`: 1 for a right answer, else 0. `score`: the library's score, which is between for some."""


class ReasoningGym:
    """Answer a question that a procedure of reasoning-gym made; right is what its scorer gives full marks."""

    options_type = GymOptions
    presets: Mapping[str, Mapping[str, Any]] = {}
    reflection_request = reflection_prompts.GENERAL

    def __init__(self, **given: Any) -> None:
        self.options = GymOptions.read("reasoning_gym", given)
        dataset, config = self.options.dataset, self.options.config
        self.name = f"reasoning_gym:{dataset}"
        if taken := sorted({"seed", "size"} & config.keys()):
            raise TaskError(f"task {self.name}: config: {taken[0]!r} is set by the split and the seed of a run")
        self._chunk = lru_cache(_KEPT)(
            partial(_made, BoundedCalls(f"{_HOME}:make_chunk", seconds=_MAKE_S), self.options)
        )
        self._score = BoundedCalls(f"{_HOME}:scorer", seconds=_SCORE_S, made_with=(dataset, config))
        if fault := BoundedCalls(f"{_HOME}:check", seconds=_MAKE_S)(dataset, config):
            raise TaskError(f"task {self.name}: {fault}")

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Draw `count` distinct problems of a split."""
        found: dict[str, Problem] = {}
        barren = 0
        for chunk in _chunks(self.name, seed):
            before = len(found)
            for number, question, answer in self._chunk(chunk):
                problem = self._problem(number, question, answer)
                if self.options.split_of(problem.id) == split:
                    found.setdefault(problem.id, problem)
            if len(found) >= count:
                return list(found.values())[:count]
            barren = 0 if len(found) > before else barren + 1
            if barren == _BARREN:
                break
        raise TaskError(f"task {self.name}: the {split} split holds {len(found)} problems, not {count}")

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a problem from its number; the entry must be the one that it was."""
        number, question = options.integer(data, "number", self.name), options.string(data, "question", self.name)
        answer = data.get("answer")
        if answer is not None and not isinstance(answer, str):
            raise TaskError(f"{self.name} problem: 'answer' must be a text, or null where the library knows none")
        if number < 0:
            raise TaskError(f"{self.name} problem: 'number' must not be negative")
        options.known_fields(data, ("number", "question", "answer"), self.name)
        return self._problem(number, question, answer)

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge what stands in the answer's place by the library's scorer.

        Raises:
            TaskError: the library makes another entry of the problem's number.
        """
        said = placed(text, self.options.answer_in)
        if said is None or len(said) > LONGEST or not said.strip():
            return on_answer(None)
        try:
            score = self._score(problem.data["number"], problem.data["question"], said.strip())
        except Exceeded:
            return on_answer(correct=False)
        if score is None:
            raise TaskError(
                f"task {self.name}: {problem.id}: reasoning-gym now makes another question of number"
                f" {problem.data['number']}: by another version, or with another config"
            )
        verdict = on_answer(score >= 1.0)
        return verdict if self.options.reward == "verdict" else replace(verdict, reward=score)

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return what stands in the answer's place, in one spelling."""
        said = placed(text, self.options.answer_in)
        return None if said is None or len(said) > LONGEST else spelled(said)

    def gold(self, problem: Problem) -> str | None:
        """Return the library's own answer in its place; None where it gives none."""
        answer = problem.data["answer"]
        return None if answer is None else written(answer, self.options.answer_in)

    def changed_golds(self, problem: Problem) -> list[str]:
        """Return the library's answer with its last sign changed, and twice in a row (`tasks.checks`)."""
        answer = problem.data["answer"]
        signs = [] if answer is None else list(_CHANGEABLE.finditer(answer))
        if not signs:
            return []
        place = signs[-1].start()
        changed = f"{answer[:place]}{_other(answer[place])}{answer[place + 1 :]}"
        return [written(text, self.options.answer_in) for text in (changed, f"{answer}{answer}")]

    def _problem(self, number: int, question: str, answer: str | None) -> Problem:
        content = f"{question}\n{INSTRUCTIONS[self.options.answer_in]}"
        return Problem(
            id=f"{self.name}:{key('reasoning_gym', self.options.dataset, spelled(question)):016x}",
            task=self.name,
            messages=(Message(role="user", content=content),),
            data={"number": number, "question": question, "answer": answer},
        )


def _chunks(name: str, seed: int) -> Iterator[int]:
    """Yield chunks from one that a seed chooses; the same ones for all splits, since to make them takes time."""
    start = stream(name, seed).randrange(_CHUNKS)
    return ((start + step) % _CHUNKS for step in range(_CHUNKS))


def _made(make: BoundedCalls, wanted: GymOptions, chunk: int) -> list[tuple[int, str, str | None]]:
    """Return number, question and answer of a chunk's entries."""
    try:
        made = make(wanted.dataset, wanted.config, chunk)
    except Exceeded as error:
        raise TaskError(f"task reasoning_gym:{wanted.dataset}: its entries cannot be made: {error}") from None
    return [(len(made) * chunk + place, question, answer) for place, (question, answer) in enumerate(made)]


def _other(sign: str) -> str:
    """Return the next digit or letter.

    >>> _other("9"), _other("a"), _other("Z")
    ('0', 'b', 'A')
    """
    for first, last in ("09", "az", "AZ"):
        if first <= sign <= last:
            return first if sign == last else chr(ord(sign) + 1)
    return sign
