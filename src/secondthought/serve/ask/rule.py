"""When to believe a second try that nothing checks: a rule read off tries of which it is known which were right.

Two things are seen without a check: whether the model, asked, calls its first answer right, and whether the second try
answers otherwise. Together they make a *case*. In each case the rule takes the second try where it was surely right
more often than the first, at a level that allows for the number of cases, and keeps the first elsewhere. Where no case
with what the model says takes the second, nobody need ask for it. How good the rule is, is told by cross-validation:
each answer is chosen by a rule that was read off others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from secondthought import jsonl, rng
from secondthought.disk import read_text, why_unread
from secondthought.errors import ConfigError, RunError, shown
from secondthought.stats import Interval, paired_difference, to_json, wilson

FEWEST = 20
"""Problems of a case below which nothing is concluded from it."""
_LEVEL = 0.95
_FOLDS = 5
_FORMAT = "secondthought calibration 1"
Case = tuple[bool | None, bool]
"""What the model says of its first answer (None: neither yes nor no), and whether the second is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedTwice:
    """A `TriedTwice` is one problem, tried twice whether or not the first try was right."""

    problem_id: str
    says_right: bool | None
    changed: bool
    first: bool
    """The first try was right."""
    second: bool

    @property
    def case(self) -> Case:
        """Return what can be seen of it without a check."""
        return self.says_right, self.changed


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFigures:
    """`CaseFigures` are of one case: how often each try was right there."""

    first: Interval
    second: Interval
    gain: Interval
    """The second minus the first, in pairs, at a level that allows for the number of cases."""
    right_to_wrong: Interval
    """Of first tries that were right, those whose second was wrong."""

    @property
    def takes_second(self) -> bool:
        """Tell whether the second try was surely right more often, on enough problems to say so."""
        return self.gain.low > 0 and self.gain.n >= FEWEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A `Rule` holds the figures of each case that was seen."""

    cases: Mapping[Case, CaseFigures]

    def takes_second(self, case: Case) -> bool:
        """Tell whether the second try is the answer; a case that was never seen keeps the first."""
        return case in self.cases and self.cases[case].takes_second

    def stops(self, says_right: bool | None) -> bool:
        """Tell whether a second try would be no use, whatever it said."""
        return not any(self.takes_second((says_right, changed)) for changed in (True, False))

    def chosen(self, tried: TriedTwice) -> bool:
        """Tell whether the answer that the rule takes was right."""
        return tried.second if self.takes_second(tried.case) else tried.first


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFigures:
    """`RuleFigures` say what the rule is worth on problems that it was not read off."""

    first: Interval
    second: Interval
    chosen: Interval
    gain: Interval
    """Chosen minus first, in pairs."""
    right_to_wrong: Interval
    """Of first tries that were right, those that the rule gave up for a wrong one."""
    right_to_wrong_always: Interval
    """The same where the second try is always taken."""
    asked_again: Interval
    """Problems on which the rule asks for a second try at all."""


def rule_of(rows: Sequence[TriedTwice]) -> Rule:
    """Read the rule off."""
    cases: dict[Case, list[TriedTwice]] = {}
    for row in rows:
        cases.setdefault(row.case, []).append(row)
    point = NormalDist().inv_cdf(1 - (1 - _LEVEL) / (2 * max(1, len(cases))))
    return Rule(cases={case: _figures(of_case, point) for case, of_case in cases.items()})


def figures_of(rows: Sequence[TriedTwice]) -> RuleFigures:
    """Say what the rule is worth, by cross-validation over problems."""
    folds = [rng.key("calibration fold", row.problem_id) % _FOLDS for row in rows]
    rules = [rule_of([row for row, own in zip(rows, folds, strict=True) if own != fold]) for fold in range(_FOLDS)]
    judged = [(row, rules[fold]) for row, fold in zip(rows, folds, strict=True)]
    chosen = [rule.chosen(row) for row, rule in judged]
    was_right = [(row, right) for row, right in zip(rows, chosen, strict=True) if row.first]
    first, second = [row.first for row in rows], [row.second for row in rows]
    return RuleFigures(
        first=_share(first),
        second=_share(second),
        chosen=_share(chosen),
        gain=paired_difference(chosen, first),
        right_to_wrong=_share([not right for _, right in was_right]),
        right_to_wrong_always=_share([not row.second for row, _ in was_right]),
        asked_again=_share([not rule.stops(row.says_right) for row, rule in judged]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredTries:
    """`MeasuredTries` are problems tried twice, of which model and how it was asked."""

    about: Mapping[str, Any]
    """The model, the task, and the words between turns."""
    rows: tuple[TriedTwice, ...]

    def require_same(self, about: Mapping[str, Any]) -> None:
        """Refuse to be used on what was not measured.

        Raises:
            ConfigError: the model, or how it is asked, is another; the sentence says what differs.
        """
        if self.about.get("model") != about.get("model"):
            raise ConfigError(f"the calibration is of {self.about.get('model')}, and {about.get('model')} is asked")
        measured, asked = (dict(one.get("episode") or {}) for one in (self.about, about))
        differ = sorted(name for name in measured.keys() | asked.keys() if measured.get(name) != asked.get(name))
        if differ:
            raise ConfigError(
                f"the calibration was made with another episode.{differ[0]}: {shown(measured.get(differ[0]))}, and now"
                f" it is {shown(asked.get(differ[0]))}; ask as it was made, or calibrate anew"
            )

    def write(self, path: Path) -> None:
        """Write the file."""
        found = {
            "format": _FORMAT,
            "about": dict(self.about),
            "figures": to_json(by_name(figures_of(self.rows))),
            "rows": [asdict(row) for row in self.rows],
        }
        jsonl.write(path, [found])


def read(path: Path) -> MeasuredTries:
    """Read a file that `secondthought calibrate` wrote.

    Raises:
        RunError: it is none.
    """
    try:
        found = json.loads(read_text(path))
        if found["format"] != _FORMAT:
            raise RunError(f"{path}: is of another format; write it anew with `secondthought calibrate`")
        rows = tuple(_row(item) for item in found["rows"])
        return MeasuredTries(about=dict(found["about"]), rows=rows)
    except OSError as error:
        raise RunError(why_unread(path, error)) from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise RunError(f"{path}: is no calibration; `secondthought calibrate --out FILE` writes one") from None


def _row(item: Mapping[str, Any]) -> TriedTwice:
    row = TriedTwice(**item)
    flags = (row.changed, row.first, row.second)
    if not all(isinstance(flag, bool) for flag in flags) or not (
        row.says_right is None or type(row.says_right) is bool
    ):
        raise ValueError
    return row


def by_name(figures: RuleFigures) -> dict[str, Interval]:
    """Return figures by name."""
    return {name: getattr(figures, name) for name in type(figures).__dataclass_fields__}


def _figures(rows: Sequence[TriedTwice], point: float) -> CaseFigures:
    first, second = [row.first for row in rows], [row.second for row in rows]
    return CaseFigures(
        first=_share(first),
        second=_share(second),
        gain=paired_difference(second, first, point=point),
        right_to_wrong=_share([not row.second for row in rows if row.first]),
    )


def _share(holds: Sequence[bool]) -> Interval:
    return wilson(sum(holds), len(holds))
