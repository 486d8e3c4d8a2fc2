"""Warnings while a run goes on: signs that it learns nothing or forgets what it needs. Each is given once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from secondthought.config import AlgorithmConfig
from secondthought.train.idle import is_idle, why
from secondthought.types import LARGE_REWARD

PATIENCE = 5
"""Consecutive steps of all-zero or all-one reward before a warning: one such step is chance."""
ENTROPY_SHARE = 0.1
"""Entropy below this share of the first step's counts as collapsing."""
ORACLE_DROP = 0.1
"""Loss of retry success under oracle reflections (absolute) that counts as drift of the untrained turns."""


class Monitor:
    """A `Tracker` that watches metrics and says its warnings; it holds only what it has seen."""

    def __init__(
        self, say: Callable[[str], None] = lambda text: None, algorithm: AlgorithmConfig | None = None
    ) -> None:
        """Say warnings by `say`; of rewards too large for the algorithm only where one is given."""
        self._say = say
        self._algorithm = algorithm
        self._given: set[str] = set()
        self._constant = self._idle = 0
        self._reward = math.nan
        self._first: dict[str, float] = {}

    def row(self, step: int, metrics: Mapping[str, float]) -> None:
        """Say what is new at this step."""
        for warning in self.warnings(step, metrics):
            self._say(f"warning: {warning}")

    def close(self) -> None:
        """Do nothing: each warning was said when it came."""

    def warnings(self, step: int, metrics: Mapping[str, float]) -> Iterator[str]:
        """Yield the warnings that are new at this step."""
        for name, text in self._found(metrics):
            if name not in self._given:
                self._given.add(name)
                yield f"step {step}: {text}"

    def _found(self, metrics: Mapping[str, float]) -> Iterator[tuple[str, str]]:
        reward = metrics.get("reward/mean", math.nan)
        self._constant = (self._constant if reward == self._reward else 0) + 1 if reward in (0.0, 1.0) else 0
        self._reward = reward
        if self._constant >= PATIENCE:
            hint = "problems are too hard, or the verifier never accepts" if reward == 0.0 else "problems are too easy"
            yield f"reward {reward}", f"reward has been {reward:.0f} everywhere for {PATIENCE} steps: {hint}"
        self._idle = self._idle + 1 if is_idle(metrics) else 0
        if self._idle >= PATIENCE and self._constant < PATIENCE:
            yield "idle", f"nothing was learned for {PATIENCE} steps: {why(metrics)}"
        if self._algorithm is not None and abs(reward) > LARGE_REWARD and not self._algorithm.divides_rewards:
            yield (
                "large rewards",
                f"rewards average {reward:g}, and {self._algorithm.type} takes them as they are: KL terms weigh nothing"
                " beside them; return rewards near 1, or set algorithm.scale_by_std where the algorithm has it",
            )
        entropy = metrics.get("policy/entropy", math.nan)
        if entropy < ENTROPY_SHARE * self._at_first("entropy", entropy):
            yield (
                "entropy",
                f"entropy fell to {entropy:.3f} nats a token: sampling collapses; lower optim.lr or raise kl_ref",
            )
        oracle = metrics.get("eval/rescue_oracle", math.nan)
        before = self._at_first("oracle", oracle)
        if oracle < before - ORACLE_DROP:
            yield (
                "drift",
                f"retry success under oracle reflections fell from {before:.2f} to {oracle:.2f}: untrained turns drift;"
                " set algorithm.kl_anchor, raise algorithm.kl_ref or lower optim.lr",
            )

    def _at_first(self, name: str, value: float) -> float:
        """Return the first number seen under this name."""
        if not math.isnan(value):
            self._first.setdefault(name, value)
        return self._first.get(name, math.nan)
