"""The one table of algorithms, as data: what a step starts from, what branches, which tokens learn, and from what.

    type           starts from      branches of a group            tokens that learn         baseline       loss
    reflect-retry  failed attempts  G reflections, k retries each  reflection | retry | all  group          surrogate
    grpo           problems         G attempts                     attempt                   group          surrogate
    retry-only     failed attempts  G retries, no reflection       retry                     group          surrogate
    rloo           problems         G attempts                     attempt                   leave-one-out  surrogate
    reflect-grpo   problems         G attempts, retries of some    attempt, retry            group          surrogate
    reinforce      problems         G attempts                     attempt                   batch | group  reinforce
    ppo            problems         G attempts                     attempt                   critic         surrogate

A new algorithm is a new row, here or from outside before a run. Settings are checked against it, the command line has a
command for each, plans and run names read it, and training does what it says: `train.algorithms` plays the branches,
`train.credit` compares rewards with the baseline (`train.critic` with the critic's), `train.learner` takes the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from secondthought.types import TurnKind

Start: TypeAlias = Literal["failures", "problems"]
"""A group starts from a failed attempt or from a problem."""
Baseline: TypeAlias = Literal["group", "leave-one-out", "chosen", "critic"]
"""A reward is compared with this; `chosen` is what `algorithm.baseline` says."""
PolicyLoss: TypeAlias = Literal["surrogate", "reinforce"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """A row: how groups are played, and how they are learned from."""

    starts_from: Start
    branches: str
    """The turns that a group's branches begin with: a name in `train.algorithms.BRANCHES`."""
    learns: tuple[TurnKind, ...] = ()
    """Kinds of turns whose sampled tokens learn; empty where `algorithm.credit` chooses."""
    baseline: Baseline = "group"
    loss: PolicyLoss = "surrogate"
    strips_retries: bool = False
    """Retries learn as answers to the bare problem: the loss sees neither the failed try nor the reflection."""
    help: str
    """One line of help, for the command that trains by it."""


_ATTEMPT = (TurnKind.ATTEMPT,)

ALGORITHMS: dict[str, Algorithm] = {
    "reflect-retry": Algorithm(
        starts_from="failures",
        branches="reflections",
        help="reward only the reflection's tokens when the retry is right",
    ),
    "grpo": Algorithm(
        starts_from="problems", branches="attempts", learns=_ATTEMPT, help="comparator: GRPO on the first try"
    ),
    "retry-only": Algorithm(
        starts_from="failures",
        branches="retries",
        learns=(TurnKind.RETRY,),
        help="comparator: train the retry, without a reflection",
    ),
    # What R3L (2601.03715) compares with as a re-implementation of Reflect, Retry, Reward. Facts, read in its code for
    # mathematics: half of a problem's n rollouts are plain; the others are reflected on where they fail, and tried
    # again from the start with the reflection as guidance in the system message; first tries and retries are one GRPO
    # group; a retry is trained with the guidance stripped; no reflection is trained. Inferred, from other copies of its
    # framework: its old log-probabilities are read without the guidance. Chosen here: a rollout is
    # one try (there up to three, told that they are wrong); reflections are free text, and each
    # is followed (there a JSON report, and an invalid one gets no retry); what the retry sees is
    # `episode.retry_sees` (there the reflection alone); rewards are divided by their deviation only where
    # `algorithm.scale_by_std` says so (there always, with 0.01 as the weight of the KL).
    "reflect-grpo": Algorithm(
        starts_from="problems",
        branches="attempts-and-retries",
        learns=(TurnKind.ATTEMPT, TurnKind.RETRY),
        strips_retries=True,
        help="comparator: first tries and retries learn, the reflection does not (R3L's Reflect-GRPO)",
    ),
    "rloo": Algorithm(
        starts_from="problems",
        branches="attempts",
        learns=_ATTEMPT,
        baseline="leave-one-out",
        help="RLOO on the first try: each sample against the others of its group",
    ),
    "reinforce": Algorithm(
        starts_from="problems",
        branches="attempts",
        learns=_ATTEMPT,
        baseline="chosen",
        loss="reinforce",
        help="REINFORCE on the first try, with a mean as baseline",
    ),
    "ppo": Algorithm(
        starts_from="problems",
        branches="attempts",
        learns=_ATTEMPT,
        baseline="critic",
        help="PPO on the first try, with a critic",
    ),
}


class OwnSetting(NamedTuple):
    """An `OwnSetting` is one that some algorithms have: with any other it would do nothing."""

    has: Callable[[Algorithm], bool]
    instead: str = ""
    """What to do with the other algorithms, as a sentence goes on."""


_FROM_FAILURES = OwnSetting(lambda row: row.starts_from == "failures")
_WITH_RATIO = OwnSetting(lambda row: row.loss == "surrogate", "the others have no importance ratio")
_COMPARED = OwnSetting(lambda row: row.baseline not in ("leave-one-out", "critic"), "ppo has critic.whiten")

OWN_SETTINGS: dict[str, OwnSetting] = {
    "algorithm.credit": OwnSetting(lambda row: not row.learns),
    "algorithm.retries": OwnSetting(lambda row: row.branches not in ("attempts", "retries", "attempts-and-retries")),
    "algorithm.advantage": _COMPARED,
    "algorithm.scale_by_std": _COMPARED,
    "algorithm.clip_low": _WITH_RATIO,
    "algorithm.clip_high": _WITH_RATIO,
    "algorithm.baseline": OwnSetting(lambda row: row.baseline == "chosen", "that of the others is fixed"),
    "algorithm.kl_reward": OwnSetting(lambda row: row.baseline == "critic", "the others have kl_ref"),
    "critic": OwnSetting(lambda row: row.baseline == "critic"),
    "train.epochs": _WITH_RATIO,
    "train.mini_batches": _WITH_RATIO,
    "train.failures": _FROM_FAILURES,
    "train.mine_tries": _FROM_FAILURES,
}
"""Settings by name that an algorithm without them refuses.

`kl_anchor` is none of them: it weighs what was sampled and does not learn, of which first tries have nothing.
"""


def require_use(algorithm: str, changed: Iterable[str]) -> None:
    """Refuse settings that differ from their defaults and that an algorithm does not have, all in one sentence.

    Raises:
        ValueError: there are such settings.

    >>> require_use("grpo", ["algorithm.retries"])
    Traceback (most recent call last):
    ValueError: retries has no use with grpo: it applies to reflect-retry only
    """
    row, said = ALGORITHMS[algorithm], []
    for name in changed:
        own = OWN_SETTINGS.get(name)
        if own is not None and not own.has(row):
            instead = f", {own.instead}" if own.instead else ""
            short = name.removeprefix("algorithm.")
            said.append(f"{short} has no use with {algorithm}: it applies to {those_with(own.has)} only{instead}")
    if said:
        raise ValueError("; ".join(said))


def known(name: str) -> str:
    """Return the name of an algorithm.

    Raises:
        ValueError: there is no such row.
    """
    if name not in ALGORITHMS:
        from secondthought.spelling import suggestion  # difflib is not needed for a name that is right

        hint = suggestion(name, ALGORITHMS)
        raise ValueError(f"there is no algorithm {name!r}{hint}; known: {', '.join(ALGORITHMS)}")
    return name


def those_with(has: Callable[[Algorithm], bool]) -> str:
    """Return the names of the algorithms of which something holds, for sentences.

    >>> those_with(lambda row: row.baseline == "critic")
    'ppo'
    """
    return " or ".join(name for name, row in ALGORITHMS.items() if has(row))
