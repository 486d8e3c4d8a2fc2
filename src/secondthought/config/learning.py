"""Settings of how is learned: which tokens from which reward, by which optimizer, how long and how much."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from secondthought.config.algorithms import ALGORITHMS, Algorithm, known, require_use
from secondthought.config.base import Config
from secondthought.config.values import Moments, Seconds, require_steady
from secondthought.types import TurnKind

_LEARNS = {
    "reflection": (TurnKind.REFLECTION,),
    "retry": (TurnKind.RETRY,),
    "all": (TurnKind.REFLECTION, TurnKind.RETRY),
}


class AlgorithmConfig(Config):
    """Settings of the algorithm: which tokens learn, and from which reward."""

    type: Annotated[str, AfterValidator(known), WithJsonSchema({"enum": list(ALGORITHMS)})] = "reflect-retry"
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
        """Refuse what only other algorithms have: a setting without an effect would be believed."""
        require_use(self.type, [f"algorithm.{name}" for name in self.changed()])
        if self.kl_reward and self.kl_ref:
            raise ValueError("kl_reward and kl_ref are one penalty in two places; set kl_ref = 0 or kl_reward = 0")
        if self.group_size < 2 and self.has_group_baseline:
            raise ValueError("group_size must be at least 2 where the baseline is the mean of the group")
        return self

    @property
    def row(self) -> Algorithm:
        """Return the algorithm's row of the table."""
        return ALGORITHMS[self.type]

    @property
    def learned_kinds(self) -> tuple[TurnKind, ...]:
        """Return the kinds of turns that learn: the row's own, or those that `credit` chooses."""
        return self.row.learns or _LEARNS[self.credit]

    @property
    def has_group_baseline(self) -> bool:
        """Return whether a reward is compared with others of its own group alone."""
        return self.row.baseline in ("group", "leave-one-out") or (
            self.row.baseline == "chosen" and self.baseline == "group"
        )

    @property
    def divides_rewards(self) -> bool:
        """Return whether advantages have one scale, whatever that of the rewards: only then may it be anything."""
        return self.scale_by_std and self.row.baseline not in ("leave-one-out", "critic")

    @property
    def name(self) -> str:
        """Return what a run by these settings is called in lists and reports.

        >>> AlgorithmConfig().name, AlgorithmConfig(credit="all").name
        ('reflect-retry', 'credit-all')
        """
        if self.permute_rewards:
            return "permuted-rewards"
        chosen = not self.row.learns and self.credit != AlgorithmConfig.model_fields["credit"].default
        return f"credit-{self.credit}" if chosen else self.type


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
    betas: Moments = (0.9, 0.99)
    """AdamW moments."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this norm."""

    @model_validator(mode="after")
    def _steady(self) -> OptimConfig:
        require_steady(self.lr, self.weight_decay)
        return self


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
    """Settings of a run's length and of what a step holds."""

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
    # Not written where it is the default, as for LoRA above.
    patience: int = Field(20, ge=0, exclude_if=lambda steps: steps == 20)
    """Stop after so many steps in a row from which nothing is learned: no group's rewards differ. 0: never."""
    checkpoint_every: int = Field(10, ge=1)
    """Steps between checkpoints that a run can resume from."""
    # Not written where it is the default, as for LoRA above.
    timeout_s: Seconds = Field(1800.0, exclude_if=lambda seconds: seconds == 1800.0)
    """With several processes: how long one waits for another before it ends the run and names who is missing."""
    episode_groups: int = Field(8, ge=0)
    """Groups written to `episodes/` at every evaluation step, for reading."""
    # Not written where it is the default, as for LoRA above.
    episodes_every: int | None = Field(None, ge=1, exclude_if=lambda steps: steps is None)
    """Steps between those whose groups are written too: an evaluation costs tokens, a look at the episodes none."""
    self_checks: bool = True
    """Before training: drift at learning rate 0, masked tokens, shared equals unshared, gold answers."""
