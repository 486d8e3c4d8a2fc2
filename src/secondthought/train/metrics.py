"""Metrics of a step from its groups, its mining and its update. Each name is defined in docs/metrics.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from secondthought.protocols import Policy
from secondthought.rollout.mining import MiningStats
from secondthought.train.critic.advantages import CriticAdvantagesStats
from secondthought.train.critic.learner import CriticStats
from secondthought.train.learner import UpdateStats
from secondthought.types import Group, StopReason, Turn, TurnKind


def sampled_tokens(groups: Sequence[Group], mining: MiningStats | None) -> int:
    """Count every token that the policy drew for a step: mining, attempts, reflections and every retry."""
    drawn = sum(len(turn.completion.token_ids) for turn in _turns(groups))
    return drawn + (0 if mining is None else mining.num_sampled_tokens)


@runtime_checkable
class MeasuringPolicy(Protocol):
    """A `MeasuringPolicy` measures something of itself that is to be recorded with each step."""

    def measurements(self) -> Mapping[str, float]:
        """Return what was last measured, by the name of its metric."""
        ...


def of_policy(policy: Policy) -> dict[str, float]:
    """Return what a policy has measured of itself; nothing of most."""
    return dict(policy.measurements()) if isinstance(policy, MeasuringPolicy) else {}


def of_groups(groups: Sequence[Group]) -> dict[str, float]:
    """Average rewards, lengths and truncation of what was sampled in branches; NaN where nothing was."""
    turns = list(_turns(groups))
    tries = [turn.verdict for turn in turns if turn.verdict is not None]
    return {
        "groups/played": len(groups),
        "reward/mean": _mean(reward for group in groups for reward in group.rewards),
        "reward/correct": _mean(float(verdict.correct) for verdict in tries),
        "rollout/attempt_length_mean": _length(turns, TurnKind.ATTEMPT),
        "rollout/reflection_length_mean": _length(turns, TurnKind.REFLECTION),
        "rollout/retry_length_mean": _length(turns, TurnKind.RETRY),
        "rollout/truncated": _mean(float(turn.completion.stop is StopReason.LENGTH) for turn in turns),
    }


def of_mining(mining: MiningStats) -> dict[str, float]:
    """Report first-try accuracy on training problems, a by-product of mining."""
    first = mining.num_first_correct / mining.num_problems if mining.num_problems else math.nan
    return {"mine/problems": mining.num_problems, "mine/failures": mining.num_failures, "mine/first_try": first}


def of_update(stats: UpdateStats) -> dict[str, float]:
    """Report what the optimizer step did."""
    played = stats.groups_kept + stats.groups_flat
    return {
        "groups/kept": stats.groups_kept,
        "groups/flat": stats.groups_flat,
        "groups/flat_share": stats.groups_flat / played if played else math.nan,
        "loss/total": stats.loss_total,
        "loss/policy": stats.loss_policy,
        "policy/kl_ref": stats.kl_ref,
        "policy/kl_anchor": stats.kl_anchor,
        "policy/kl_old": stats.kl_old,
        "policy/entropy": stats.entropy,
        "policy/ratio_mean": stats.ratio_mean,
        "policy/clip_low": stats.clip_low,
        "policy/clip_high": stats.clip_high,
        "optim/grad_norm": stats.grad_norm,
        "optim/lr": stats.lr,
        "tokens/learned": stats.tokens_learned,
        "tokens/forward": stats.tokens_forward,
        **({} if stats.critic is None else _of_critic(stats.critic)),
    }


def of_critic_advantages(stats: CriticAdvantagesStats | None) -> dict[str, float]:
    """Report what the critic said before the step's updates; nothing without a critic."""
    if stats is None:
        return {}
    return {
        "critic/value_mean": stats.value_mean,
        "critic/return_mean": stats.return_mean,
        "critic/explained_variance": stats.explained_variance,
        "critic/advantage_mean": stats.advantage_mean,
        "critic/advantage_std": stats.advantage_std,
        "policy/kl_reward": stats.kl_reward,
    }


def _of_critic(stats: CriticStats) -> dict[str, float]:
    """Report what the critic's updates did."""
    return {
        "loss/value": stats.loss,
        "critic/clipped": stats.clipped,
        "critic/updates": stats.updates,
        "critic/grad_norm": stats.grad_norm,
        "critic/lr": stats.lr,
    }


def _turns(groups: Sequence[Group]) -> Iterable[Turn]:
    """Yield the turns sampled for these groups; their history was paid for when it was mined."""
    for group in groups:
        for branch in group.branches:
            if branch.reflection is not None:
                yield branch.reflection
            yield from branch.tries


def _length(turns: Sequence[Turn], kind: TurnKind) -> float:
    return _mean(len(turn.completion.token_ids) for turn in turns if turn.kind is kind)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else math.nan
