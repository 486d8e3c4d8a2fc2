"""The problems of Countdown, and how they are drawn.

A problem's identity is its sorted numbers and its target; the identity alone decides the split. Numbers are drawn
uniformly with replacement, then the target uniformly among those in range that the numbers can (or cannot) make.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import Field, model_validator

from secondthought.errors import TaskError
from secondthought.rng import stream
from secondthought.spelling import suggestion
from secondthought.tasks.countdown.prompts import AnswerFormat
from secondthought.tasks.countdown.solver import Reach
from secondthought.tasks.options import TaskOptions, split_of
from secondthought.types import Split

MAX_NUMBERS = 6
MAX_NUMBER = 999_999
_TARGETS_PER_DRAW = 24
"""Targets tried for one draw of numbers before new numbers are drawn: what was listed for them is used again."""
_DRAWS_WITHOUT_NEWS = 3000
"""A split that yields nothing new in so many draws in a row counts as used up."""

Range: TypeAlias = tuple[int, int]


class Instance(NamedTuple):
    """An `Instance` holds the numbers in the order they are shown, and the target."""

    numbers: tuple[int, ...]
    target: int


class CountdownOptions(TaskOptions):
    """`CountdownOptions` say which problems there are; the defaults are the preset `default`."""

    num_numbers: int | Range = 4
    """How many numbers: one count, or a lowest and highest count of which each is equally likely."""
    min_number: int = Field(1, ge=1, le=MAX_NUMBER)
    """Smallest number."""
    max_number: int = Field(50, ge=1, le=MAX_NUMBER)
    """Largest number."""
    min_target: int = Field(10, ge=1, le=MAX_NUMBER)
    """Smallest target."""
    max_target: int = Field(100, ge=1, le=MAX_NUMBER)
    """Largest target."""
    solvable: bool | None = True
    """True: every problem can be solved. False: none can. None: not looked at."""
    order: Literal["mixed", "sorted"] = "mixed"
    """How numbers are shown: in an order that depends on the problem alone, or ascending."""
    answer_format: AnswerFormat = "answer"
    """What the prompt asks for: `<answer>` tags, `\\boxed{}` (which then counts without tags too), or `think`:
    the work in `<think>` tags and the answer in `<answer>` tags."""
    format_reward: float = Field(0.0, ge=0, lt=1)
    """Reward of a wrong answer that could be read; it stays wrong. TinyZero and Four Habits train with 0.1."""

    @model_validator(mode="after")
    def _consistent(self) -> CountdownOptions:
        low, high = self.counts
        if not 2 <= low <= high <= MAX_NUMBERS:
            raise ValueError(f"num_numbers must be 2 to {MAX_NUMBERS} (or such a pair, lowest first)")
        for name in ("number", "target"):
            if getattr(self, f"min_{name}") > getattr(self, f"max_{name}"):
                raise ValueError(f"min_{name} must not exceed max_{name}")
        return self

    @property
    def counts(self) -> Range:
        """Return the lowest and highest count of numbers."""
        return (self.num_numbers, self.num_numbers) if isinstance(self.num_numbers, int) else self.num_numbers


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "tiny": {"num_numbers": 3, "max_number": 30, "min_target": 1, "order": "sorted"},
    "four": {
        "num_numbers": 4,
        "max_number": 12,
        "min_target": 13,
        "max_target": 30,
        "order": "sorted",
        "answer_format": "think",
    },
    "tinyzero": {"num_numbers": (3, 4), "max_number": 99},
    "priming": {"num_numbers": (3, 4), "max_number": 24, "max_target": 25},
}
"""Named options.

`tiny` is what the shipped models `small` and `large` play, `four` what those made for the study of habits play.
`tinyzero` has the shape of the published RL data (3 or 4 numbers); that data's ranges are not documented, so 1 to 99,
targets 10 to 100, all solvable, is our choice. `priming` follows the published priming generator (3 or 4 numbers
equally often, targets 10 to 25); it draws numbers below the target, we draw from 1 to 24, and we do not leave out its
list of 200 known "24-game" problems.
"""


def read_options(options: Mapping[str, Any]) -> CountdownOptions:
    """Read options from keyword arguments, on top of the preset that they may name.

    Raises:
        TaskError: a preset or name is unknown, or a value is not allowed.
    """
    own = dict(options)
    preset = own.pop("preset", "default")
    if not isinstance(preset, str) or preset not in PRESETS:
        hint = suggestion(str(preset), PRESETS)
        raise TaskError(f"task countdown: unknown preset {preset!r}{hint}; allowed: {', '.join(PRESETS)}")
    return CountdownOptions.read("countdown", {**PRESETS[preset], **own}, also=("preset",))


def identity(numbers: tuple[int, ...], target: int) -> str:
    """Return the problem's id.

    >>> identity((12, 3, 7), 24)
    'countdown:3-7-12=24'
    """
    return f"countdown:{'-'.join(map(str, sorted(numbers)))}={target}"


def generate(options: CountdownOptions, split: Split, count: int, seed: int) -> list[Instance]:
    """Draw `count` distinct problems of a split, the same for the same arguments.

    Raises:
        TaskError: the split seems to hold fewer.
    """
    return _draws(options, split, seed).first(count)


class _Draws:
    """`_Draws` are the problems of a split in the order they are drawn; more are drawn on from where it stopped."""

    def __init__(self, options: CountdownOptions, split: Split, seed: int) -> None:
        self._options, self._split, self._seed = options, split, seed
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._rng = stream("countdown", "problems", self._split, self._seed)
        self._found: dict[str, Instance] = {}
        self._idle = 0

    def first(self, count: int) -> list[Instance]:
        """Return so many of them."""
        with self._lock:
            try:
                while len(self._found) < count:
                    self._draw_one(count)
            except BaseException:
                self._begin()  # what Ctrl-C cuts short has drawn numbers that nobody got
                raise
            return list(islice(self._found.values(), count))

    def _draw_one(self, count: int) -> None:
        if self._idle > _DRAWS_WITHOUT_NEWS:
            raise TaskError(
                f"task countdown: only {len(self._found)} of {count} problems found in the {self._split} split;"
                " ask for fewer, or widen the ranges of numbers and targets"
            )
        instance = _draw(self._options, self._rng, self._is_wanted)
        self._idle = 0 if instance else self._idle + 1
        if instance:
            name = identity(*instance)
            self._found[name] = _shown(name, instance, self._options)

    def _is_wanted(self, name: str) -> bool:
        return name not in self._found and split_of(name) == self._split


@lru_cache(maxsize=16)
def _draws(options: CountdownOptions, split: Split, seed: int) -> _Draws:
    """Keep them, once a process: the check beforehand, the run and every arm of a study ask for the same."""
    return _Draws(options, split, seed)


def _draw(options: CountdownOptions, rng: random.Random, wanted: Callable[[str], bool]) -> Instance | None:
    """Draw numbers and some targets; return the first target that is wanted and as solvable as asked, if any."""
    count = rng.randint(*options.counts)
    numbers = tuple(rng.randint(options.min_number, options.max_number) for _ in range(count))
    reach = Reach([(number, 1) for number in sorted(numbers)])
    for target in _targets(options, rng):
        # The cheap question comes first: 19 of 20 candidates for the validation split are in another split.
        if wanted(identity(numbers, target)) and options.solvable in (None, reach.reaches((target, 1))):
            return Instance(numbers, target)
    return None


def _targets(options: CountdownOptions, rng: random.Random) -> Iterator[int]:
    """Yield distinct targets in random order."""
    targets = range(options.min_target, options.max_target + 1)
    yield from rng.sample(targets, min(len(targets), _TARGETS_PER_DRAW))


def _shown(name: str, instance: Instance, options: CountdownOptions) -> Instance:
    numbers = sorted(instance.numbers)
    if options.order == "mixed":
        stream("countdown", "order", name).shuffle(numbers)
    return Instance(tuple(numbers), instance.target)
