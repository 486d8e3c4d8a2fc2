"""How the turns of an episode are drawn: lengths and temperature of each kind, and the key of each sample."""

from __future__ import annotations

from dataclasses import dataclass

from secondthought import rng
from secondthought.config import EpisodeConfig
from secondthought.types import Problem, Sampling, TurnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSampling:
    """Sampling of tries (attempt and retry alike) and of reflections."""

    attempt: Sampling
    reflection: Sampling

    @classmethod
    def resolve(cls, config: EpisodeConfig, temperature: float | None = None) -> TurnSampling:
        """Take the config's lengths, at its temperature or at another one."""
        heat = config.temperature if temperature is None else temperature
        return cls(
            attempt=Sampling(temperature=heat, max_tokens=config.max_attempt_tokens),
            reflection=Sampling(temperature=heat, max_tokens=config.max_reflection_tokens),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Names under which samples are drawn; a sample's own name is its problem, kind and indices.

    The same problem asked twice under the same names gets the same completions, wherever it stands in a batch.
    """

    seed: int
    phase: str
    step: int = 0

    def of(self, problem: Problem, kind: TurnKind, *indices: int) -> int:
        """Key of one sample: `indices` are the round, or the branch and the try within it.

        >>> problem = Problem(id="p", task="t", messages=(), data={})
        >>> keys = Keys(seed=0, phase="train", step=3)
        >>> keys.of(problem, TurnKind.RETRY, 0, 1) == keys.of(problem, TurnKind.RETRY, 0, 2)
        False
        """
        return rng.key(self.seed, self.phase, self.step, problem.id, kind.value, *indices)
