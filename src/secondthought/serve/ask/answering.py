"""One question from its first try to the answer that is believed, and a sentence that says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from secondthought.evaluate.calibration import says_right
from secondthought.evaluate.retried import is_other_answer
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import text_before
from secondthought.runs.result_rows import percent
from secondthought.serve.ask.question import OPEN
from secondthought.serve.ask.rule import CaseFigures, MeasuredTries, figures_of, rule_of
from secondthought.serve.ask.turns import turns
from secondthought.types import Episode, Failure, Problem, Turn, TurnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A `Shown` is one turn as it is shown: what the model was asked, what it said, and what the check says."""

    kind: TurnKind
    asked: str
    text: str
    tokens: int
    verdict: str
    """Empty where nothing judged the turn."""

    def to_json(self) -> dict[str, Any]:
        """Return the turn as JSON holds it."""
        return {name: getattr(self, name) for name in ("asked", "text", "tokens", "verdict")} | {
            "kind": self.kind.value
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An `Answered` is the answer that is believed."""

    text: str
    passed: bool | None
    """It passed its check; None where there is none."""
    says: str
    turns: tuple[Shown, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON holds it."""
        turns = [turn.to_json() for turn in self.turns]
        return {"answer": self.text, "passed": self.passed, "says": self.says, "turns": turns}


def answer(
    player: Player,
    problem: Problem,
    keys: Keys,
    *,
    tries: int,
    calibration: MeasuredTries | None,
    show: Callable[[Shown], None],
) -> Answered:
    """Answer a question.

    Args:
        player: who answers, and what is said between turns.
        problem: the question.
        keys: names of the samples.
        tries: the most tries.
        calibration: by which to choose where nothing checks; None keeps the first answer.
        show: gets each turn as it ends.
    """
    if problem.task == OPEN:
        return _unchecked(player, problem, keys, tries, calibration, show)
    played = [(turn, _shown(player, before, turn, show)) for before, turn in turns(player, problem, keys, tries=tries)]
    made = [shown for _, shown in played]
    (turn, last), count = played[-1], sum(shown.kind is not TurnKind.REFLECTION for shown in made)
    passed = turn.verdict is not None and turn.verdict.correct
    says = (
        f"Passes the check, at try {count}." if passed else f"No try of {count} passes the check; this is the last one."
    )
    return Answered(text=last.text, passed=passed, says=says, turns=tuple(made))


def _unchecked(
    player: Player,
    problem: Problem,
    keys: Keys,
    tries: int,
    calibration: MeasuredTries | None,
    show: Callable[[Shown], None],
) -> Answered:
    rule = None if calibration is None else rule_of(calibration.rows)
    made: list[Turn] = []
    shown: list[Shown] = []
    says: bool | None = None
    for before, turn in turns(player, problem, keys, tries=tries):
        made.append(turn)
        shown.append(_shown(player, before, turn, show))
        if rule is not None and turn.kind is TurnKind.ATTEMPT:
            given = Failure(problem=problem, attempt=turn, provenance={})
            [says] = player.run([says_right(player, given, keys)], "asked whether it was right")
            if rule.stops(says):
                break
    first, last = made[0].completion.text, made[-1].completion.text
    if rule is None or calibration is None:
        told = "Nothing checks these answers; the first one stands. Whether this model's second tries are better is not"
        told += " known: `secondthought calibrate` measures it, on questions with known answers."
        return Answered(text=first, passed=None, says=told, turns=tuple(shown))
    if len(made) == 1:
        about = _SAYS[says]
        told = f"Nothing checks this answer. The model {about}; second tries were not shown to be better then."
        return Answered(text=first, passed=None, says=told, turns=tuple(shown))
    case = says, is_other_answer(player.task, problem, first, last)
    takes = rule.takes_second(case)
    told = _told(rule.cases.get(case), takes, case, calibration)
    return Answered(text=last if takes else first, passed=None, says=told, turns=tuple(shown))


_SAYS = {
    True: "calls its answer right",
    False: "calls its answer wrong",
    None: "does not say whether its answer is right",
}


def _told(figures: CaseFigures | None, takes: bool, case: tuple[bool | None, bool], calibration: MeasuredTries) -> str:
    says, changed = case
    what = "answers otherwise" if changed else "gives the same answer"
    seen = f"Nothing checks these answers. The model {_SAYS[says]}, and its second try {what}."
    if figures is None:
        return f"{seen} That was never seen when it was measured, so the first one stands."
    first, second = percent(figures.first.to_json()), percent(figures.second.to_json())
    broke = percent(figures.right_to_wrong.to_json())
    gain = percent(figures_of(calibration.rows).gain.to_json(), "+")
    chosen = f"the second one is taken (by this rule answers gained {gain} points on problems it was not made from)"
    chosen = chosen if takes else "it is not shown that the second one is better: the first stands"
    return (
        f"{seen} Of {figures.first.n} such pairs ({calibration.about.get('task')}), the first was right in {first} %,"
        f" the second in {second} %; {broke} % of right first answers became wrong. So {chosen}."
    )


def _shown(player: Player, before: Episode, turn: Turn, show: Callable[[Shown], None]) -> Shown:
    asked = "" if turn.kind is TurnKind.ATTEMPT else text_before(turn, before, player.requests)
    found = Shown(
        kind=turn.kind,
        asked=asked,
        text=turn.completion.text.strip(),
        tokens=len(turn.completion.token_ids),
        verdict=_verdict(turn),
    )
    show(found)
    return found


def _verdict(turn: Turn) -> str:
    verdict = turn.verdict
    if verdict is None or verdict.reason == "unchecked":
        return ""
    return (
        "passes the check"
        if verdict.correct
        else f"fails the check: {verdict.feedback or verdict.reason.replace('_', ' ')}"
    )
