r"""A file of questions and answers is a task: one JSON object a line, `{"question": "...", "answer": "..."}`.

Other fields are ignored. An answer is right if it is the same number as the file's (`numbers`: 18.0 is 18, and 1/2 is
.5), or the same text after normalisation (case, blanks, marks around it, a final full stop). With
`match = "last_number"` the last number of the completion is compared, as GSM8K is usually scored. What GSM8K writes
before `####` in an answer is left out. Splits are made by a hash of question and answer, so they stay the same when the
file is reordered or grows. A question that occurs again with the same answer counts once; with another answer the file
is refused, since one of the two is wrong.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from secondthought import jsonl
from secondthought.errors import TaskError, shown
from secondthought.rng import key, stream
from secondthought.tasks import extract, numbers, options
from secondthought.tasks import reflection_prompts as requests
from secondthought.tasks.verdicts import on_answer
from secondthought.text import whole
from secondthought.types import Message, Problem, Split, Verdict

_MAX_ANSWER = 2000
_BLANKS = re.compile(r"\s+")
_AROUND = " .$*_`\"'\u201c\u201d\u2018\u2019"
_AS_THEY_ARE = ("<super>", "<sub>", "<fraction>", "<circle>")
"""Decompositions that would make another text: of x squared, x2."""


class JsonlOptions(options.SplitOptions):
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
        self.repeated = 0
        """Rows of the file that ask a question again."""
        self._asked: dict[str, tuple[int, Problem]] = {}
        self._read()
        self._rows = {problem.id: problem for _, problem in self._asked.values()}

    def held(self, split: Split) -> int:
        """Return how many questions of the file are in a split."""
        return len(self._of(split))

    def _of(self, split: Split) -> list[Problem]:
        return [problem for name, problem in sorted(self._rows.items()) if self.options.split_of(name) == split]

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Draw `count` distinct rows of a split."""
        held = self._of(split)
        if count > len(held):
            raise TaskError(f"{self.options.path}: the {split} split holds {len(held)} questions, not {count}")
        return stream("jsonl", split, seed).sample(held, count)

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a problem from one row, as the file holds it; a question of the file is the file's problem."""
        problem = self._problem(data)
        _, known = self._asked.get(self._question(problem), (0, problem))
        return known if self._same(self._answer(known), self._answer(problem)) else problem

    def _problem(self, data: Mapping[str, Any]) -> Problem:
        question = options.string(data, self.options.question, self.name)
        given = data.get(self.options.answer)
        answer = whole(given) if isinstance(given, str) else given
        finite = not isinstance(answer, float) or math.isfinite(answer)
        if isinstance(answer, bool) or not isinstance(answer, (str, int, float)) or not finite:
            raise TaskError(f"jsonl problem: {self.options.answer!r} must be a text or a number, not {shown(answer)}")
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
        if self.options.match == "last_number":
            said = numbers.last(found.text if found else text)
            wanted = numbers.last(self._answer(problem))
            return on_answer(None if said is None or wanted is None else numbers.same(said, wanted))
        if found is None or len(found.text) > _MAX_ANSWER:
            return on_answer(None)
        return on_answer(_equal(found.text, self._answer(problem)))

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return what stands in the answer's place: a number by its value and unit, another text normalised."""
        found = extract.answer(text, bare_box=True)
        if self.options.match == "last_number":
            said = numbers.last(found.text if found else text)
            return None if said is None else _written(said)
        if found is None or len(found.text) > _MAX_ANSWER:
            return None
        number = numbers.whole(found.text)
        return normalise(found.text) if number is None else _written(number)

    def gold(self, problem: Problem) -> str | None:
        """Return the file's answer in its tags."""
        return f"<answer> {self._answer(problem)} </answer>"

    def _answer(self, problem: Problem) -> str:
        return _final(str(problem.data[self.options.answer]))

    def _question(self, problem: Problem) -> str:
        """Return a question's content: how it is spaced and which of equal characters write it is no other question."""
        return _BLANKS.sub(" ", _compatible(problem.data[self.options.question])).strip()

    def _same(self, one: str, other: str) -> bool:
        """Tell whether two answers of the file are one."""
        if self.options.match == "exact":
            return _equal(one, other)
        first, second = numbers.last(one), numbers.last(other)
        return first is not None and second is not None and numbers.same(first, second)

    def _read(self) -> None:
        try:
            for line in jsonl.read(self.options.path):
                if line.value is None:
                    raise TaskError(f"{self.options.path}, line {line.number}: {line.error}")
                try:
                    problem = self._problem(line.value)
                    self._check_answer(problem)
                    self._take(line.number, problem)
                except TaskError as error:
                    raise TaskError(f"{self.options.path}, line {line.number}: {error}") from None
        except OSError as error:
            raise TaskError(f"{self.options.path}: cannot be read: {error.strerror}") from None
        if not self._asked:
            raise TaskError(f"{self.options.path}: holds no questions")

    def _take(self, number: int, problem: Problem) -> None:
        """Take a row, or count it where its question is there. Of two ids the smaller stays, in whatever order."""
        question = self._question(problem)
        if question not in self._asked:
            self._asked[question] = (number, problem)
            return
        first, known = self._asked[question]
        if not self._same(self._answer(known), self._answer(problem)):
            raise TaskError(
                f"the question of line {first} again, with the answer {shown(self._answer(problem))} in place"
                f" of {shown(self._answer(known))}; leave one of the two out"
            )
        self.repeated += 1
        if problem.id < known.id:
            self._asked[question] = (first, problem)

    def _check_answer(self, problem: Problem) -> None:
        """Refuse an answer that no completion could give, or that a changed one would match."""
        answer = self._answer(problem)
        read = numbers.last(answer) if self.options.match == "last_number" else numbers.whole(answer)
        if read is None and self.options.match == "last_number":
            raise TaskError(
                f"the answer holds no number, which match = 'last_number' needs: {shown(answer)} cannot be read"
                " as one; write it like 18, 0.5, 1/2 or 1e-5"
            )
        changed = f"{answer}x" if read is None else _written(read._replace(value=read.value + 1))
        texts = {self.gold(problem) or "": True, f"<answer> {changed} </answer>": False}
        if read is not None:
            texts[f"<answer> {_written(read)} </answer>"] = True
        for text, right in texts.items():
            if self.verify(problem, text).correct is not right:
                raise TaskError(
                    f"the answer {shown(answer)} cannot be told: {shown(text)} is judged"
                    f" {'wrong' if right else 'right'}; tags, boxes and over {_MAX_ANSWER} characters stand in the way"
                )


def normalise(text: str) -> str:
    """Return one form for answers that differ only in case, blanks, marks around them or a final full stop.

    >>> normalise(" $1,200. "), normalise("**The  Moon**"), normalise("(B)")
    ('1200', 'the moon', 'b')
    """
    text = _BLANKS.sub(" ", _compatible(text)).casefold().strip(_AROUND)
    if len(text) <= 3 and text.strip("().") in tuple("abcdefghij"):
        return text.strip("().")  # the letter of a choice
    return text.replace(",", "") if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text) else text


def _compatible(text: str) -> str:
    """Write characters that only look different in one way: full width, composed or not, blanks, invisible marks."""
    if text.isascii():
        return text
    spelled = (
        c if unicodedata.decomposition(c).startswith(_AS_THEY_ARE) else unicodedata.normalize("NFKC", c) for c in text
    )
    composed = unicodedata.normalize("NFC", "".join(spelled))
    return "".join(c for c in composed if unicodedata.category(c) != "Cf").replace("\u2212", "-")


def _equal(said: str, wanted: str) -> bool:
    """Compare numbers as numbers, all else as text; units are compared where both have one."""
    gold = numbers.whole(wanted)
    number = None if gold is None else numbers.whole(said)
    if gold is None or number is None:
        return normalise(said) == normalise(wanted)
    return numbers.same(number, gold) and gold.unit in ("", number.unit)


def _written(number: numbers.Number) -> str:
    """Write a number as a fraction, which no gold of a file is compared with letter by letter."""
    value = f"{number.value.numerator}/{number.value.denominator}{'%' if number.percent else ''}"
    return f"{value} {number.unit}".strip()


def _final(answer: str) -> str:
    return answer.rpartition("####")[2].strip()
