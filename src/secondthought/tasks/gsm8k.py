"""GSM8K: word problems of a few steps whose answer is a number (Cobbe et al. 2021, arXiv 2110.14168)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from secondthought.errors import TaskError, shown
from secondthought.tasks import numbers, options
from secondthought.tasks.answer_place import INSTRUCTIONS, AnswerPlace, placed, written
from secondthought.tasks.rows.pool import RowOptions
from secondthought.tasks.rows.row_task import RowTask
from secondthought.tasks.verdicts import on_answer
from secondthought.types import Problem, Verdict

_MARK = "####"
"""What stands before the final number of a solution, in the data set and in what models learned from it."""


class Gsm8kOptions(RowOptions):
    """`Gsm8kOptions` say where the rows lie and where an answer is put."""

    answer_in: AnswerPlace = "tags"
    """Where the number is asked for and read: `tags`, `box`, or `end` (the last number, as most scorers have it)."""


class Gsm8k(RowTask[Gsm8kOptions]):
    """Solve a word problem of primary school.

    A row is `{"question", "answer"}`, the answer a solution that ends in `#### 18`, or a number alone.
    """

    name: ClassVar[str] = "gsm8k"
    options_type = Gsm8kOptions
    source = (
        "its files (files = train.jsonl, test_files = test.jsonl of github.com/openai/grade-school-math), or"
        " files = hub:openai/gsm8k:main:train and test_files = hub:openai/gsm8k:main:test"
    )
    chance_level = 0.0

    def problem_of(self, row: Mapping[str, Any]) -> Problem:
        """Read a row."""
        question = options.string(row, "question", self.name)
        answer = row.get("answer", row.get("ground_truth"))
        if isinstance(answer, bool) or not isinstance(answer, str | int | float):
            raise TaskError(f"{self.name} problem: 'answer' must be a text or a number, not {shown(answer)}")
        number = final_number(str(answer))
        if number is None:
            raise TaskError(f"{self.name} problem: 'answer' ends in no number: {shown(answer)}")
        wanted = str(number.value)
        content = f"{question}\n{INSTRUCTIONS[self.options.answer_in]}"
        return self.asking(content, {"question": question, "answer": wanted}, question, wanted)

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge the last number in the answer's place."""
        number = self._said(text)
        return on_answer(None if number is None else number.value == _wanted(problem).value)

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return the number that was said, in one form."""
        number = self._said(text)
        return None if number is None else str(number.value)

    def gold(self, problem: Problem) -> str | None:
        """Return the right number in its place."""
        return written(problem.data["answer"], self.options.answer_in)

    def changed_golds(self, problem: Problem) -> list[str]:
        """Return numbers beside the right one, and the right one out of its place (`tasks.checks`)."""
        wanted = _wanted(problem).value
        near = [written(str(value), self.options.answer_in) for value in (wanted + 1, -wanted or 1, wanted * 10 or 2)]
        return near if self.options.answer_in == "end" else [*near, f"The answer is {wanted}."]

    def _said(self, text: str) -> numbers.Number | None:
        found = placed(text, self.options.answer_in)
        return None if found is None else final_number(found)


def final_number(text: str) -> numbers.Number | None:
    r"""Return the number after the last mark of a final answer, else the last number of a text.

    >>> final_number("She has 3 + 4 = <<3+4=7>>7.\n#### 7").value, final_number("7, so 1,200 or so").value
    (Fraction(7, 1), Fraction(1200, 1))
    """
    _, marked, after = text.rpartition(_MARK)
    first = numbers.last(after.strip().split("\n", 1)[0]) if marked else None
    return numbers.last(text) if first is None else first


def _wanted(problem: Problem) -> numbers.Number:
    number = numbers.whole(problem.data["answer"])
    assert number is not None  # written from a number
    return number
