"""The learned detector is trained here, by scikit-learn: logistic regression on what is seen in windows.

Whether it is better than the patterns is measured by cross-validation: each window is judged by weights that have seen
neither it nor another window of its text, with probabilities and thresholds that have not, either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from secondthought import rng
from secondthought.errors import ConfigError
from secondthought.habits.learned.labels import Labelled
from secondthought.habits.learned.weights import HabitWeights, score_of
from secondthought.habits.learned.windows import features_of
from secondthought.habits.patterns import PatternDetector
from secondthought.progress import SILENT, Onlooker
from secondthought.stats import Interval

FOLDS, _INNER_FOLDS = 10, 5
_STRENGTH = 1.0
"""Inverse of the penalty on weights; that of scikit-learn's default."""
_KEPT = 1500
"""Weights of a habit: the largest."""
_LEAST = 10
"""Sources of texts that show a habit and of texts that do not, without which nothing is learned."""
_RESAMPLES = 2000

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """`Scores` are how well finds agree with what was read."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitReport:
    """A `HabitReport` says of one habit how well it is found in windows that were not learned from."""

    habit: str
    windows: int
    shown: int
    patterns: Scores
    learned: Scores
    gain: Interval
    """In F1, learned - patterns; bootstrap over texts."""
    brier: float
    """Mean squared error of the probabilities; that of a constant is `shown / windows * (1 - shown / windows)`."""


@dataclass(frozen=True, slots=True)
class _Data:
    """Windows read for one habit: what is seen in them, what they show, and whether they may test."""

    features: Sequence[Mapping[str, float]]
    shows: Flags
    groups: Sequence[str]
    tests: Flags

    def part(self, places: npt.NDArray[np.int64]) -> _Data:
        return _Data(
            [self.features[place] for place in places],
            self.shows[places],
            [self.groups[place] for place in places],
            self.tests[places],
        )


def learn(
    labelled: Sequence[Labelled], onlooker: Onlooker = SILENT
) -> tuple[dict[str, HabitWeights], list[HabitReport]]:
    """Learn weights from all texts, and say how well such weights do on texts that they have not seen.

    Args:
        labelled: what was read.
        onlooker: is told of each fold.

    Raises:
        ConfigError: scikit-learn is not installed, or a habit was seen too seldom or nearly always.
    """
    _require_sklearn()
    habits = list(dict.fromkeys(name for each in labelled for name in each.shows))
    detector = PatternDetector()
    found = [detector.read(each.text).counts for each in labelled]
    features = [features_of(each.text, counts) for each, counts in zip(labelled, found, strict=True)]
    weights, reports = {}, []
    with onlooker.stage("folds", len(habits) * (FOLDS + 1)) as stage:
        for habit in habits:
            places = [place for place, each in enumerate(labelled) if habit in each.shows]
            data = _Data(
                [features[place] for place in places],
                np.array([labelled[place].shows[habit] for place in places]),
                [labelled[place].group for place in places],
                np.array([labelled[place].tests for place in places]),
            )
            _require_enough(habit, data)
            by_patterns = np.array([bool(found[place].get(habit)) for place in places])
            reports.append(_report(habit, data, by_patterns, stage.advance))
            weights[habit] = _fitted(data)
            stage.advance()
    return weights, reports


def _require_sklearn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ConfigError("to learn needs scikit-learn; install secondthought[learned]") from None


def _require_enough(habit: str, data: _Data) -> None:
    """Refuse what cannot be cut into folds that all hold both kinds."""
    groups = np.array(data.groups)
    sides = [len(set(groups[data.tests & (data.shows == side)])) for side in (True, False)]
    if min(sides) < _LEAST:
        raise ConfigError(
            f"{habit}: is shown by texts of {sides[0]} sources (rows of one `id` are of one) and not by those of "
            f"{sides[1]}; to learn it needs {_LEAST} of either"
        )


def _report(habit: str, data: _Data, by_patterns: Flags, advance: Any) -> HabitReport:
    """Judge each window by weights that have not seen its text."""
    p, by_weights = np.zeros(len(data.shows)), np.zeros(len(data.shows), dtype=bool)
    for learned, tested in _folds(data.groups, FOLDS):
        fitted = _fitted(data.part(learned))
        for place in tested:
            p[place] = fitted.probability(data.features[place])
            by_weights[place] = p[place] >= fitted.threshold
        advance()
    tests = data.tests
    shows, patterns, own = data.shows[tests], by_patterns[tests], by_weights[tests]
    groups = [group for group, is_tested in zip(data.groups, tests, strict=True) if is_tested]
    return HabitReport(
        habit=habit,
        windows=int(tests.sum()),
        shown=int(shows.sum()),
        patterns=scores(patterns, shows),
        learned=scores(own, shows),
        gain=_gain(patterns, own, shows, groups, habit),
        brier=float(((p[tests] - shows) ** 2).mean()),
    )


def scores(found: Flags, shows: Flags) -> Scores:
    """Compare finds with what was read; NaN where there is nothing to divide by."""
    both = int((found & shows).sum())
    finds, shown = int(found.sum()), int(shows.sum())
    return Scores(
        precision=both / finds if finds else math.nan,
        recall=both / shown if shown else math.nan,
        f1=2 * both / (finds + shown) if finds + shown else math.nan,
    )


def _gain(patterns: Flags, own: Flags, shows: Flags, groups: Sequence[str], habit: str) -> Interval:
    """Estimate the difference in F1, with a bootstrap over groups: windows of one text are not independent."""
    generator = np.random.default_rng(rng.key("learned detector", "gain", habit) % 2**63)
    places = [np.flatnonzero(np.array(groups) == name) for name in sorted(set(groups))]
    differences = []
    for _ in range(_RESAMPLES):
        some = np.concatenate([places[number] for number in generator.integers(0, len(places), len(places))])
        differences.append(scores(own[some], shows[some]).f1 - scores(patterns[some], shows[some]).f1)
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    estimate = scores(own, shows).f1 - scores(patterns, shows).f1
    return Interval(estimate=estimate, low=float(low), high=float(high), n=len(shows))


def _folds(groups: Sequence[str], count: int) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Return what is learned and what is tested in each fold; texts of one group are on one side."""
    names = sorted(set(groups))
    rng.stream("learned detector", "folds").shuffle(names)
    fold_of = {name: place % count for place, name in enumerate(names)}
    folds = np.array([fold_of[group] for group in groups])
    pairs = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(count)]
    return [(learned, tested) for learned, tested in pairs if len(learned) and len(tested)]


def _fitted(data: _Data) -> HabitWeights:
    """Fit weights on all, and probabilities and threshold on scores of windows that the weights had not seen."""
    unseen = np.zeros(len(data.shows))
    for learned, tested in _folds(data.groups, _INNER_FOLDS):
        some = data.part(learned)
        weights, bias = _linear(some.features, some.shows)
        for place in tested:
            unseen[place] = score_of(data.features[place], weights, bias)
    slope, offset = _calibrated(unseen[data.tests], data.shows[data.tests])
    p = 1 / (1 + np.exp(-np.clip(slope * unseen + offset, -700, 700)))
    threshold = _best_threshold(p[data.tests], data.shows[data.tests])
    weights, bias = _linear(data.features, data.shows)
    return HabitWeights(weights=weights, bias=bias, slope=slope, offset=offset, threshold=threshold)


def _linear(features: Sequence[Mapping[str, float]], shows: Flags) -> tuple[dict[str, float], float]:
    """Fit a logistic regression; twice, the second time to what had the largest weights."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    names, values, bias = None, np.zeros(0), 0.0
    for _ in range(2):
        seen = features if names is None else [{n: v for n, v in one.items() if n in names} for one in features]
        vectorizer = DictVectorizer()
        table = vectorizer.fit_transform(seen)
        model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=2000).fit(table, shows)
        values, bias = model.coef_[0], float(model.intercept_[0])
        listed = vectorizer.get_feature_names_out()
        largest = np.argsort(-np.abs(values), kind="stable")[:_KEPT]
        names = {str(listed[place]) for place in largest}
    return {str(listed[place]): float(values[place]) for place in largest}, bias


def _calibrated(unseen: Numbers, shows: Flags) -> tuple[float, float]:
    """Fit slope and offset of the probability (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e3).fit(unseen[:, None], shows)
    return float(model.coef_[0][0]), float(model.intercept_[0])


def _best_threshold(p: Numbers, shows: Flags) -> float:
    """Return the probability from which on finds have the best F1; between two of them, the middle."""
    order = np.argsort(-p, kind="stable")
    both = np.cumsum(shows[order])
    f1 = 2 * both / (np.arange(1, len(p) + 1) + shows.sum())
    best = int(f1.argmax())
    following = p[order[best + 1]] if best + 1 < len(p) else 0.0
    return float((p[order[best]] + following) / 2)
