"""Settings of a whole run, evaluation included, and what of them goes together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_serializer, model_validator

from secondthought.config.algorithms import require_use
from secondthought.config.base import Config, completed
from secondthought.config.inference import InferenceConfig
from secondthought.config.learning import AlgorithmConfig, CriticConfig, OptimConfig, TrainConfig
from secondthought.config.play import EpisodeConfig, ModelConfig, TaskConfig
from secondthought.config.values import PeerName, Temperatures, Threads
from secondthought.spelling import suggestion
from secondthought.types import TurnKind

DETECTORS = ("functional", "learned", "patterns")
"""Names of detectors that `evaluation.habits` takes besides `none` and `module:Class`."""


def _known_detector(name: str) -> str:
    if name != "none" and name not in DETECTORS and ":" not in name:
        hint = suggestion(name, ["none", *DETECTORS])
        raise ValueError(f"there is no detector {name!r}{hint}; known: none, {', '.join(DETECTORS)}, or module:Class")
    return name


class EvalConfig(Config):
    """The final evaluation, before and after."""

    problems: int = Field(1000, ge=1)
    """Problems of the test split."""
    tries: int = Field(2, ge=1)
    """Rounds: 2 is try, reflection, retry."""
    temperatures: Temperatures = (1.0, 0.5, 0.0)
    """Side by side, since a gain at one temperature alone may be mere sharpening."""
    checkpoint: Literal["best", "last"] = "best"
    """Which weights are evaluated afterwards: the best by the validation split, or the last."""
    peers: dict[PeerName, str] = Field(default_factory=dict)
    """Untrained models to compare with, by name: `{ large = "PATH_OR_HUB_ID" }`."""
    cache: Path | None = None
    """Directory where the side before training is kept for runs that would measure the same (docs/runs.md)."""
    habits: Annotated[str, AfterValidator(_known_detector)] = Field("none", exclude_if=lambda name: name == "none")
    """Count reasoning behaviours in first tries, also at every `train.eval_every`: by what was done, or by wording."""
    controls: bool = True
    """Also play pass@2, no reflection, another problem's, a fixed general one, an oracle's and a contrary one."""


class RunConfig(Config):
    """A whole run: what is trained, how, and where it is written."""

    RETIRED = frozenset({"origin"})
    """What a study says of its runs, which is no setting and lies beside the run: see `runs.declaration`."""

    EXTENDS = frozenset({"train.steps", "train.max_sampled_tokens", "train.patience", "evaluation"})
    MAY_CHANGE = EXTENDS | {
        "run_dir",
        "inference",
        "threads",
        "train.eval_every",
        "train.episodes_every",
        "train.checkpoint_every",
        "train.episode_groups",
        "train.micro_batch_tokens",
        "train.gradient_checkpointing",
        "train.self_checks",
        "train.timeout_s",
    }

    run_dir: Path = Path("runs/latest")
    """Where everything is written; a used directory is refused unless `--resume` or `--overwrite`."""
    seed: int = 0
    """Of sampling and data order."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    task: TaskConfig = TaskConfig()
    model: ModelConfig = ModelConfig()
    episode: EpisodeConfig = EpisodeConfig()
    # Not written where it is the default: the settings of runs begun before there was another engine stay equal.
    inference: InferenceConfig = Field(InferenceConfig(), exclude_if=lambda config: config == InferenceConfig())
    algorithm: AlgorithmConfig = AlgorithmConfig()
    optim: OptimConfig = OptimConfig()
    critic: CriticConfig = CriticConfig()
    train: TrainConfig = TrainConfig()
    evaluation: EvalConfig = EvalConfig()

    @model_validator(mode="after")
    def _consistent(self) -> RunConfig:
        changed = [*(f"train.{name}" for name in self.train.changed()), *(["critic"] if self.critic.changed() else [])]
        require_use(self.algorithm.type, changed)
        if self.episode.tries_by == "base":
            self._only_reflections_learn()
        row = self.algorithm.row
        if self.inference.ahead and (row.loss != "surrogate" or row.strips_retries):
            raise ValueError(
                "inference.ahead needs an importance ratio against the weights that sampled, which corrects for their"
                f" age, and {self.algorithm.type} has none; leave it out"
            )
        return self

    def _only_reflections_learn(self) -> None:
        """Refuse to train what the model that learns never says."""
        if self.algorithm.learned_kinds != (TurnKind.REFLECTION,):
            raise ValueError(
                'episode.tries_by = "base" leaves tries to the base model, and then reflections alone can learn: set'
                ' algorithm.type = "reflect-retry" with credit = "reflection"'
            )
        if self.algorithm.kl_anchor:
            raise ValueError('episode.tries_by = "base" keeps tries as they were: set algorithm.kl_anchor = 0')

    @model_serializer(mode="wrap")
    def _as_written(self, write: Any) -> dict[str, Any]:
        """Leave out a critic's settings where there is none, so that older runs stay equal to themselves."""
        data: dict[str, Any] = write(self)
        if self.algorithm.row.baseline != "critic":
            data.pop("critic", None)
        return data


def resolve(data: dict[str, Any], *, source: str) -> RunConfig:
    """Complete a config from sparse data.

    Raises:
        ConfigError: a key is unknown or a value is out of range; the sentence names each field.
    """
    return completed(RunConfig, data, source=source)
