"""A `ChoiceTask` is a task of rows that ask for one of several lettered options."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from secondthought.errors import TaskError, shown
from secondthought.tasks import options as given
from secondthought.tasks.answer_place import AnswerPlace, placed, written
from secondthought.tasks.rows.pool import RowOptions
from secondthought.tasks.rows.row_task import RowTask
from secondthought.tasks.verdicts import on_answer
from secondthought.types import SPLITS, Problem, Verdict

LETTERS = "ABCDEFGHIJ"
"""Names of options, in order; a row has from two to ten."""
_LONGEST = 200
"""Characters of a place that may hold a letter: more is no answer but a thought."""
_READ = 400_000
"""Characters that are read from the end of a text: no model writes more on purpose."""
_STATED = re.compile(r"answer is \(?([A-J])\)?")
_TITLED = re.compile(r"[aA]nswer:\s{0,20}([A-J])")
_ALONE = re.compile(r"\b[A-J]\b")
_ASKED: dict[AnswerPlace, str] = {
    "tags": "Think step by step, then return the letter of the right option in <answer> </answer> tags.",
    "box": "Think step by step, then put the letter of the right option within \\boxed{}.",
    "end": 'Think step by step, then finish with "the answer is (X)" where X is the letter of the right option.',
}


class ChoiceOptions(RowOptions):
    """`ChoiceOptions` say where the rows lie and where a letter is put."""

    answer_in: AnswerPlace = "tags"
    """Where the letter is asked for and read: `tags`, `box`, or `end` ("the answer is (X)", else the last letter)."""


class ChoiceTask(RowTask[ChoiceOptions]):
    """The base of tasks of options: a subclass reads a row with `choosing`."""

    options_type: ClassVar[type[ChoiceOptions]] = ChoiceOptions

    def choosing(self, question: str, options: Sequence[str], right: int, *, about: str = "") -> Problem:
        """Return the problem of a question with its options; `right` is the place of the right one."""
        listed = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False))
        content = "\n".join(part for part in (about, question, listed, _ASKED[self.options.answer_in]) if part)
        data = {"question": question, "options": list(options), "answer": LETTERS[right], "about": about}
        return self.asking(content, data, question, *options, LETTERS[right])

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a problem from a row, as the data set or as a problem holds it."""
        if "about" not in data:
            return super().parse(data)
        question, answer, about = (given.string(data, name, self.name) for name in ("question", "answer", "about"))
        choices = options_of(data, "options", self.name)
        return self.choosing(question, choices, place_of(answer, choices, self.name), about=about)

    @cached_property
    def chance_level(self) -> float:
        """Return the accuracy of a letter drawn at random, over all problems; of none, that of four options."""
        if not (self.options.files or self.options.test_files):
            return 0.25
        held = [problem for split in SPLITS for problem in self.pool.splits[split]]
        return sum(1 / len(problem.data["options"]) for problem in held) / len(held)

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge the letter in the answer's place."""
        letter = self.answer(problem, text)
        return on_answer(None if letter is None else letter == problem.data["answer"])

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return the letter that was said."""
        place = self.options.answer_in
        found = placed(text, place)
        if found is None or (place != "end" and len(found) > _LONGEST):
            return None
        letter = said_letter(found)
        return letter if letter is not None and LETTERS.index(letter) < len(problem.data["options"]) else None

    def gold(self, problem: Problem) -> str | None:
        """Return the right letter in its place."""
        letter = problem.data["answer"]
        return written(f"({letter})" if self.options.answer_in == "end" else letter, self.options.answer_in)

    def changed_golds(self, problem: Problem) -> list[str]:
        """Return all other letters in the same place (`tasks.checks`)."""
        gold, right = self.gold(problem) or "", problem.data["answer"]
        others = LETTERS[: len(problem.data["options"])].replace(right, "")
        return [f"{other}".join(gold.rsplit(right, 1)) for other in others]


def place_of(letter: str, choices: Sequence[str], task: str) -> int:
    """Return which option a row's letter names.

    Raises:
        TaskError: there is no such option.
    """
    if len(letter) != 1 or letter not in LETTERS[: len(choices)]:
        raise TaskError(f"{task} problem: 'answer' must be the letter of an option, not {shown(letter)}")
    return LETTERS.index(letter)


def said_letter(text: str, *, last_alone: bool = True) -> str | None:
    r"""Return the letter that a text settles on: "answer is (X)", else "Answer: X", else the last letter alone.

    The rules are those of MMLU-Pro's own evaluation (github.com/TIGER-AI-Lab/MMLU-Pro), in linear time; an older one
    had no last rule (`last_alone=False`).

    >>> [said_letter(text) for text in ("The answer is (B), not C.", "Answer: D\nor E", "B or C", "?")]
    ['B', 'D', 'C', None]
    """
    text = text[-_READ:]
    stated = _STATED.search(text)
    if stated is not None:
        return stated[1]
    titled = _TITLED.search(text)
    if titled is not None:
        end = text.find("\n", titled.end())
        return _last(_TITLED.findall(text, titled.start(), len(text) if end < 0 else end)) or titled[1]
    return _last(_ALONE.findall(text)) if last_alone else None


def _last(letters: list[str]) -> str | None:
    return letters[-1] if letters else None


def options_of(row: Mapping[str, Any], field: str, task: str) -> list[str]:
    """Read the list of a row's options.

    Raises:
        TaskError: it is missing, or no list of two to ten texts.
    """
    found = row.get(field)
    if not isinstance(found, list | tuple) or not all(isinstance(item, str) for item in found):
        raise TaskError(f"{task} problem: {field!r} must be a list of texts, not {shown(found)}")
    if not 2 <= len(found) <= len(LETTERS):
        raise TaskError(f"{task} problem: {field!r} holds {len(found)} options; from 2 to {len(LETTERS)} have a letter")
    return list(found)
