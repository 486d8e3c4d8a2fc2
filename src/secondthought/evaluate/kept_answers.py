"""Answers of models in exams are kept as they come: a comparison that is interrupted, or grows, asks nothing twice.

    FOLDER/answers/DIGEST.json      digests of who answered and of what was asked, and what was right, item by item

The digest holds the code of this package, the model's weights, and what the exam depends on. So whatever changed is
asked anew, and nothing need be said about it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from secondthought.errors import RunError
from secondthought.inference.resuming import maker_of
from secondthought.progress import Onlooker
from secondthought.protocols import Policy
from secondthought.runs import contents, files


class Exam(Protocol):
    """An `Exam` is what a model was not trained on: items that it gets right or wrong, the same for every model."""

    name: str

    def right(self, policy: Policy, onlooker: Onlooker) -> list[bool]:
        """Return for each item, in order, whether the policy gets it right."""
        ...

    def asks(self) -> dict[str, Any]:
        """Return what answers depend on besides the model: plain values, equal for equal exams."""
        ...


class KeptAnswers:
    """`KeptAnswers` keep in a folder what one policy gets right; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, policy: Policy) -> None:
        """Name the folder, which is made when there is something to keep, and digest the policy where there is one."""
        self.folder, self.policy = folder, policy
        self._maker = None if folder is None else maker_of(policy)

    def right(self, exam: Exam, onlooker: Onlooker) -> list[bool]:
        """Return which items of an exam the policy gets right, as it answered before or as it answers now.

        Raises:
            RunError: the folder cannot be written.
        """
        if self.folder is None:
            return exam.right(self.policy, onlooker)
        asked = {"model": self._maker, "exam": exam.name, "asks": contents.digest_of(exam.asks())}
        path = self.folder / "answers" / f"{contents.digest_of(asked)}.json"
        if (found := _read(path)) is not None:
            return found
        right = exam.right(self.policy, onlooker)
        files.write_json(path, {**asked, "name": self.policy.name, "right": [int(item) for item in right]})
        return right


def _read(path: Path) -> list[bool] | None:
    """Return what was right; None where nothing was kept, or not whole."""
    try:
        right = files.read_json(path).get("right")
    except RunError:
        return None
    if not isinstance(right, list) or not right or not all(item in (0, 1) for item in right):
        return None
    return [bool(item) for item in right]
