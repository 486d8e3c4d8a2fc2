"""The recipe of the shipped models: their sizes and how they are trained from nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from secondthought.errors import ConfigError
from secondthought.organisms.corpus import CorpusKnobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Shape, corpus and schedule of one model."""

    hidden_size: int
    num_layers: int
    num_heads: int
    feed_forward_size: int
    steps: int
    """Optimizer steps."""
    batch_size: int
    """Transcripts per step."""
    lr: float
    """Peak learning rate, after a linear warm-up; a cosine takes it to a fiftieth."""
    warmup_steps: int = 150
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    seed: int = 0
    knobs: CorpusKnobs = field(default_factory=CorpusKnobs)


RECIPES: dict[str, Recipe] = {
    "small": Recipe(
        hidden_size=96, num_layers=4, num_heads=3, feed_forward_size=256, steps=4500, batch_size=32, lr=4e-3
    ),
    "large": Recipe(
        hidden_size=256, num_layers=6, num_heads=4, feed_forward_size=704, steps=8000, batch_size=32, lr=1.5e-3
    ),
}
"""0.5 and 5 million parameters."""


def recipe(size: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ConfigError: there is none.
    """
    if size not in RECIPES:
        raise ConfigError(f"there is no organism {size!r}; known: {', '.join(RECIPES)}")
    return RECIPES[size]
