r"""A file of questions and answers is a task: one JSON object a line, `{"question": "...", "answer": "..."}`.

Other fields are ignored. An answer is right if, after normalisation (case, blanks, a final full stop, commas between
thousands, `$`), it equals the file's; with `match = "last_number"` the last number of the completion is compared, as
GSM8K is usually scored. What GSM8K writes before `####` in an answer is left out. Splits are made by a hash of question
and answer, so they stay the same when the file is reordered or grows; a question that occurs twice counts once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from secondthought import jsonl
from secondthought.disk import why_unread
from secondthought.errors import TaskError
from secondthought.rng import key, stream
from secondthought.tasks import extract, options
from secondthought.tasks import reflection_prompts as requests
from secondthought.text import whole
from secondthought.types import Message, Problem, Split, Verdict

_MAX_ANSWER = 2000
_TAIL = 5000
"""The last number is looked for in so many final characters: it bounds the work."""
_NUMBER = re.compile(r"(?<![0-9.])-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,30})(?:\.[0-9]{1,30})?(?![0-9])")
_BLANKS = re.compile(r"\s+")


class JsonlOptions(options.TaskOptions):
    """`JsonlOptions` say how a file of questions is read and judged."""

    path: Path
    """The file."""
    question: str = "question"
    """Name of the field with the question."""
    answer: str = "answer"
    """Name of the field with the answer: a text or a number."""
    match: Literal["exact", "last_number"] = "exact"
    """`exact`: the answer's place after normalisation. `last_number`: the last number in it, or in the completion."""
    instruction: str = "Return the final answer in <answer> </answer> tags."
    """Appended to every question."""
    chance_level: float = Field(0.0, ge=0, le=1)
    """What guessing would score: .25 for four choices, 0 for open answers."""


class JsonlTask:
    """Questions and answers from a JSONL file; right is what equals the file's answer."""

    name = "jsonl"
    options_type = JsonlOptions
    presets: Mapping[str, Mapping[str, Any]] = {}
    reflection_request = requests.GENERAL

    def __init__(self, **given: Any) -> None:
        self.options = JsonlOptions.read(self.name, given)
        self.chance_level = self.options.chance_level
        self._rows = {problem.id: problem for problem in self._read()}

    def held(self, split: Split) -> int:
        """Return how many questions of the file are in a split."""
        return len(self._of(split))

    def _of(self, split: Split) -> list[Problem]:
        return [problem for name, problem in sorted(self._rows.items()) if options.split_of(name) == split]

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Draw `count` distinct rows of a split."""
        held = self._of(split)
        if count > len(held):
            raise TaskError(f"{self.options.path}: the {split} split holds {len(held)} questions, not {count}")
        return stream("jsonl", split, seed).sample(held, count)

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a problem from one row, as the file holds it."""
        question = options.string(data, self.options.question, self.name)
        given = data.get(self.options.answer)
        answer = whole(given) if isinstance(given, str) else given
        if isinstance(answer, bool) or not isinstance(answer, (str, int, float)):
            raise TaskError(
                f"jsonl problem: {self.options.answer!r} must be a text or a number, not {options.shown(answer)}"
            )
        if not normalise(_final(str(answer))):
            raise TaskError(f"jsonl problem: {self.options.answer!r} is empty")
        content = f"{question}\n{self.options.instruction}" if self.options.instruction else question
        return Problem(
            id=f"jsonl:{key('jsonl', question, str(answer)):016x}",
            task=self.name,
            messages=(Message(role="user", content=content),),
            data={self.options.question: question, self.options.answer: answer},
        )

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge the answer's place (tags or box), or the whole text where numbers are compared."""
        found = extract.answer(text, bare_box=True)
        wanted = _final(str(problem.data[self.options.answer]))
        if self.options.match == "last_number":
            number = last_number(found.text if found else text)
            return _verdict(None if number is None else number == last_number(wanted))
        if found is None or len(found.text) > _MAX_ANSWER:
            return _verdict(None)
        return _verdict(normalise(found.text) == normalise(wanted))

    def gold(self, problem: Problem) -> str | None:
        """Return the file's answer in its tags."""
        return f"<answer> {_final(str(problem.data[self.options.answer]))} </answer>"

    def _read(self) -> list[Problem]:
        problems = []
        try:
            for line in jsonl.read(self.options.path):
                if line.value is None:
                    raise TaskError(f"{self.options.path}, line {line.number}: {line.error}")
                try:
                    problem = self.parse(line.value)
                except TaskError as error:
                    raise TaskError(f"{self.options.path}, line {line.number}: {error}") from None
                if not self.verify(problem, self.gold(problem) or "").correct:
                    raise TaskError(
                        f"{self.options.path}, line {line.number}: the answer holds no number,"
                        " which match = 'last_number' needs"
                    )
                problems.append(problem)
        except OSError as error:
            raise TaskError(why_unread(self.options.path, error)) from None
        if not problems:
            raise TaskError(f"{self.options.path}: holds no questions")
        return problems


def normalise(text: str) -> str:
    """Return one form for answers that differ only in case, blanks, `$`, thousands commas or a final full stop.

    >>> normalise(" $1,200. "), normalise("The  Moon")
    ('1200', 'the moon')
    """
    text = _BLANKS.sub(" ", text).strip().casefold().removesuffix(".").strip().strip("$").strip()
    return text.replace(",", "") if _NUMBER.fullmatch(text) else text


def last_number(text: str) -> Decimal | None:
    """Return the last decimal number of a text, or None.

    >>> last_number("12 eggs, so $1,200.50.")
    Decimal('1200.50')
    """
    found = _NUMBER.findall(text[-_TAIL:])
    return Decimal(found[-1].replace(",", "")) if found else None


def _final(answer: str) -> str:
    return answer.rpartition("####")[2].strip()


def _verdict(correct: bool | None) -> Verdict:
    if correct is None:
        return Verdict(correct=False, reward=0.0, reason="no_answer", well_formed=False)
    return Verdict(correct=correct, reward=float(correct), reason="correct" if correct else "wrong", well_formed=True)
