"""`KINDS` is the table of priming sets: it says what a set shows, what it must not show, and names the controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from secondthought.data.priming.fillers import FILLERS, Filler
from secondthought.errors import ConfigError
from secondthought.spelling import suggestion
from secondthought.types import HABITS, HabitName


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKind:
    """A `SetKind` is one kind of priming set."""

    help: str
    behaviors: frozenset[HabitName]
    """The habits that its thoughts show, as far as their problems lend themselves to them."""
    thought: Literal["told", "empty"] | Filler = "told"
    """Content of the tags: the thought as it was written, nothing, or as many tokens of a filler."""
    twin: str | None = None
    """The kind whose thoughts it leaves out: sets of one seed and size pair with that one's, trace by trace."""
    correct: float | None = None
    """Share of right answers, whatever the dials say."""

    @property
    def every_answer(self) -> bool | None:
        """Return whether every answer has to be right, or wrong; None where it may be either."""
        return None if self.correct is None else self.correct == 1.0

    @property
    def filler(self) -> Filler | None:
        """Return what fills the tags, which needs a tokenizer to be as long as a thought; None for all others."""
        return next((name for name in FILLERS if name == self.thought), None)

    @property
    def forbids(self) -> tuple[HabitName, ...]:
        """Return the habits that occur in none of its thoughts."""
        return tuple(name for name in HABITS if self.thought != "told" or name not in self.behaviors)

    @property
    def requires(self) -> frozenset[HabitName]:
        """Return the habits that occur in each thought; of all four, which would make long ones, only two."""
        return self.behaviors & {"verification", "backtracking"} if self.behaviors == _ALL else self.behaviors


def _shows(help_: str, *behaviors: HabitName) -> SetKind:
    return SetKind(help=help_, behaviors=frozenset(behaviors))


_ALL = frozenset(HABITS)

KINDS: dict[str, SetKind] = {
    "all-strategies": _shows("verification, backtracking, subgoals, backward chaining", *HABITS),
    "backtracking": _shows("attempts given up for others, and nothing else", "backtracking"),
    "backtracking-verification": _shows("results compared with the target", "backtracking", "verification"),
    "backtracking-subgoals": _shows("intermediate goals that are stated first", "backtracking", "subgoal_setting"),
    "backtracking-backward": _shows("steps from the target backwards", "backtracking", "backward_chaining"),
    "direct": _shows("one line of steps, no strategy"),
    "empty": SetKind(
        help="control: answers of all-strategies, no thought",
        behaviors=_ALL,
        thought="empty",
        twin="all-strategies",
    ),
    "dots": SetKind(
        help="control: answers of all-strategies, dots as long as their thoughts",
        behaviors=_ALL,
        thought="dots",
        twin="all-strategies",
    ),
    "neutral": SetKind(
        help="control: answers of all-strategies, as many tokens of plain words that say nothing",
        behaviors=_ALL,
        thought="neutral",
        twin="all-strategies",
    ),
    "incorrect-only": SetKind(help="control: all strategies, every answer wrong", behaviors=_ALL, correct=0.0),
    "correct-only": SetKind(help="every answer right; of own tries: rejection sampling", behaviors=_ALL, correct=1.0),
}


def kind(name: str) -> SetKind:
    """Return the kind of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in KINDS:
        raise ConfigError(f"there is no priming arm {name!r}{suggestion(name, KINDS)}; known: {', '.join(KINDS)}")
    return KINDS[name]
