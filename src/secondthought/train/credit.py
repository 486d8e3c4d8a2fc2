"""Credit turns groups into token trees: it decides which tokens learn, and with what advantage.

    trunk                  | reflection | request | retry
    problem attempt request  s s s s s s  . . . .   r r r r
    credit = reflection      A A A A A A  (left out: nothing after the reflection learns)
    credit = retry           0 0 0 0 0 0  0 0 0 0   A A A A
    credit = all             A A A A A A  0 0 0 0   A A A A

Only sampled tokens ever learn: requests, and an end of turn that the template added, never do. With several retries a
reflection's advantage comes from their mean and each retry is judged by its own verdict; a second retry is a branch of
its own whose reflection is context only, so that no token counts twice.

A retry that begins a conversation of its own (`Turn.fresh`) is in no branch of the trunk. Such retries learn, or are
held, in a second tree of the group: its trunk is what all their prompts begin with, the rest of a prompt is context.
Where a row strips retries they are branches of the problem itself, and what was said before them is nowhere.

    prompt of all | note with the reflection | retry
    problem problem . . . . . . . . . . . . . r r r r

What a reward is compared with is the row's baseline. With a critic nothing is compared here: each branch's reward is
put on its last token, and advantages are zero until `critic.advantages` has asked the critic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import torch

from secondthought import rng
from secondthought.config import AlgorithmConfig
from secondthought.rl.advantages import group_relative, leave_one_out, positive_part
from secondthought.trees import TokenTree, TreeBranch, shared_prefix
from secondthought.types import Branch, Group, Turn, TurnKind, mean_reward

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """A group, the advantage of each of its branches, and the trees that the learner reads: mostly one."""

    group: Group
    advantages: tuple[float, ...]
    trees: tuple[TokenTree, ...]

    @property
    def tree(self) -> TokenTree:
        """Return the first tree: that of the group's trunk, if any token on it counts."""
        return self.trees[0]


def credit(groups: Sequence[Group], config: AlgorithmConfig, *, key: int) -> list[Credited]:
    """Give each group its advantages and its trees, in order. `key` shuffles rewards where the control asks for it."""
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
    of_tries = [[next(of_try) for _ in branch.tries] for branch in group.branches]
    branches: list[TreeBranch] = []
    for branch, advantage, own in zip(group.branches, of_branch, of_tries, strict=True):
        branches += _paths(branch, advantage, own, config)
    if config.row.baseline == "critic":
        rewards = [reward for tries in per_try for reward in tries]
        branches = [_rewarded(branch, reward) for branch, reward in zip(branches, rewards, strict=True)]
    trunk_anchored = _trunk_anchored(group) if config.kl_anchor > 0 else (False,) * len(group.trunk_ids)
    tree = TokenTree(trunk=group.trunk_ids, trunk_anchored=trunk_anchored, branches=tuple(branches))
    trees = _with_fresh_retries(tree, _fresh_paths(group, of_tries, config))
    return Credited(group=group, advantages=tuple(of_branch), trees=trees)


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
    if config.row.strips_retries:
        return [_Path().add(turn, a, elsewhere=True).build() for turn, a in zip(branch.tries, of_tries, strict=True)]
    anchors = config.kl_anchor > 0
    if branch.tries[0].fresh:
        learns = TurnKind.REFLECTION in config.learned_kinds
        return [_Path().add(branch.reflection, advantage if learns else None, anchored=anchors and not learns).build()]
    if config.credit == "reflection":
        path = _Path().add(branch.reflection, advantage)
        return [(path.request(branch.tries[0]).add(branch.tries[0], None, anchored=True) if anchors else path).build()]
    paths = []
    for index, (turn, of_try) in enumerate(zip(branch.tries, of_tries, strict=True)):
        own = advantage if config.credit == "all" and index == 0 else None
        path = _Path().add(branch.reflection, own, anchored=anchors and config.credit == "retry" and index == 0)
        paths.append(path.request(turn).add(turn, of_try).build())
    return paths


_FreshRetry: TypeAlias = tuple[Turn, "float | None"]
"""A retry in a conversation of its own, and its advantage; None where it is only held to the reference."""


def _fresh_paths(group: Group, of_tries: Sequence[Sequence[float]], config: AlgorithmConfig) -> list[_FreshRetry]:
    """Return the retries whose tokens count in conversations of their own: all that learn, or one a branch, held."""
    if config.row.strips_retries:
        return []
    found: list[_FreshRetry] = []
    for branch, own in zip(group.branches, of_tries, strict=True):
        if branch.reflection is not None and branch.tries[0].fresh:
            if TurnKind.RETRY in config.learned_kinds:
                found += zip(branch.tries, own, strict=True)
            elif config.kl_anchor > 0:
                found.append((branch.tries[0], None))
    return found


def _with_fresh_retries(tree: TokenTree, retries: Sequence[_FreshRetry]) -> tuple[TokenTree, ...]:
    """Return a group's trees: the one on its trunk, unless no token on it counts, and the one of fresh retries."""
    if not retries:
        return (tree,)
    trunk = shared_prefix([turn.prompt_ids for turn, _ in retries])
    fresh = TokenTree(
        trunk=trunk,
        trunk_anchored=(False,) * len(trunk),
        branches=tuple(
            _Path().request(turn, skip=len(trunk)).add(turn, advantage, anchored=advantage is None).build()
            for turn, advantage in retries
        ),
    )
    counts = tree.num_learning + tree.num_anchored > 0
    return (tree, replace(fresh, continues=True)) if counts else (fresh,)


class _Path:
    """Tokens of a branch as they are laid down, first turn's request excluded: that belongs to the trunk."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, float, float, bool, bool]] = []

    def request(self, turn: Turn, *, skip: int = 0) -> _Path:
        """Add tokens that nobody sampled, but the first `skip` of them: those are in the trunk."""
        self._rows += [(token, 0.0, 0.0, False, False) for token in turn.prompt_ids[skip:]]
        return self

    def add(self, turn: Turn, advantage: float | None, *, anchored: bool = False, elsewhere: bool = False) -> _Path:
        """Add sampled tokens, which learn with this advantage, or not at all (None).

        What was sampled `elsewhere`, in another context than here, has no log-probability yet.
        """
        learns, said = advantage is not None, turn.completion
        logprobs = (math.nan,) * len(said.token_ids) if elsewhere else said.logprobs
        sampled = zip(said.token_ids, logprobs, strict=True)
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
