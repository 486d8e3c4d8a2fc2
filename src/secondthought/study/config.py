"""The file of a study holds settings common to all, then [arms.NAME] with its seeds and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from secondthought.config import Config, describe, overlay, read_toml
from secondthought.config.values import PeerName, PlainName
from secondthought.errors import ConfigError
from secondthought.report.papers.catalog import PAPERS

SEED = "{seed}"
"""In the path of an arm's model: each seed has a base of its own."""
TRIES_OF = "tries_of"
"""Option of an arm's priming set: the set is what another arm's primed model got wrong."""


class ArmConfig(Config):
    """An `ArmConfig` says how one arm differs from the study's common settings."""

    seeds: tuple[int, ...] = Field((0,), min_length=1)
    """One run per seed."""
    tokens_of: str | None = None
    """Train until as many tokens have been sampled as by that arm."""
    base: str = ""
    """What reports call the model before priming; arms with one are compared by base and priming."""
    dose: float | None = Field(None, ge=0, le=1)
    """Share of the base model's training text that shows habits, where that is known."""
    priming: str = ""
    """Name of the set that the model is fine-tuned on before RL: one of `secondthought prime`, or any name for a set
    from another source (`file` or `tries_of` in `priming_settings`)."""
    primed_anew: bool = False
    """Each seed has a set and a fine-tuning of its own, drawn with that seed. Default: one for all seeds, as in the
    paper; intervals then say nothing of how much primings differ. A model path with `{seed}` has the same effect."""
    priming_settings: dict[str, Any] = Field(default_factory=dict)
    """Options of that set, laid over the common ones. `tries_of = "ARM"`: wrong first tries of the model that the other
    arm was primed to be are the set. Its problems are drawn anew; some that primed that model may be among them."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Settings of the fine-tuning, laid over the common ones."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Tables and keys as in a training config, laid over the common ones."""

    @property
    def tries_of(self) -> str | None:
        """Return the arm whose primed model's wrong tries are the set of this one, if there is such an arm."""
        return self.priming_settings.get(TRIES_OF)

    @model_validator(mode="before")
    @classmethod
    def _translate(cls, data: Any) -> Any:
        """Read `wrong_tries_of`, which was a key of the arm in earlier versions, as an option of its set."""
        if not isinstance(data, Mapping) or "wrong_tries_of" not in data:
            return data
        kept = {key: value for key, value in data.items() if key != "wrong_tries_of"}
        if data["wrong_tries_of"] is None:  # as `--dry-run` printed it
            return kept
        return overlay({"priming_settings": {TRIES_OF: data["wrong_tries_of"]}}, kept)


class StudyConfig(Config):
    """A `StudyConfig` is a whole study file."""

    out: Path
    """Directory of the jobs: OUT/ARM/seed_N."""
    jobs: int = Field(1, ge=1)
    """Jobs that run at once; on a CPU, one per core with `threads = 1` is fastest."""
    claims: str = ""
    """Name of the paper whose claims the report judges; default: the report chooses by what the arms say."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Tables and keys as in a training config, common to all arms."""
    priming: dict[str, Any] = Field(default_factory=dict)
    """Options of priming sets, common to all arms that are primed."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Settings of the fine-tuning on them, as in a config of `train sft`."""
    peers: dict[PeerName, str] = Field(default_factory=dict)
    """Untrained models to compare with, by name; evaluated once, when every job is finished."""
    arms: dict[PlainName, ArmConfig] = Field(min_length=1)
    """Arms by name, in the order in which they are run."""

    def settings_of(self, name: str) -> dict[str, Any]:
        """Return the tables and keys of an arm, its own laid over the common ones."""
        return overlay(self.settings, self.arms[name].settings)

    def model_of(self, name: str) -> str:
        """Return the path of an arm's model before priming, as it is written; empty if it is the default one."""
        model = self.settings_of(name).get("model")
        return str(model.get("path", "")) if isinstance(model, dict) else ""

    def primes_by_seed(self, name: str) -> bool:
        """Return True if each seed of an arm has a priming of its own."""
        arm = self.arms[name]
        return bool(arm.priming) and (arm.primed_anew or SEED in self.model_of(name))

    def priming_seed(self, name: str, seed: int | None) -> int | None:
        """Return the seed of the priming that a run starts from; None for the one that all seeds share."""
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
    if study.claims and study.claims not in PAPERS:
        raise ConfigError(f"{path}: claims: {study.claims!r} is no paper whose claims are known: {', '.join(PAPERS)}")
    above: list[str] = []
    for name, arm in study.arms.items():
        for key, reason in (*_contradictions(arm, above), *_wrong_tries(study, name, above)):
            raise ConfigError(f"{path}: arms.{name}.{key}: {reason}")
        above.append(name)
    return study


def _contradictions(arm: ArmConfig, above: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield keys of an arm that contradict what stands elsewhere, and how."""
    if len(set(arm.seeds)) < len(arm.seeds):
        yield "seeds", f"{list(arm.seeds)} holds a seed twice; name each once"
    if arm.tokens_of is not None and arm.tokens_of not in above:
        yield "tokens_of", f"{arm.tokens_of!r} is no arm above it"
    if arm.primed_anew and not arm.priming:
        yield "primed_anew", "this arm has no `priming`"


def _wrong_tries(study: StudyConfig, name: str, above: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what keeps an arm from being primed with another one's tries, by key."""
    arm, other = study.arms[name], study.arms[name].tries_of
    key = f"priming_settings.{TRIES_OF}"
    if other is None:
        return
    if other not in above or not study.arms[other].priming:
        yield key, f"{other!r} is no arm above it that is primed"
    elif not arm.priming:
        yield "priming", f"is missing; with {key} it is any name for the set"
    elif arm.priming_settings.get("file") is not None:
        yield key, "a set has one source; leave this or `file` out"
    elif study.primes_by_seed(other) and not study.primes_by_seed(name):
        yield "primed_anew", f"is to be true, since each seed of {other!r} has a priming of its own"
    elif study.primes_by_seed(other) and not set(arm.seeds) <= set(study.arms[other].seeds):
        yield "seeds", f"{list(arm.seeds)} are not all seeds of {other!r}, which has a priming for each of its own"
