"""Hypothesis strategies for groups, trees and configs, and small builders of the records that tests draw by hand."""

import dataclasses

from hypothesis import strategies as st

from secondthought.config import AlgorithmConfig
from secondthought.trees import TokenTree, TreeBranch
from secondthought.types import Branch, Completion, Group, Message, Problem, StopReason, Turn, TurnKind, Verdict

VOCABULARY = 256
PROBLEM = Problem(id="p", task="t", messages=(Message(role="user", content="?"),), data={})


def turn(kind, prompt_ids, token_ids, reward=None, logprobs=None):
    """A turn; a reward of None means that nothing judged it."""
    verdict = None if reward is None else Verdict(correct=reward == 1.0, reward=reward, reason="-", well_formed=True)
    completion = Completion(
        token_ids=tuple(token_ids),
        logprobs=tuple(logprobs or (-float(token) for token in token_ids)),
        text="",
        stop=StopReason.END,
    )
    return Turn(kind=kind, prompt_ids=tuple(prompt_ids), completion=completion, verdict=verdict)


def attempt(prompt_ids, token_ids, reward=0.0):
    return turn(TurnKind.ATTEMPT, prompt_ids, token_ids, reward)


def reflection(prompt_ids, token_ids):
    return turn(TurnKind.REFLECTION, prompt_ids, token_ids)


def retry(prompt_ids, token_ids, reward):
    return turn(TurnKind.RETRY, prompt_ids, token_ids, reward)


def fresh(prompt_ids, token_ids, reward):
    """A retry in a conversation of its own."""
    return dataclasses.replace(retry(prompt_ids, token_ids, reward), fresh=True)


rewards = st.lists(st.sampled_from([0.0, 0.1, 0.25, 1.0, -1.0]), min_size=2, max_size=9)
real_rewards = st.lists(st.floats(-10, 10, allow_subnormal=False), min_size=2, max_size=9)
tokens = st.integers(0, VOCABULARY - 1)


def ids(min_size, max_size):
    return st.lists(tokens, min_size=min_size, max_size=max_size).map(tuple)


@st.composite
def tree_branches(draw, anchors=True):
    """A branch whose tokens learn, are anchored or are neither, at random; at least one learns."""
    size = draw(st.integers(1, 6))
    kinds = draw(st.lists(st.sampled_from("lan" if anchors else "ln"), min_size=size, max_size=size))
    kinds[draw(st.integers(0, size - 1))] = "l"
    numbers = st.floats(-2, 2, allow_subnormal=False)
    return TreeBranch(
        token_ids=draw(ids(size, size)),
        old_logprobs=tuple(-5.5 + draw(numbers) / 2 for _ in range(size)),
        advantages=tuple(draw(numbers) if kind == "l" else 0.0 for kind in kinds),
        learns=tuple(kind == "l" for kind in kinds),
        anchored=tuple(kind == "a" for kind in kinds),
    )


@st.composite
def trees(draw, anchors=True):
    """A tree of ragged branches under a trunk that may be shorter or longer than the tests' attention window."""
    trunk = draw(ids(1, 12))
    flags = draw(st.lists(st.booleans(), min_size=len(trunk), max_size=len(trunk)))
    return TokenTree(
        trunk=trunk,
        trunk_anchored=tuple(flag and anchors for flag in flags),
        branches=tuple(draw(st.lists(tree_branches(anchors=anchors), min_size=1, max_size=3))),
    )


def forests(min_size=1, max_size=4, *, anchors=True):
    """Several trees, of which at least one is not flat."""
    return st.lists(trees(anchors=anchors), min_size=min_size, max_size=max_size).filter(
        lambda found: not all(tree.is_flat for tree in found)
    )


@st.composite
def valued_forests(draw, min_size=1, max_size=4):
    """Trees as a critic leaves them; at tokens that do not learn its numbers are noise, which nobody may read."""

    def numbers(size):
        return tuple(draw(st.floats(-2, 2, allow_subnormal=False)) for _ in range(size))

    return [
        dataclasses.replace(
            tree,
            branches=tuple(
                dataclasses.replace(branch, **{name: numbers(len(branch.token_ids)) for name in CRITICS_OWN})
                for branch in tree.branches
            ),
        )
        for tree in draw(forests(min_size, max_size, anchors=False))
    ]


CRITICS_OWN = ("rewards", "values", "returns")


@st.composite
def groups(draw):
    """Reflect-retry groups with binary rewards."""
    k = draw(st.integers(1, 3))
    request = draw(ids(1, 3))
    branches = []
    for _ in range(draw(st.integers(2, 4))):
        outcomes = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=k, max_size=k))
        said = reflection(request, draw(ids(1, 4)))
        tries = tuple(retry(draw(ids(1, 2)), draw(ids(1, 3)), outcome) for outcome in outcomes)
        branches.append(Branch(reflection=said, tries=tries))
    return Group(problem=PROBLEM, history=(attempt(draw(ids(1, 4)), draw(ids(1, 4))),), branches=tuple(branches))


algorithms = st.builds(
    AlgorithmConfig,
    credit=st.sampled_from(["reflection", "retry", "all"]),
    advantage=st.sampled_from(["centred", "positive"]),
    scale_by_std=st.booleans(),
    clip_low=st.sampled_from([0.1, 0.2, 0.5]),
    clip_high=st.sampled_from([0.1, 0.28, 1.0]),
    kl_ref=st.sampled_from([0.0, 0.001, 0.5]),
    kl_anchor=st.sampled_from([0.0, 0.3]),
    entropy_bonus=st.sampled_from([0.0, 0.2]),
)
