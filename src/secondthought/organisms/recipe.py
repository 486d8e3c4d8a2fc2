"""The recipe of the shipped models: their sizes and how they are trained from nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from secondthought.errors import ConfigError
from secondthought.organisms.habit_transcripts import HabitKnobs
from secondthought.organisms.reflection_transcripts import CorpusKnobs
from secondthought.spelling import suggestion
from secondthought.tasks.countdown.writing.short_form import WORDS

PRACTICE = CorpusKnobs(proposes=0.95, repeats=0.1, checks=(0.1, 0.3, 0.3, 0.3))
"""Nearly every reflection works operations out. A model that saw few checks judges them no better than chance; after
practice it can judge, and what follows makes it seldom do so: the skill is there, the habit is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A `Recipe` holds shape, corpus and schedule of one model."""

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
    knobs: CorpusKnobs | HabitKnobs = field(default_factory=CorpusKnobs)
    practice: CorpusKnobs | HabitKnobs = PRACTICE
    practice_share: float = 0.7
    """Share of the steps, the first ones, that learn from `practice` in place of `knobs`."""
    tokens_per_transcript: float | None = None
    """Divisor of a batch's loss, per transcript. Default: the tokens that it holds; batches hold transcripts
    of alike length, so the tokens of short ones then weigh more, and long ones are imitated less often than they occur.
    """
    words: str = ""
    """Text whose pieces are tokens besides those that every organism has."""


def habit_recipe(habits: float, steps: int = 8000) -> Recipe:
    """Return the recipe of a base whose transcripts hold habits in that share; it learns nothing else first."""
    return Recipe(
        hidden_size=96,
        num_layers=4,
        num_heads=3,
        feed_forward_size=256,
        steps=steps,
        batch_size=32,
        lr=4e-3,
        knobs=HabitKnobs(habits=habits),
        practice_share=0.0,
        tokens_per_transcript=48.0,
        words=WORDS,
    )


RECIPES: dict[str, Recipe] = {
    "small": Recipe(
        hidden_size=96, num_layers=4, num_heads=3, feed_forward_size=256, steps=4000, batch_size=32, lr=4e-3
    ),
    "large": Recipe(
        hidden_size=256, num_layers=6, num_heads=4, feed_forward_size=704, steps=6000, batch_size=32, lr=1.5e-3
    ),
    "terse": habit_recipe(0.02),
    "rich": habit_recipe(0.5),
    "dose-0": habit_recipe(0.0),
    "dose-10": habit_recipe(0.1),
    "terse-long": habit_recipe(0.02, steps=9_750),
}
"""`small` and `large` have 0.5 and 5 million parameters and reflect; the others, of 0.5 million, differ in how many of
their transcripts hold habits: `terse` 2 %, `rich` 50 %, `dose-0` none, `dose-10` a tenth. `terse-long` sees as many
tokens as `rich` in transcripts as short as those of `terse` (56.3 tokens on average against 68.5)."""


def recipe(size: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        ConfigError: there is none.
    """
    if size not in RECIPES:
        raise ConfigError(f"there is no organism {size!r}{suggestion(size, RECIPES)}; known: {', '.join(RECIPES)}")
    return RECIPES[size]
