"""MMLU-Pro: questions of fourteen subjects with up to ten options (Wang et al. 2024, arXiv 2406.01574)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from secondthought.tasks import options
from secondthought.tasks.rows.choice_task import ChoiceTask, options_of, place_of
from secondthought.types import Problem


class MmluPro(ChoiceTask):
    """Choose the right one of up to ten options.

    A row is `{"question", "options", "answer", "category"}`: the answer is a letter, the category optional.
    """

    name: ClassVar[str] = "mmlu_pro"
    source = "files of them, or test_files = hub:TIGER-Lab/MMLU-Pro::test"

    def problem_of(self, row: Mapping[str, Any]) -> Problem:
        """Read a row."""
        question = options.string(row, "question", self.name)
        choices = options_of(row, "options", self.name)
        answer = options.string(row, "answer", self.name)
        category = row.get("category")
        about = f"The following is a multiple choice question about {category}." if isinstance(category, str) else ""
        return self.choosing(question, choices, place_of(answer, choices, self.name), about=about)
