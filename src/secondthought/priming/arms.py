"""The table of priming sets: which habits a trace may show, what stands in its thought, and whether it may be right.

    set                         shows                                      thought     answer
    all-strategies              all four                                   written     as the dials say
    backtracking                backtracking                               written     as the dials say
    backtracking-verification   backtracking, verification                 written     as the dials say
    backtracking-subgoals       backtracking, subgoals                     written     as the dials say
    backtracking-backward       backtracking, backward chaining            written     as the dials say
    direct                      none: steps to the answer                  written     as the dials say
    empty                       those of all-strategies, thought left out  empty       as the dials say
    dots                        the same, thought replaced                 dots        as the dials say
    incorrect-only              all four                                   written     always wrong

The first five and the last three are the sets of Gandhi et al. 2025 (`direct` is in their code as a negative control).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from secondthought.errors import ConfigError
from secondthought.priming.search import BEHAVIORS, Behavior


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One row. `correct` None leaves it to the dials."""

    allowed: frozenset[Behavior]
    thought: Literal["written", "empty", "dots"] = "written"
    correct: bool | None = None


def _shows(*names: Behavior) -> frozenset[Behavior]:
    return frozenset(names)


ARMS: dict[str, Arm] = {
    "all-strategies": Arm(allowed=frozenset(BEHAVIORS)),
    "backtracking": Arm(allowed=_shows("backtracking")),
    "backtracking-verification": Arm(allowed=_shows("backtracking", "verification")),
    "backtracking-subgoals": Arm(allowed=_shows("backtracking", "subgoal_setting")),
    "backtracking-backward": Arm(allowed=_shows("backtracking", "backward_chaining")),
    "direct": Arm(allowed=frozenset()),
    "empty": Arm(allowed=frozenset(BEHAVIORS), thought="empty"),
    "dots": Arm(allowed=frozenset(BEHAVIORS), thought="dots"),
    "incorrect-only": Arm(allowed=frozenset(BEHAVIORS), correct=False),
}


def arm(name: str) -> Arm:
    """The row of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in ARMS:
        raise ConfigError(f"there is no priming set {name!r}; known: {', '.join(ARMS)}")
    return ARMS[name]
