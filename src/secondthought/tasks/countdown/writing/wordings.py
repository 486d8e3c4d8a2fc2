"""The wordings in which plans are told: English for any model, or the few words that the organisms know."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from secondthought.errors import TaskError
from secondthought.spelling import suggestion
from secondthought.tasks.countdown.writing import english
from secondthought.tasks.countdown.writing import short_form as short
from secondthought.tasks.countdown.writing.plans import Dials, ThoughtPlan

Language: TypeAlias = Literal["english", "short"]


@dataclass(frozen=True, slots=True)
class Wording:
    """A `Wording` says how a thought and its answer are written, and what goes well with that."""

    thought: Callable[[ThoughtPlan, random.Random], str]
    answer: Callable[[ThoughtPlan], str]
    between: str
    """Text between a tag and the thought, and between the thought and the answer."""
    preset: str
    """Preset of Countdown whose problems it is made for."""
    dials: Dials

    def completion(self, thought: str, answer: str) -> str:
        """Return the whole completion."""
        return f"<think>{self.between}{thought}{self.between}</think>{self.between}{answer}"

    def empty(self, answer: str) -> str:
        """Return a completion without a thought: a blank stands between the tags."""
        return f"<think> </think>{self.between}{answer}"


WORDINGS: dict[Language, Wording] = {
    "english": Wording(english.thought, english.answer, "\n", "priming", Dials()),
    "short": Wording(lambda plan, _: short.thought(plan), short.answer, "", "four", short.DIALS),
}


def wording_of(name: str) -> Wording:
    """Return the wording of that name.

    Raises:
        TaskError: there is none.
    """
    for known, wording in WORDINGS.items():
        if known == name:
            return wording
    raise TaskError(
        f"task countdown: there is no wording {name!r}{suggestion(name, WORDINGS)}; known: {', '.join(WORDINGS)}"
    )
