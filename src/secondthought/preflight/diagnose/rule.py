"""A rule of advice ties one number, by a threshold, to what to do about it on the task at hand.

What is done depends on the task: only some tasks have priming sets, or know right answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from secondthought.preflight.diagnose.measure import ModelDiagnosis
from secondthought.preflight.diagnose.subject import Subject
from secondthought.stats import Interval

Side: TypeAlias = Literal["below", "above"]
Commands: TypeAlias = Callable[[ModelDiagnosis], Sequence[str]]


def everywhere(subject: Subject) -> bool:
    """Tell that a remedy applies to any task."""
    return True


def primed(subject: Subject) -> bool:
    """Tell whether there are priming sets for the task."""
    return subject.primes


def answered(subject: Subject) -> bool:
    """Tell whether the task knows right answers."""
    return subject.has_gold


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A `Remedy` is what to do, on tasks to which it applies: a sentence, and commands that do it."""

    says: str
    commands: Commands
    applies: Callable[[Subject], bool] = everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceRule:
    """An `AdviceRule` speaks if a number lies surely on one side of a threshold."""

    name: str
    what: str
    """The number in words, as the table of numbers calls it."""
    number: Callable[[ModelDiagnosis], Interval | None]
    side: Side
    threshold: float
    remedies: Sequence[Remedy]
    """The first that applies to the task is advised; where none does, the rule says nothing."""
    source: str
    """Where the threshold comes from."""
    stops: bool = False
    """Later rules are of no use until this is mended."""
    objects: bool = True
    """Training should wait; what is said of reflections is about what to train."""

    def known(self, found: ModelDiagnosis) -> Interval | None:
        """Return the number, if there is one with an interval."""
        value = self.number(found)
        return None if value is None or value.low != value.low else value

    def speaks(self, found: ModelDiagnosis) -> bool:
        """Tell whether the number lies surely beyond the threshold."""
        value = self.known(found)
        if value is None:
            return False
        return value.high < self.threshold if self.side == "below" else value.low > self.threshold
