"""Credit turns groups into token trees: it decides which tokens learn, and with what advantage.

    trunk                  | reflection | request | retry
    problem attempt request  s s s s s s  . . . .   r r r r
    credit = reflection      A A A A A A  (left out: nothing after the reflection learns)
    credit = retry           0 0 0 0 0 0  0 0 0 0   A A A A
    credit = all             A A A A A A  0 0 0 0   A A A A

Only sampled tokens ever learn: requests, and an end of turn that the template added, never do. With several retries a
reflection's advantage comes from their mean and each retry is judged by its own verdict; a second retry is a branch of
its own whose reflection is context only, so that no token counts twice.

What a reward is compared with is the row's baseline. With a critic nothing is compared here: each branch's reward is
put on its last token, and advantages are zero until `critic.advantages` has asked the critic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from secondthought import rng
from secondthought.config import AlgorithmConfig
from secondthought.rl.advantages import group_relative, leave_one_out, positive_part
from secondthought.trees import TokenTree, TreeBranch
from secondthought.types import Branch, Group, Turn, mean_reward

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """A group, the advantage of each of its branches, and the tree that the learner reads."""

    group: Group
    advantages: tuple[float, ...]
    tree: TokenTree


def credit(groups: Sequence[Group], config: AlgorithmConfig, *, key: int) -> list[Credited]:
    """Give each group its advantages and its tree, in order. `key` shuffles rewards where the control asks for it."""
    rewards = [[[_reward(turn) for turn in branch.tries] for branch in group.branches] for group in groups]
    if config.permute_rewards:
        rewards = _permuted(rewards, config, key)
    of_branches = compared([[mean_reward(tries) for tries in per_try] for per_try in rewards], config)
    of_tries = compared([[reward for tries in per_try for reward in tries] for per_try in rewards], config)
    return [
        _credit_group(group, config, per_try, of_branch, iter(of_try))
        for group, per_try, of_branch, of_try in zip(groups, rewards, of_branches, of_tries, strict=True)
    ]


def _permuted(rewards: Sequence[Sequence[T]], config: AlgorithmConfig, key: int) -> list[list[T]]:
    """Deal rewards to other branches: of their group, or of the step where the baseline is not the group's.

    Shuffled within a group, a reward still says how good its group was. A baseline of the group takes that off exactly;
    any other would leave a G-th part of the true signal in the control.
    """
    if not config.has_group_baseline:
        shuffled = iter(_shuffled([item for group in rewards for item in group], rng.key(key)))
        return [[next(shuffled) for _ in group] for group in rewards]
    return [_shuffled(group, rng.key(key, index)) for index, group in enumerate(rewards)]


def _shuffled(items: Sequence[T], key: int) -> list[T]:
    order = list(range(len(items)))
    rng.stream(key, "permute").shuffle(order)
    return [items[index] for index in order]


def _credit_group(
    group: Group,
    config: AlgorithmConfig,
    per_try: Sequence[Sequence[float]],
    of_branch: Sequence[float],
    of_try: Iterator[float],
) -> Credited:
    branches: list[TreeBranch] = []
    for branch, advantage in zip(group.branches, of_branch, strict=True):
        branches += _paths(branch, advantage, [next(of_try) for _ in branch.tries], config)
    if config.row.baseline == "critic":
        rewards = [reward for tries in per_try for reward in tries]
        branches = [_rewarded(branch, reward) for branch, reward in zip(branches, rewards, strict=True)]
    trunk_anchored = _trunk_anchored(group) if config.kl_anchor > 0 else (False,) * len(group.trunk_ids)
    tree = TokenTree(trunk=group.trunk_ids, trunk_anchored=trunk_anchored, branches=tuple(branches))
    return Credited(group=group, advantages=tuple(of_branch), tree=tree)


def _rewarded(branch: TreeBranch, reward: float) -> TreeBranch:
    """Put the branch's reward on its last token."""
    return replace(branch, rewards=(*(0.0,) * (len(branch.token_ids) - 1), reward))


def compared(rewards: Sequence[Sequence[float]], config: AlgorithmConfig) -> list[list[float]]:
    """Compare each reward of each group with the baseline of the algorithm's row: one advantage per reward."""
    baseline = config.row.baseline
    if baseline == "critic":
        return [[0.0] * len(group) for group in rewards]
    if not config.has_group_baseline:
        of_all = iter(advantages([reward for group in rewards for reward in group], config))
        return [[next(of_all) for _ in group] for group in rewards]
    return [advantages(group, config) for group in rewards]


def advantages(rewards: Sequence[float], config: AlgorithmConfig) -> list[float]:
    """Compute one advantage per reward that shares a baseline, in float64."""
    if not rewards:
        return []
    given = torch.tensor(rewards, dtype=torch.float64)
    if config.row.baseline == "leave-one-out":
        relative = leave_one_out(given)
    else:
        relative = group_relative(given, scale=config.scale_by_std)
    chosen = positive_part(relative) if config.advantage == "positive" else relative
    return [float(value) for value in chosen]


def _reward(turn: Turn) -> float:
    if turn.verdict is None:
        raise ValueError("a try without a verdict has no reward")
    return turn.verdict.reward


def _paths(branch: Branch, advantage: float, of_tries: Sequence[float], config: AlgorithmConfig) -> list[TreeBranch]:
    """Lay down the branch's own tokens: one path, or one per retry where retries learn."""
    if branch.reflection is None:
        return [_Path().add(turn, a).build() for turn, a in zip(branch.tries, of_tries, strict=True)]
    anchors = config.kl_anchor > 0
    if config.credit == "reflection":
        path = _Path().add(branch.reflection, advantage)
        return [(path.request(branch.tries[0]).add(branch.tries[0], None, anchored=True) if anchors else path).build()]
    paths = []
    for index, (turn, of_try) in enumerate(zip(branch.tries, of_tries, strict=True)):
        own = advantage if config.credit == "all" and index == 0 else None
        path = _Path().add(branch.reflection, own, anchored=anchors and config.credit == "retry" and index == 0)
        paths.append(path.request(turn).add(turn, of_try).build())
    return paths


class _Path:
    """Tokens of a branch as they are laid down, first turn's request excluded: that belongs to the trunk."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, float, float, bool, bool]] = []

    def request(self, turn: Turn) -> _Path:
        """Add tokens that nobody sampled."""
        self._rows += [(token, 0.0, 0.0, False, False) for token in turn.prompt_ids]
        return self

    def add(self, turn: Turn, advantage: float | None, *, anchored: bool = False) -> _Path:
        """Add sampled tokens, which learn with this advantage, or not at all (None)."""
        learns = advantage is not None
        sampled = zip(turn.completion.token_ids, turn.completion.logprobs, strict=True)
        self._rows += [(token, old, advantage or 0.0, learns, anchored) for token, old in sampled]
        return self

    def build(self) -> TreeBranch:
        """Build the finished branch."""
        token_ids, old, advantage, learns, anchored = zip(*self._rows, strict=True)
        return TreeBranch(token_ids=token_ids, old_logprobs=old, advantages=advantage, learns=learns, anchored=anchored)


def _trunk_anchored(group: Group) -> tuple[bool, ...]:
    """Mark the tokens of the trunk that the policy sampled: the failed attempt."""
    flags: list[bool] = []
    first = group.branches[0]
    for turn in () if (first.reflection or first.tries[0]).fresh else group.history:
        flags += [False] * len(turn.prompt_ids) + [True] * len(turn.completion.token_ids)
    return tuple(flags + [False] * (len(group.trunk_ids) - len(flags)))
