"""Rates summarise a model's samples, several per problem, each with a 95 % interval over problems.

Samples of one problem are not independent, so every number is first one per problem; then comes the mean: of a share
with `stats.mean_share`, of anything else with Student's interval. Estimators that need more samples of a problem than
there are give nothing rather than a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import group_of_attempts
from secondthought.stats import Interval, mean_interval, mean_share, pass_at_k
from secondthought.types import Group, Problem, StopReason, Turn

GROUP_SIZES = (4, 8, 16, 32, 64)


def turns(group: Group) -> list[Turn]:
    """Return a problem's samples."""
    return [branch.tries[0] for branch in group.branches]


def num_correct(group: Group) -> int:
    """Count the samples of a problem that are right."""
    return sum(turn.verdict is not None and turn.verdict.correct for turn in turns(group))


def share_over_problems(groups: Sequence[Group], number: Callable[[Group], float]) -> Interval:
    """Return the mean over problems of a number from 0 to 1 of each; problems without one (NaN) are left out."""
    return mean_share(_known(groups, number))


def over_problems(groups: Sequence[Group], number: Callable[[Group], float]) -> Interval:
    """Return the mean over problems of one number of each; problems without one (NaN) are left out."""
    return mean_interval(_known(groups, number))


def first_try(groups: Sequence[Group]) -> Interval:
    """Return the share of samples that are right."""
    return share_over_problems(groups, lambda group: num_correct(group) / len(group.branches))


def format_valid(groups: Sequence[Group]) -> Interval:
    """Return the share of samples from which an answer can be read, right or wrong."""
    return share_over_problems(groups, lambda group: _share(group, _is_well_formed))


def truncated(groups: Sequence[Group]) -> Interval:
    """Return the share of samples that reached the token limit."""
    return share_over_problems(
        groups, lambda group: _share(group, lambda turn: turn.completion.stop is StopReason.LENGTH)
    )


def length(groups: Sequence[Group]) -> Interval:
    """Return the mean length of a sample in tokens."""
    return over_problems(groups, lambda group: _mean([len(turn.completion.token_ids) for turn in turns(group)]))


def sample(player: Player, problems: Sequence[Problem], *, count: int, keys: Keys) -> list[Group]:
    """Draw `count` first tries of every problem."""
    return player.run([group_of_attempts(player, keys, item, group_size=count) for item in problems], "problems")


def summary(groups: Sequence[Group]) -> dict[str, Interval]:
    """Return the numbers that `eval --samples` adds: `avg@K` over all K samples, `pass@k` for k = 2, 4, ... up to K."""
    found = {f"avg@{len(groups[0].branches)}": first_try(groups)}
    return found | {f"pass@{k}": value for k, value in passes(groups).items() if k > 1}


def passes(groups: Sequence[Group]) -> dict[int, Interval]:
    """Return pass@k for k = 1, 2, 4, ... up to the samples per problem (Chen et al. 2021)."""
    samples = min(len(group.branches) for group in groups)
    sizes = [2**power for power in range(samples.bit_length())]
    return {k: share_over_problems(groups, partial(_passes, k=k)) for k in sizes}


def flat_groups(groups: Sequence[Group]) -> dict[int, Interval]:
    """Return the share of groups, by size, in which all samples would be right, or all wrong: these teach nothing.

    Only sizes up to the samples per problem, since larger groups cannot be drawn from them.
    """
    samples = min(len(group.branches) for group in groups)
    return {size: share_over_problems(groups, partial(_is_flat, size=size)) for size in GROUP_SIZES if size <= samples}


def flat_chance(samples: int, correct: int, size: int) -> float:
    """Return the chance that `size` of a problem's samples, drawn without replacement, are all right or all wrong.

    The estimate is unbiased.

    >>> flat_chance(4, 2, 2), flat_chance(4, 0, 4)
    (0.3333333333333333, 1.0)
    """
    ways = math.comb(correct, size) + math.comb(samples - correct, size)
    return ways / math.comb(samples, size)


def distinct(groups: Sequence[Group]) -> Interval:
    """Return the share of pairs of samples of one problem whose texts differ: 0 if all are alike, 1 if none are."""
    return share_over_problems(groups, _distinct_pairs)


def entropy(groups: Sequence[Group]) -> Interval:
    """Return nats per sampled token: minus the mean log-probability, unbiased at the temperature of the samples."""
    return over_problems(groups, _surprise)


def _known(groups: Sequence[Group], number: Callable[[Group], float]) -> list[float]:
    return [value for value in map(number, groups) if not math.isnan(value)]


def _passes(group: Group, *, k: int) -> float:
    return pass_at_k(len(group.branches), num_correct(group), k)


def _is_flat(group: Group, *, size: int) -> float:
    return flat_chance(len(group.branches), num_correct(group), size)


def _distinct_pairs(group: Group) -> float:
    texts = [turn.completion.text for turn in turns(group)]
    counts = [texts.count(text) for text in set(texts)]
    pairs = math.comb(len(texts), 2)
    return 1 - sum(math.comb(count, 2) for count in counts) / pairs if pairs else math.nan


def _surprise(group: Group) -> float:
    logprobs = [value for turn in turns(group) for value in turn.completion.logprobs]
    return -_mean(logprobs)


def _is_well_formed(turn: Turn) -> bool:
    return turn.verdict is not None and turn.verdict.well_formed


def _share(group: Group, holds: Callable[[Turn], bool]) -> float:
    return _mean([holds(turn) for turn in turns(group)])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
