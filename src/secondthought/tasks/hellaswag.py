"""HellaSwag: the sentence that follows, of four (Zellers et al. 2019, arXiv 1905.07830)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from secondthought.errors import TaskError, shown
from secondthought.tasks import options
from secondthought.tasks.rows.choice_task import LETTERS, ChoiceTask, options_of
from secondthought.types import Problem

_MARK = re.compile(r"\[[^\[\]]{0,40}\]")
"""Headings of the how-to pages that half of the rows come from."""


class HellaSwag(ChoiceTask):
    """Choose the sentence that goes on best, of four.

    A row is `{"activity_label", "ctx_a", "ctx_b", "endings", "label"}`, or `{"doc": {"query", "choices", "gold"}}` as
    frozen evaluation requests hold it.
    """

    name: ClassVar[str] = "hellaswag"
    source = "files of them, or files = hub:Rowan/hellaswag::train and test_files = hub:Rowan/hellaswag::validation"

    def problem_of(self, row: Mapping[str, Any]) -> Problem | None:
        """Read a row; one whose right ending is kept secret is no problem."""
        if isinstance(row.get("doc"), Mapping):
            return self._of_request(row["doc"])
        label = row.get("label")
        if label == "":
            return None
        begins = f"{plain(row['activity_label'])}: " if isinstance(row.get("activity_label"), str) else ""
        first, second = (options.string(row, name, self.name) for name in ("ctx_a", "ctx_b"))
        context = plain(f"{begins}{first} {second.capitalize()}")
        return self._asked(context, [plain(text) for text in options_of(row, "endings", self.name)], label)

    def _of_request(self, doc: Mapping[str, Any]) -> Problem:
        query = options.string(doc, "query", self.name).partition("\nChoose the best continuation:")
        choices = options_of(doc, "choices", self.name)
        if query[1]:  # the endings stand in the query, each behind its letter
            choices = [line[3:].strip() for line in query[2].splitlines() if line.strip()[1:2] == "."]
        return self._asked(query[0].strip(), choices, doc.get("gold"))

    def _asked(self, context: str, endings: list[str], label: Any) -> Problem:
        right = str(label)
        if not right.isdecimal() or int(right) >= len(endings) or len(endings) > len(LETTERS):
            raise TaskError(
                f"{self.name} problem: the label must be the place of an ending, from 0, not {shown(label)}"
            )
        return self.choosing(context, endings, int(right), about="Choose the best continuation.")


def plain(text: str) -> str:
    """Return a text without the marks of its source, as evaluations of the set have it.

    >>> plain("Cook rice. [title] Wash it [step] Use  water")
    'Cook rice.. Wash it Use water'
    """
    return re.sub(r" {2,}", " ", _MARK.sub("", text.strip().replace(" [title]", ". "))).strip()
