"""Weights of the learned detector: a linear score for each habit, made a probability, and the least that counts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.disk import new_file, read_text
from secondthought.errors import ConfigError

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitWeights:
    """`HabitWeights` tell of a window how likely it shows a habit: p = 1 / (1 + exp(-(slope * score + offset)))."""

    weights: Mapping[str, float]
    """Of what is seen in a window; what is not named has none."""
    bias: float
    slope: float
    offset: float
    threshold: float
    """A window shows the habit if p is at least this."""

    def probability(self, features: Mapping[str, float]) -> float:
        """Return how likely a window with these features shows the habit."""
        logit = self.slope * score_of(features, self.weights, self.bias) + self.offset
        return 1 / (1 + math.exp(-max(-700.0, min(700.0, logit))))


def score_of(features: Mapping[str, float], weights: Mapping[str, float], bias: float) -> float:
    """Return the linear score of a window."""
    return bias + sum(value * weights[name] for name, value in features.items() if name in weights)


def write(path: Path, habits: Mapping[str, HabitWeights]) -> None:
    """Write the weights of all habits as one JSON file.

    Raises:
        OSError: the disk refuses it.
    """
    named: dict[str, dict[str, float]] = {}
    for habit, each in habits.items():
        for name, weight in each.weights.items():
            named.setdefault(name, {})[habit] = round(weight, 4)
    numbers = {
        habit: {"bias": each.bias, "slope": each.slope, "offset": each.offset, "threshold": each.threshold}
        for habit, each in habits.items()
    }
    rows = ",\n".join(f"{json.dumps(name)}: {jsonl.dumps(named[name])}" for name in sorted(named))
    with new_file(path) as file:
        file.write(f'{{"format": {_FORMAT}, "habits": {jsonl.dumps(numbers)}, "weights": {{\n{rows}\n}}}}\n')


def read(path: Path) -> dict[str, HabitWeights]:
    """Read the weights that `write` wrote.

    Raises:
        ConfigError: the file is not there, or holds something else.
    """
    return parse(read_text(path), str(path))


def shipped() -> dict[str, HabitWeights]:
    """Read the weights that ship, learned from the windows in `evidence/habits`."""
    return parse((resources.files("secondthought.habits.learned") / "shipped.json").read_text("utf-8"), "shipped.json")


def parse(text: str, source: str) -> dict[str, HabitWeights]:
    """Read weights from a text.

    Raises:
        ConfigError: it holds something else.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        if data["format"] != _FORMAT:
            raise ConfigError(f"{source}: has format {data['format']}, and this version reads {_FORMAT}")
        habits = data["habits"]
        weights: dict[str, dict[str, float]] = {habit: {} for habit in habits}
        for name, of_habits in data["weights"].items():
            for habit, weight in of_habits.items():
                weights[habit][str(name)] = float(weight)
        return {
            str(habit): HabitWeights(
                weights=weights[habit],
                **{name: float(numbers[name]) for name in ("bias", "slope", "offset", "threshold")},
            )
            for habit, numbers in habits.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(f"{source}: is no learned detector; `secondthought habits learn` writes one") from None
