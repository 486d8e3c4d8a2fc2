"""From groups to token trees: which tokens learn, and with what advantage.

    trunk                  | reflection | request | retry
    problem attempt request  s s s s s s  . . . .   r r r r
    credit = reflection      A A A A A A  (left out: nothing after the reflection learns)
    credit = retry           0 0 0 0 0 0  0 0 0 0   A A A A
    credit = all             A A A A A A  0 0 0 0   A A A A

Only sampled tokens ever learn: requests, and an end of turn that the template added, never do. With several retries a
reflection's advantage comes from their mean and each retry is judged by its own verdict; a second retry is a branch of
its own whose reflection is context only, so that no token counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from secondthought import rng
from secondthought.config import AlgorithmConfig
from secondthought.rl.advantages import group_relative, positive_part
from secondthought.trees import TokenTree, TreeBranch
from secondthought.types import Branch, Group, Turn, TurnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """A group, the advantage of each of its branches, and the tree that the learner reads."""

    group: Group
    advantages: tuple[float, ...]
    tree: TokenTree


def credit(groups: Sequence[Group], config: AlgorithmConfig, *, key: int) -> list[Credited]:
    """Advantages and trees of groups, in order. `key` shuffles rewards where the control asks for it."""
    return [_credit_group(group, config, rng.key(key, index)) for index, group in enumerate(groups)]


def _credit_group(group: Group, config: AlgorithmConfig, key: int) -> Credited:
    per_try = [[_reward(turn) for turn in branch.tries] for branch in group.branches]
    if config.permute_rewards:
        order = list(range(len(per_try)))
        rng.stream(key, "permute").shuffle(order)
        per_try = [per_try[index] for index in order]
    of_branch = advantages([sum(rewards) / len(rewards) for rewards in per_try], config)
    of_try = iter(advantages([reward for rewards in per_try for reward in rewards], config))
    branches: list[TreeBranch] = []
    for branch, advantage in zip(group.branches, of_branch, strict=True):
        branches += _paths(branch, advantage, [next(of_try) for _ in branch.tries], config)
    trunk_anchored = _trunk_anchored(group) if config.kl_anchor > 0 else (False,) * len(group.trunk_ids)
    tree = TokenTree(trunk=group.trunk_ids, trunk_anchored=trunk_anchored, branches=tuple(branches))
    return Credited(group=group, advantages=tuple(of_branch), tree=tree)


def advantages(rewards: Sequence[float], config: AlgorithmConfig) -> list[float]:
    """One advantage per reward, in float64."""
    relative = group_relative(torch.tensor(rewards, dtype=torch.float64), scale=config.scale_by_std)
    chosen = positive_part(relative) if config.advantage == "positive" else relative
    return [float(value) for value in chosen]


def _reward(turn: Turn) -> float:
    if turn.verdict is None:
        raise ValueError("a try without a verdict has no reward")
    return turn.verdict.reward


def _paths(branch: Branch, advantage: float, of_tries: Sequence[float], config: AlgorithmConfig) -> list[TreeBranch]:
    """The branch's own tokens: one path, or one per retry where retries learn."""
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
        """Tokens that nobody sampled."""
        self._rows += [(token, 0.0, 0.0, False, False) for token in turn.prompt_ids]
        return self

    def add(self, turn: Turn, advantage: float | None, *, anchored: bool = False) -> _Path:
        """Sampled tokens: learning with this advantage, or not at all (None)."""
        learns = advantage is not None
        sampled = zip(turn.completion.token_ids, turn.completion.logprobs, strict=True)
        self._rows += [(token, old, advantage or 0.0, learns, anchored) for token, old in sampled]
        return self

    def build(self) -> TreeBranch:
        """The finished branch."""
        token_ids, old, advantage, learns, anchored = zip(*self._rows, strict=True)
        return TreeBranch(token_ids=token_ids, old_logprobs=old, advantages=advantage, learns=learns, anchored=anchored)


def _trunk_anchored(group: Group) -> tuple[bool, ...]:
    """True at tokens of the trunk that the policy sampled: the failed attempt."""
    flags: list[bool] = []
    for turn in group.history:
        flags += [False] * len(turn.prompt_ids) + [True] * len(turn.completion.token_ids)
    return tuple(flags + [False] * (len(group.trunk_ids) - len(flags)))


def learned_kinds(config: AlgorithmConfig) -> tuple[TurnKind, ...]:
    """Kinds of turns that learn under this config, for records and reports."""
    if config.type == "grpo":
        return (TurnKind.ATTEMPT,)
    if config.type == "retry-only":
        return (TurnKind.RETRY,)
    chosen = {
        "reflection": (TurnKind.REFLECTION,),
        "retry": (TurnKind.RETRY,),
        "all": (TurnKind.REFLECTION, TurnKind.RETRY),
    }
    return chosen[config.credit]
