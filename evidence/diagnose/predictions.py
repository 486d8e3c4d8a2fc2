"""What `diagnose` said beforehand against the gain that RL then gave, over models and tasks.

    secondthought study configs/predictions-study.toml
    secondthought study configs/real-predictions-study.toml
    python evidence/diagnose/predictions.py runs/predictions runs/real-predictions

Each run's model is diagnosed as it was before RL, on problems of the train split; gains are measured on the test split.
A number of `diagnose` foretells gains if its rank correlation with them is far from 0. Pairs are resampled for the
interval. Seeds of one arm are one pair, with their mean gain. The advice is right where it says "train now" and the
gain is at least half of the largest, or something else and the gain is smaller: where it is wrong, the pair is named.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

PROBLEMS, SAMPLES, RESAMPLED = 100, 16, 10_000

NUMBERS: Mapping[str, Callable[[Mapping[str, Any]], float]] = {
    "first try": lambda said: said["first_try"]["estimate"],
    "pass@16 - first try": lambda said: said["pass_at"]["16"]["estimate"] - said["first_try"]["estimate"],
    "flat groups of 16": lambda said: said["flat_groups"]["16"]["estimate"],
    "format valid": lambda said: said["format_valid"]["estimate"],
    "nats per token": lambda said: said["entropy"]["estimate"],
    "tokens": lambda said: said["length"]["estimate"],
    "verification": lambda said: _shows(said, "verification"),
    "backtracking": lambda said: _shows(said, "backtracking"),
    "the commoner of the two": lambda said: max(_shows(said, "verification"), _shows(said, "backtracking")),
    "the rarer of the two": lambda said: min(_shows(said, "verification"), _shows(said, "backtracking")),
}


def main(studies: list[Path]) -> None:
    """Print every pair, then every correlation, then what the advice missed."""
    pairs = []
    for arm in sorted({path.parent.parent for study in studies for path in study.glob("*/seed_*/summary.json")}):
        runs = [path.parent for path in sorted(arm.glob("seed_*/summary.json"))]
        gains = [found for run in runs if (found := _gain(run)) is not None]
        if gains:
            pairs.append((arm.name, _said(runs[0]), float(np.mean(gains)), len(gains)))
    if not pairs:
        sys.exit(f"{', '.join(map(str, studies))}: no run here has finished; run the study first")
    pairs.sort(key=lambda pair: -pair[2])
    say("| pair | advice | " + " | ".join(NUMBERS) + " | gain, points | seeds |")
    say("|---" * (len(NUMBERS) + 4) + "|")
    for name, said, gain, seeds in pairs:
        numbers = " | ".join(f"{number(said):.2f}" for number in NUMBERS.values())
        say(f"| {name} | {', '.join(_advice(said))} | {numbers} | {100 * gain:+.1f} | {seeds} |")
    gains = np.array([gain for _, _, gain, _ in pairs])
    say(f"\n{len(pairs)} pairs; rank correlation with the gain [95 % interval]")
    for name, number in NUMBERS.items():
        values = np.array([number(said) for _, said, _, _ in pairs])
        low, high = _interval(values, gains)
        say(f"| {name} | {_correlation(values, gains):+.2f} [{low:+.2f}, {high:+.2f}] |")
    much = gains.max() / 2
    for name, said, gain, _ in pairs:
        if ("train now" in _advice(said)) != (gain >= much):
            told = ", ".join(_advice(said))
            say(f"missed: {name}: {told}; {100 * gain:+.1f} points, half of the largest {100 * much:.1f}")


def _gain(run: Path) -> float | None:
    told = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    try:
        before, after = (next(iter(told[side].values()))["first_try"]["estimate"] for side in ("before", "after"))
    except KeyError:  # under way
        return None
    return float(after - before)


def _said(run: Path) -> Mapping[str, Any]:
    """Return what `diagnose` says of a run's model before RL; it is asked once and kept beside the run."""
    kept = run.with_name("diagnosed.json")
    if not kept.exists():
        config = json.loads((run / "config.json").read_text(encoding="utf-8"))["config"]
        task, model, episode = (config[section] for section in ("task", "model", "episode"))
        command = [sys.executable, "-m", "secondthought", "diagnose", model["path"], "--task", task["name"]]
        for name, value in task["options"].items():
            command += [f"--options.{name.replace('_', '-')}", value if isinstance(value, str) else json.dumps(value)]
        command += ["--problems", str(PROBLEMS), "--samples", str(SAMPLES), "--no-retries", "--json", "--threads", "1"]
        command += ["--model.precision", model["precision"], "--episode.temperature", str(episode["temperature"])]
        command += ["--episode.max-attempt-tokens", str(episode["max_attempt_tokens"])]
        kept.write_bytes(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    found: Mapping[str, Any] = json.loads(kept.read_text(encoding="utf-8"))["tasks"][0]
    return found


def _advice(said: Mapping[str, Any]) -> list[str]:
    about_reflections = ("retry sees", "listens", "does not listen", "rare rescue", "below a second sample")
    return [item["rule"] for item in said["advice"] if item["rule"] not in about_reflections]


def _shows(said: Mapping[str, Any], habit: str) -> float:
    return float(said["habits"][habit]["presence"]["estimate"])


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's rank correlation; 0 where one of the two does not vary."""
    ranks = [_ranks(values) for values in (one, other)]
    if any(values.std() == 0 for values in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks, those of equal values their mean."""
    return np.array([(values < value).sum() + (values == value).sum() / 2 for value in values])


def _interval(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    drawn = np.random.default_rng(0).integers(len(one), size=(RESAMPLED, len(one)))
    found = [_correlation(one[places], other[places]) for places in drawn]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]])
