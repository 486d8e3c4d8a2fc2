"""Records flow through secondthought: frozen, without torch, each complete when it is made.

    Problem --try--> Turn (attempt, with its Verdict)
            --request--> Turn (reflection, without a Verdict)
            --request--> Turn (retry, with its Verdict)             = one Episode

    Group = the branches that share one trunk of tokens and one baseline:
            G attempts at one problem, or G reflections on one failed attempt.

What has no verdict yet is another type than what has one; nothing here is filled in later.
Dimensions in this project: P problems, G branches of a group, K tries, B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeAlias, get_args

from secondthought.text import whole

Role: TypeAlias = Literal["system", "user", "assistant"]
Split: TypeAlias = Literal["train", "validation", "test"]
TokenIds: TypeAlias = tuple[int, ...]

LARGE_REWARD = 10.0
"""Rewards beyond this size make steps of that size, and a critic's loss of its square, where nothing divides them."""

SPLITS: tuple[Split, ...] = ("train", "validation", "test")

HabitName: TypeAlias = Literal["verification", "backtracking", "subgoal_setting", "backward_chaining"]
HABITS: tuple[HabitName, ...] = get_args(HabitName)
"""The four habits of Gandhi et al. 2025, in the order of every table; a detector may look for others too."""


class StopReason(StrEnum):
    """A `StopReason` says why sampling of a completion ended."""

    END = "end"
    """The policy sampled its end-of-turn token."""
    LENGTH = "length"
    """The completion reached `Sampling.max_tokens`; nothing was added in its place."""


class TurnKind(StrEnum):
    """A `TurnKind` says what the policy was asked for."""

    ATTEMPT = "attempt"
    REFLECTION = "reflection"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A `Message` is what one role says in a conversation, before any template."""

    role: Role
    content: str

    def __post_init__(self) -> None:
        """Make the text whole: what half a character would do to a tokenizer or a request happens to none."""
        if isinstance(self.content, str):
            object.__setattr__(self, "content", whole(self.content))


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A `Problem` is one instance of a task.

    `id` is derived from the content alone, so the same problem has the same id in every process and its split
    (a hash of the id) never changes. `data` is what the task's verifier needs; it is JSON and survives a round trip.
    `tools` are functions that may be called, as JSON schemas (`{"name", "description", "parameters"}`).
    """

    id: str
    task: str
    messages: tuple[Message, ...]
    data: Mapping[str, Any]
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def request(self) -> str:
        """Return what the user asks last: the text that a first try answers; empty if no user says anything."""
        return next((said.content for said in reversed(self.messages) if said.role == "user"), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A `Verdict` is what a task says of one completion.

    `reward` is any finite number: right answers earn more than wrong ones, and about 1 suits every algorithm
    (`LARGE_REWARD`). `reason` is one word of the task's own list (`correct` where `correct` is true). `well_formed`
    says that an answer could be read at all, right or wrong: it is what the format-valid rate counts. `feedback` says
    in a sentence what is wrong, for models and people; empty where the task says no more than `reason`.
    """

    correct: bool
    reward: float
    reason: str
    well_formed: bool
    feedback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """`Sampling` says how completions are drawn.

    `temperature` 0 takes the likeliest token. There is no top-p and no top-k: what is sampled is what the policy
    assigns, so recorded log-probabilities are those of the tokens' true distribution and importance ratios hold.
    """

    temperature: float = 1.0
    max_tokens: int = 256
    adapter: bool = True  # False: by the model without its low-rank adapter, where it has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A `Completion` is the tokens sampled in one call.

    `logprobs[t]` is the log-probability of `token_ids[t]` under the distribution that it was drawn from (after the
    temperature; at temperature 0, of the unscaled distribution). A sampled end-of-turn token is part of `token_ids`;
    `text` never holds it.
    """

    token_ids: TokenIds
    logprobs: tuple[float, ...]
    text: str
    stop: StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A `Prompt` is token ids to continue: `trunk`, which other prompts of the same call may share, then `tail`.

    Prompts with equal trunks are computed once by policies that can; the split changes speed, never the tokens.
    `key` is the prompt's own 64-bit random number: equal keys and equal ids give equal completions (see `rng`).
    """

    trunk: TokenIds
    tail: TokenIds = ()
    key: int

    @property
    def ids(self) -> TokenIds:
        """Return the ids of the whole prompt."""
        return self.trunk + self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A `Turn` is one completion and what came just before it.

    `prompt_ids` are only the ids between the previous completion (or the start) and this one, so a conversation's
    tokens are the concatenation of its turns. A `fresh` turn begins a conversation of its own after others: there
    `prompt_ids` are the whole prompt, and nothing that was said before is in sight but what the prompt says of it.
    `verdict` is None exactly for reflections, which nothing judges.
    """

    kind: TurnKind
    prompt_ids: TokenIds
    completion: Completion
    verdict: Verdict | None
    fresh: bool = False

    @property
    def ids(self) -> TokenIds:
        """Return the ids of request and completion."""
        return self.prompt_ids + self.completion.token_ids


def conversation_ids(turns: Sequence[Turn]) -> TokenIds:
    """Return the tokens of the conversation that the last of these turns stands in, its completion included."""
    begins = max((place for place, turn in enumerate(turns) if turn.fresh), default=0)
    return sum((turn.ids for turn in turns[begins:]), ())


def ids_before(turns: Sequence[Turn], turn: Turn) -> TokenIds:
    """Return all tokens that the completion of a turn goes on from, given the turns before it."""
    return turn.prompt_ids if turn.fresh else conversation_ids(turns) + turn.prompt_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An `Episode` is a problem as played: an attempt, then reflection and retry as often as it took or was allowed."""

    problem: Problem
    turns: tuple[Turn, ...]

    @property
    def tries(self) -> tuple[Turn, ...]:
        """Return the turns that have a verdict, in order: the attempt and every retry."""
        return tuple(turn for turn in self.turns if turn.verdict is not None)

    def solved_by(self, num_tries: int) -> bool:
        """Tell whether one of the first `num_tries` tries is correct.

        An episode ends at its first success, so "second-try accuracy" is `solved_by(2)`, as in the paper.
        """
        return any(turn.verdict is not None and turn.verdict.correct for turn in self.tries[:num_tries])


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A `Failure` is a failed first attempt, which reflections are written about.

    `provenance` says where the attempt came from (model, step, how many tries it took); it is carried, never read.
    """

    problem: Problem
    attempt: Turn
    provenance: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A `Branch` is one sample of a group: a reflection and the retries it led to, or a lone try.

    `tries` are siblings: each follows the reflection (or, without one, the trunk) directly, or is `fresh`. Their mean
    reward is the branch's reward, so with k retries it estimates p(success | reflection) with 1/k of the variance.
    `failed` is what the reflection is about where that is not the group's history: a try that another branch sampled.
    """

    reflection: Turn | None
    tries: tuple[Turn, ...]
    failed: Turn | None = None

    @property
    def reward(self) -> float:
        """Return the mean reward of the tries."""
        return mean_reward([turn.verdict.reward for turn in self.tries if turn.verdict is not None])


def mean_reward(rewards: Sequence[float]) -> float:
    """Return a mean that the order of rewards does not change, and that is zero where they cancel up to rounding.

    So branches with the same retries in another order have the same reward, and are no signal.

    >>> mean_reward([0.1, 0.2, -0.3]), sum([0.1, 0.2, -0.3]) == 0
    (0.0, False)
    """
    total = math.fsum(rewards)
    return 0.0 if abs(total) <= 1e-12 * max(map(abs, rewards)) else total / len(rewards)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A `Group` is branches that share a trunk.

    `history` are the trunk's own completions (the failed attempt, or none). The trunk's tokens are the history's
    and then the `prompt_ids` that every branch's first turn begins with; these alone where that turn is `fresh`.
    """

    problem: Problem
    history: tuple[Turn, ...]
    branches: tuple[Branch, ...]

    @property
    def trunk_ids(self) -> TokenIds:
        """Return all tokens before the first sampled token of a branch."""
        first = self.branches[0]
        return ids_before(self.history, first.reflection or first.tries[0])

    @property
    def rewards(self) -> tuple[float, ...]:
        """Return one reward per branch."""
        return tuple(branch.reward for branch in self.branches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """A `Thought` is a text to be read for habits, and the problem that it is about where that is known."""

    text: str
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A `Span` is where a habit shows: code points `start` to `end` (exclusive) of a text, and what stands there."""

    behavior: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A `Reading` is what a detector found in one text.

    `counts` has an entry for every habit that the detector looks for; None means *missing* (the detector could not
    tell), which is never 0. `spans` are in order of `start`; a detector that cannot point at its finds has fewer spans
    than counts.
    """

    counts: Mapping[str, int | None]
    spans: tuple[Span, ...] = ()

    def shows(self, behavior: str) -> bool | None:
        """Tell whether the habit was found at least once; None if its count is missing."""
        count = self.counts[behavior]
        return None if count is None else count > 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An `Answer` is what came of one conversation: a text and its tokens if counted, or None; `error` says why not."""

    index: int  # of the conversation, among those of the call
    text: str | None
    error: str = ""
    tokens: int = 0
    is_final: bool = False  # refused for good: asked again, the same conversation would get the same

    def __post_init__(self) -> None:
        """Make the text whole: a server may send half a character."""
        object.__setattr__(self, "text", None if self.text is None else whole(self.text))
