"""Every setting of a run, as frozen pydantic models; importing this never imports torch.

Hand-written configs are sparse TOML; class defaults are a setting that we have run. Order: default < file < flag. The
resolved config is written as JSON into the run directory. Unknown keys are refused.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_serializer, model_validator

from secondthought.errors import ConfigError


class Config(BaseModel):
    """Base of all configs."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)


class TaskConfig(Config):
    """Which problems are played."""

    name: str = "countdown"
    """A shipped task, `module:Class`, or the path of a JSONL file of questions and answers."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own (`secondthought tasks show NAME` lists them)."""
    seed: int = 0
    """Which problems of the split are drawn; never which split a problem belongs to."""
    train_problems: int = Field(4096, ge=1)
    """Size of the pool of training problems; a run that needs more goes through it again in another order."""


class LoraConfig(Config):
    """Low-rank adapters in place of full fine-tuning; needs the `lora` extra. Off unless `rank` is given."""

    rank: int = Field(0, ge=0)
    """Rank of the matrices that are trained beside each frozen weight; 0 trains the weights themselves."""
    alpha: float = Field(32.0, gt=0)
    """The product of both matrices is scaled by alpha / rank."""
    target_modules: tuple[str, ...] = ("all-linear",)
    """Names of layers, or of their last parts (`q_proj`); `all-linear` is every linear layer but the output head."""
    seed: int = 0
    """Of the first matrix; the second begins at zero, so that training begins at the base model exactly."""


class ModelConfig(Config):
    """The policy and its precision."""

    path: str = "small"
    """A checkpoint directory, a hub id, or the name of a shipped organism."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Both sampling and training run in it; bf16 is autocast over fp32 weights."""
    device: str = "auto"
    """`auto` takes a GPU where there is one."""
    trust_remote_code: bool = False
    """Run Python code that the checkpoint brings. Only for authors whom you trust."""
    keep_thinking: bool = False
    """Use a template that rewrites earlier turns (drops thinking) anyway, keeping the ids as they were sampled."""
    # Not written where it is off: the settings of runs begun before there was LoRA stay equal to themselves.
    lora: LoraConfig = Field(LoraConfig(), exclude_if=lambda lora: lora == LoraConfig())
    """Low-rank adapters; their dropout is 0, since sampling and training must compute the same."""


class EpisodeConfig(Config):
    """How a problem is played."""

    reflection_request: str | None = None
    """The user turn after a failed attempt; default: the task's own, as quoted from the paper."""
    retry_request: str | None = None
    """The user turn after a reflection; default: a bare request to try again (the paper's is not published)."""
    repeat_task: bool = True
    """Append the problem's text to the retry request. Unpublished in the paper; the attempt stays in context anyway."""
    max_attempt_tokens: int = Field(256, ge=1)
    """Longest first try and retry, in tokens."""
    max_reflection_tokens: int = Field(128, ge=1)
    """Longest reflection, in tokens."""
    temperature: float = Field(1.0, gt=0)
    """Sampling temperature in training. Losses use the same one, so importance ratios are unbiased."""


FROM_PROBLEMS = ("grpo", "rloo", "reinforce", "ppo")
"""Values of `algorithm.type` whose groups are first tries at a problem; the others start from failed ones."""


class AlgorithmConfig(Config):
    """Which tokens learn, from which reward."""

    type: Literal["reflect-retry", "grpo", "retry-only", "rloo", "reinforce", "ppo"] = "reflect-retry"
    """G branches are: `reflect-retry` reflections on one failure, `retry-only` bare retries, all others first tries."""
    credit: Literal["reflection", "retry", "all"] = "reflection"
    """Which sampled tokens learn in `reflect-retry`; the other types have one kind of sampled token and learn on it."""
    group_size: int = Field(16, ge=1)
    """G: branches that share a trunk and a baseline; 1 only where the baseline is not of the group."""
    retries: int = Field(1, ge=1)
    """k: retries per reflection; their mean is the reward. More retries, less noise, more tokens."""
    advantage: Literal["centred", "positive"] = "centred"
    """`centred`: reward minus the group's mean (a failed retry counts against). `positive`: its positive part only."""
    scale_by_std: bool = False
    """Divide by the group's standard deviation, as GRPO does; Dr. GRPO and we do not."""
    clip_low: float = Field(0.2, gt=0, lt=1)
    """The ratio is clipped at 1 - clip_low."""
    clip_high: float = Field(0.2, gt=0)
    """The ratio is clipped at 1 + clip_high."""
    # Not written where they are the defaults: the settings of runs begun before there were they stay equal.
    baseline: Literal["batch", "group"] = Field("batch", exclude_if=lambda value: value == "batch")
    """What `reinforce` subtracts from a reward: the mean of all rewards of the step, or of the group."""
    kl_ref: float = Field(0.001, ge=0)
    """Weight of KL(policy, reference) on tokens that learn, k3 estimator, in the loss; 0.001 in the paper."""
    kl_reward: float = Field(0.0, ge=0, exclude_if=lambda weight: weight == 0.0)
    """Weight of the same KL in each token's reward, k1 estimator, in place of `kl_ref`; `ppo` only."""
    entropy_bonus: float = Field(0.0, ge=0, exclude_if=lambda weight: weight == 0.0)
    """Weight of the entropy of tokens that learn, which the loss rewards."""
    kl_anchor: float = Field(0.0, ge=0)
    """Weight of the same KL on sampled tokens that do not learn (failed attempt, retry): they drift with weights."""
    permute_rewards: bool = False
    """Control: shuffle rewards within what shares a baseline, group or step. What is still gained is not from them."""

    @model_validator(mode="after")
    def _of_the_type(self) -> AlgorithmConfig:
        """What one type alone has, the others refuse: a setting without an effect would be believed."""
        if self.type != "reinforce" and self.baseline != "batch":
            raise ValueError(f"baseline is a choice of reinforce; that of {self.type} is fixed")
        if self.type != "ppo" and self.kl_reward:
            raise ValueError(f"kl_reward needs ppo's rewards per token; with {self.type} use kl_ref")
        if self.kl_reward and self.kl_ref:
            raise ValueError("kl_reward and kl_ref are one penalty in two places; set kl_ref = 0 or kl_reward = 0")
        if self.type in ("rloo", "ppo") and (self.scale_by_std or self.advantage != "centred"):
            raise ValueError(f"scale_by_std and advantage have no use with {self.type} (ppo has critic.whiten)")
        if self.group_size < 2 and self.type != "ppo" and (self.type != "reinforce" or self.baseline == "group"):
            raise ValueError("group_size must be at least 2 where the baseline is the mean of the group")
        return self


class OptimConfig(Config):
    """AdamW."""

    lr: float = Field(1e-6, gt=0)
    """Peak learning rate."""
    warmup_steps: int = Field(5, ge=0)
    """Linear warm-up, in steps."""
    schedule: Literal["constant", "cosine"] = "constant"
    """After the warm-up: constant, or cosine to a tenth at the last step."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay."""
    betas: tuple[float, float] = (0.9, 0.99)
    """AdamW moments."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this norm."""


class CriticConfig(Config):
    """A learned baseline, used by `ppo` alone: a copy of the model whose head gives a value instead of logits."""

    lr: float = Field(1e-5, gt=0)
    """Peak learning rate; schedule, moments, weight decay and the gradient's norm are those of `optim`."""
    warmup_steps: int = Field(0, ge=0)
    """Linear warm-up of its learning rate, in steps."""
    mini_batches: int = Field(8, ge=1)
    """Parts into which a step's groups are split in each of `train.epochs` passes, a critic update for each."""
    value_clip: float = Field(0.5, gt=0)
    """A value that has moved further than this towards its target stops learning until the next step."""
    gamma: float = Field(1.0, ge=0, le=1)
    """Discount per token; 1 counts a late reward in full."""
    gae_lambda: float = Field(1.0, ge=0, le=1)
    """1: advantages are rewards still to come minus the value; below, later values stand in for part of them."""
    whiten: bool = True
    """Bring the advantages of a step's tokens to mean 0 and deviation 1."""


class TrainConfig(Config):
    """How long and how much."""

    steps: int = Field(100, ge=1)
    """Optimizer steps (unless `max_sampled_tokens` ends the run first)."""
    groups_per_step: int = Field(32, ge=1)
    """Groups (failures, or problems) per step, before flat ones are dropped."""
    epochs: int = Field(1, ge=1)
    """Passes over the same groups; above 1 the clipped ratio starts to matter."""
    mini_batches: int = Field(1, ge=1, exclude_if=lambda number: number == 1)
    """Parts into which a step's groups are split in each pass, an update for each; log-probabilities stay the old."""
    max_sampled_tokens: int | None = Field(None, ge=1)
    """Stop when so many tokens have been sampled (mining, first tries and every retry counted): equal-cost controls."""
    micro_batch_tokens: int = Field(16384, ge=1)
    """Most tokens (trunks + branches) per forward; changes memory and speed, not the gradient."""
    share_trunk: bool = True
    """Compute each trunk once for its branches. False is the slow reference path."""
    gradient_checkpointing: bool = False
    """Keep only each layer's input for the backward and compute the rest again: less memory, more time."""
    failures: Path | None = None
    """JSONL written by `secondthought failures`; without it failures are mined as training goes."""
    mine_tries: int = Field(4, ge=1)
    """Most first tries per problem when mining as training goes; the first failed one is kept, which is unbiased."""
    eval_every: int = Field(10, ge=1)
    """Steps between evaluations on the validation split, which choose the best checkpoint."""
    eval_problems: int = Field(200, ge=1)
    """Problems of the validation split."""
    checkpoint_every: int = Field(10, ge=1)
    """Steps between checkpoints that a run can resume from."""
    # Not written where it is the default, as for LoRA above.
    timeout_s: float = Field(1800.0, gt=0, exclude_if=lambda seconds: seconds == 1800.0)
    """With several processes: how long one waits for another before it ends the run and names who is missing."""
    episode_groups: int = Field(8, ge=0)
    """Groups written to `episodes/` at every evaluation step, for reading."""
    self_checks: bool = True
    """Before training: drift at learning rate 0, masked tokens, shared equals unshared, gold answers."""


class EvalConfig(Config):
    """The final evaluation, before and after."""

    problems: int = Field(1000, ge=1)
    """Problems of the test split."""
    tries: int = Field(2, ge=1)
    """Rounds: 2 is try, reflection, retry."""
    temperatures: tuple[float, ...] = (1.0, 0.5, 0.0)
    """Side by side, since a gain at one temperature alone may be mere sharpening."""
    checkpoint: Literal["best", "last"] = "best"
    """Which weights are evaluated afterwards: the best by the validation split, or the last."""
    peers: dict[str, str] = Field(default_factory=dict)
    """Untrained models to compare with, by name: `{ large = "PATH_OR_HUB_ID" }`."""
    cache: Path | None = None
    """Directory where the side before training is kept for runs with the same model, task and settings."""
    habits: Literal["none", "functional", "patterns"] = Field("none", exclude_if=lambda name: name == "none")
    """Count reasoning behaviours in first tries, also at every `train.eval_every`: by what was done, or by wording."""
    controls: bool = True
    """Also play pass@2, no reflection, another problem's, a fixed general one, an oracle's and a contrary one."""


class OriginConfig(Config):
    """Where a run's model comes from, for reports that compare arms by it. Nothing is trained by it."""

    base: str = ""
    """Name of the model before any priming."""
    priming: str = ""
    """Name of the priming set that it was trained on; empty if none."""
    dose: float | None = None
    """Share of the base model's training text that shows habits, where that is known."""


class RunConfig(Config):
    """A whole run: what is trained, how, and where it is written."""

    run_dir: Path = Path("runs/latest")
    """Where everything is written; a used directory is refused unless `--resume` or `--overwrite`."""
    seed: int = 0
    """Of sampling and data order."""
    threads: int | None = Field(None, ge=1)
    """CPU threads of torch; default: all cores."""
    origin: OriginConfig = Field(OriginConfig(), exclude_if=lambda origin: origin == OriginConfig())
    """What a study compares: base model and priming."""
    task: TaskConfig = TaskConfig()
    model: ModelConfig = ModelConfig()
    episode: EpisodeConfig = EpisodeConfig()
    algorithm: AlgorithmConfig = AlgorithmConfig()
    optim: OptimConfig = OptimConfig()
    critic: CriticConfig = CriticConfig()
    train: TrainConfig = TrainConfig()
    evaluation: EvalConfig = EvalConfig()

    @model_validator(mode="after")
    def _consistent(self) -> RunConfig:
        kind = self.algorithm.type
        if kind != "reflect-retry" and self.algorithm.credit != "reflection":
            raise ValueError(f"algorithm.credit applies to reflect-retry only, not to {kind}")
        if kind in FROM_PROBLEMS and self.train.failures is not None:
            raise ValueError(f"train.failures has no use with algorithm.type = '{kind}', which needs no failures")
        if kind != "ppo" and self.critic != CriticConfig():
            raise ValueError(f"critic applies to ppo only; {kind} has no critic")
        if kind == "reinforce" and self.train.epochs * self.train.mini_batches > 1:
            raise ValueError("reinforce has no importance ratio: train.epochs and train.mini_batches must be 1")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, write: Any) -> dict[str, Any]:
        """Without a critic's settings where there is none: runs begun before there was one stay equal to themselves."""
        data: dict[str, Any] = write(self)
        if self.algorithm.type != "ppo":
            data.pop("critic", None)
        return data


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: the file is missing or is not TOML; the sentence names it and the line.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def resolve(data: dict[str, Any], *, source: str) -> RunConfig:
    """A complete config from sparse data.

    Raises:
        ConfigError: a key is unknown or a value is out of range; the sentence names each field.
    """
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {describe(error)}") from None


def describe(error: ValidationError) -> str:
    """All problems of a validation error in one line, field by field."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'config'}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors()
    )
