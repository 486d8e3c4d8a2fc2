"""The file of a study: settings common to all, then [arms.NAME] with its seeds and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from secondthought.config import Config, describe, overlay, read_toml
from secondthought.errors import ConfigError

OWN_WRONG = "own-wrong"
SEED = "{seed}"
"""In the path of an arm's model: each seed has a base of its own."""


class ArmConfig(Config):
    """One arm: how it differs from the study's common settings."""

    seeds: tuple[int, ...] = Field((0,), min_length=1)
    """One piece per seed."""
    tokens_of: str | None = None
    """Train until as many tokens have been sampled as by that arm."""
    base: str = ""
    """What reports call the model before priming; arms with one are compared by base and priming."""
    dose: float | None = Field(None, ge=0, le=1)
    """Share of the base model's training text that shows habits, where that is known."""
    priming: str = ""
    """A set of `secondthought prime` that the model is fine-tuned on before RL."""
    primed_anew: bool = False
    """Each seed has a set and a fine-tuning of its own, drawn with that seed. Default: one for all seeds, as in the
    paper; intervals then say nothing of how much primings differ. A model path with `{seed}` has the same effect."""
    wrong_tries_of: str | None = None
    """With `priming = "own-wrong"`: the primed arm whose model's wrong first tries are the set. So the paper made its
    set without right answers. Problems are drawn anew; some of those that primed that model may be among them."""
    priming_settings: dict[str, Any] = Field(default_factory=dict)
    """Options of that set, laid over the common ones."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Settings of the fine-tuning, laid over the common ones."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Tables and keys as in a training config, laid over the common ones."""


class StudyConfig(Config):
    """A whole study file."""

    out: Path
    """Directory of the pieces: OUT/ARM/seed_N."""
    jobs: int = Field(1, ge=1)
    """Pieces that run at once; on a CPU, one per core with `threads = 1` is fastest."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Tables and keys as in a training config, common to all arms."""
    priming: dict[str, Any] = Field(default_factory=dict)
    """Options of priming sets, common to all arms that are primed."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Settings of the fine-tuning on them, as in a config of `train sft`."""
    peers: dict[str, str] = Field(default_factory=dict)
    """Untrained models to compare with, by name; evaluated once, when every piece is finished."""
    arms: dict[str, ArmConfig]
    """By name, in the order in which they are run."""

    def settings_of(self, name: str) -> dict[str, Any]:
        """Tables and keys of an arm, its own laid over the common ones."""
        return overlay(self.settings, self.arms[name].settings)

    def model_of(self, name: str) -> str:
        """Path of an arm's model before priming, as it is written; empty if it is the default one."""
        model = self.settings_of(name).get("model")
        return str(model.get("path", "")) if isinstance(model, dict) else ""

    def primes_by_seed(self, name: str) -> bool:
        """Whether each seed of an arm has a priming of its own."""
        arm = self.arms[name]
        return bool(arm.priming) and (arm.primed_anew or SEED in self.model_of(name))

    def priming_seed(self, name: str, seed: int | None) -> int | None:
        """The seed of the priming that a run starts from; None for the one that all seeds share."""
        return seed if self.primes_by_seed(name) else None


def load_study(path: Path) -> StudyConfig:
    """Read a study file.

    Raises:
        ConfigError: a key is unknown or wrong, or an arm names another that does not come before it.
    """
    try:
        study = StudyConfig.model_validate(read_toml(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error)}") from None
    above: list[str] = []
    for name, arm in study.arms.items():
        for key, wrong in (*_wrong(arm, above), *_wrong_tries(study, name, above)):
            raise ConfigError(f"{path}: arms.{name}.{key}: {wrong}")
        above.append(name)
    return study


def _wrong(arm: ArmConfig, above: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Keys of an arm that contradict what stands elsewhere, and how."""
    if len(set(arm.seeds)) < len(arm.seeds):
        yield "seeds", f"{list(arm.seeds)} holds a seed twice; name each once"
    if arm.tokens_of is not None and arm.tokens_of not in above:
        yield "tokens_of", f"{arm.tokens_of!r} is no arm above it"
    if arm.primed_anew and not arm.priming:
        yield "primed_anew", "this arm has no `priming`"


def _wrong_tries(study: StudyConfig, name: str, above: Sequence[str]) -> Iterator[tuple[str, str]]:
    arm, other = study.arms[name], study.arms[name].wrong_tries_of
    if other is None:
        return
    if other not in above or not study.arms[other].priming:
        yield "wrong_tries_of", f"{other!r} is no arm above it that is primed"
    elif arm.priming != OWN_WRONG:
        yield "priming", f"with wrong_tries_of it is {OWN_WRONG!r}"
    elif study.primes_by_seed(other) and not study.primes_by_seed(name):
        yield "primed_anew", f"is to be true, since each seed of {other!r} has a priming of its own"
    elif study.primes_by_seed(other) and not set(arm.seeds) <= set(study.arms[other].seeds):
        yield "seeds", f"{list(arm.seeds)} are not all seeds of {other!r}, which has a priming for each of its own"
