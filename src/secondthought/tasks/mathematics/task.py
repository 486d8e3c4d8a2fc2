"""MATH: problems of competitions whose answers are formulas (Hendrycks et al. 2021, arXiv 2103.03874)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from secondthought.errors import TaskError, shown
from secondthought.tasks import extract, options
from secondthought.tasks.answer_place import INSTRUCTIONS, AnswerPlace, placed, written
from secondthought.tasks.bounded.calls import BoundedCalls, Exceeded
from secondthought.tasks.rows.pool import RowOptions
from secondthought.tasks.rows.row_task import RowTask
from secondthought.tasks.verdicts import on_answer
from secondthought.types import Problem, Verdict

LONGEST = 1000
"""Characters of an answer that is compared; of a text whose end is the answer, the last so many are read."""
SECONDS = 3.0
"""Processor time of one comparison."""
COMPARE = "secondthought.tasks.mathematics.answers:compare"


class MathOptions(RowOptions):
    """`MathOptions` say where the rows lie and where an answer is put."""

    answer_in: AnswerPlace = "box"
    r"""Where the answer is asked for and read: `box` (`\\boxed{}`), `tags`, or `end`."""


class Math(RowTask[MathOptions]):
    r"""Solve a problem of a mathematics competition.

    A row is `{"problem", "answer"}`, or `{"problem", "solution"}` whose last `\boxed{}` is the answer. Answers are read
    and compared by `math-verify`, in a process of its own with a limit of time and memory.
    """

    name: ClassVar[str] = "math"
    options_type = MathOptions
    source = "files of them, or test_files = hub:HuggingFaceH4/MATH-500::test"
    chance_level = 0.0

    def __init__(self, **given: Any) -> None:
        self._compare = BoundedCalls(COMPARE, seconds=SECONDS)
        super().__init__(**given)

    def problem_of(self, row: Mapping[str, Any]) -> Problem:
        """Read a row."""
        question = options.string(row, "problem", self.name)
        answer = row.get("answer")
        if answer is None and isinstance(row.get("solution"), str):
            answer = extract.boxed(row["solution"])
        if not isinstance(answer, str) or not answer.strip() or len(answer) > LONGEST:
            raise TaskError(
                f"{self.name} problem: 'answer' must be a formula of at most {LONGEST} characters, or 'solution' end in"
                f" \\boxed{{}}, not {shown(answer)}"
            )
        content = f"{question}\n{INSTRUCTIONS[self.options.answer_in]}"
        return self.asking(content, {"problem": question, "answer": answer}, question, answer)

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge the answer by its value: equal text is right at once, all else is compared in the other process."""
        said = self._said(text)
        if said is None:
            return on_answer(None)
        wanted = problem.data["answer"]
        try:
            reason = "correct" if _plain(said) == _plain(wanted) else self._compare(wanted, said)
        except Exceeded:
            reason = "unreadable"
        correct = reason == "correct"
        return Verdict(
            correct=correct, reward=float(correct), reason=reason, well_formed=reason in ("correct", "wrong")
        )

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return what stands in the answer's place, without blanks."""
        said = self._said(text)
        return None if said is None else _plain(said)

    def gold(self, problem: Problem) -> str | None:
        """Return the right answer in its place."""
        answer, place = problem.data["answer"], self.options.answer_in
        return written(f"${answer}$" if place == "end" else answer, place)

    def changed_golds(self, problem: Problem) -> list[str]:
        """Return the right answer with one added to it, and as a part of something (`tasks.checks`)."""
        answer, place = problem.data["answer"], self.options.answer_in
        wrong = (f"({answer}) + 1", f"\\frac{{{answer}}}{{7}} - 3")
        return [written(f"${text}$" if place == "end" else text, place) for text in wrong]

    def _said(self, text: str) -> str | None:
        place = self.options.answer_in
        found = placed(text, place)
        if found is None or (place != "end" and len(found) > LONGEST):
            return None
        return found[-LONGEST:]


def _plain(formula: str) -> str:
    return "".join(formula.split()).strip("$.")
