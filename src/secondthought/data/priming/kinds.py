"""The table of priming arms: what a set shows, what it must not show, and the controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from secondthought.errors import ConfigError
from secondthought.tasks.options import suggestion
from secondthought.types import HABITS as BEHAVIORS
from secondthought.types import HabitName as Behavior


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One kind of priming set."""

    help: str
    behaviors: frozenset[Behavior]
    """What the thoughts that were written show, every one of them where the problem lends itself to it."""
    thought: Literal["told", "empty", "dots"] = "told"
    """What stands between the tags: the thought as it was written, nothing, or as many tokens of dots."""
    twin: str | None = None
    """The arm whose thoughts it leaves out: sets of one seed and size pair with that one's, trace by trace."""
    correct: float | None = None
    """Share of right answers, whatever the dials say."""

    @property
    def forbids(self) -> tuple[Behavior, ...]:
        """What occurs in none of its thoughts."""
        return (
            ()
            if self.thought == "told" and len(self.behaviors) == 4
            else tuple(name for name in BEHAVIORS if self.thought != "told" or name not in self.behaviors)
        )

    @property
    def requires(self) -> frozenset[Behavior]:
        """What occurs in each: a thought with all four would be a long one, so there verification and backtracking."""
        return self.behaviors & {"verification", "backtracking"} if len(self.behaviors) == 4 else self.behaviors


def _arm(help_: str, *behaviors: Behavior) -> Arm:
    return Arm(help=help_, behaviors=frozenset(behaviors))


_ALL = frozenset(BEHAVIORS)

ARMS: dict[str, Arm] = {
    "all-strategies": _arm("verification, backtracking, subgoals, backward chaining", *BEHAVIORS),
    "backtracking": _arm("attempts given up for others, and nothing else", "backtracking"),
    "backtracking-verification": _arm("results compared with the target", "backtracking", "verification"),
    "backtracking-subgoals": _arm("intermediate goals that are stated first", "backtracking", "subgoal_setting"),
    "backtracking-backward": _arm("steps from the target backwards", "backtracking", "backward_chaining"),
    "direct": _arm("one line of steps, no strategy"),
    "empty": Arm(
        help="control: answers of all-strategies, no thought",
        behaviors=_ALL,
        thought="empty",
        twin="all-strategies",
    ),
    "dots": Arm(
        help="control: answers of all-strategies, dots as long as their thoughts",
        behaviors=_ALL,
        thought="dots",
        twin="all-strategies",
    ),
    "incorrect-only": Arm(help="control: all strategies, every answer wrong", behaviors=_ALL, correct=0.0),
}


def arm(name: str) -> Arm:
    """The arm of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in ARMS:
        raise ConfigError(f"there is no priming arm {name!r}{suggestion(name, ARMS)}; known: {', '.join(ARMS)}")
    return ARMS[name]
