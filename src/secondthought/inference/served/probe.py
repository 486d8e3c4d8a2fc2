"""A probe compares a server with the weights that train, after each time that weights were brought over.

The server says a few tokens after fixed prompts, the likeliest ones; the local model reads the same. Each of the
server's tokens must be the local model's likeliest too, or nearly, and log-probabilities must be alike. The prompts are
longer than a block of a prefix cache, and the same each time, so that a cache from before would be caught.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from secondthought.errors import PolicyError
from secondthought.inference.served.server import Sampled
from secondthought.models.local import LocalModel
from secondthought.types import Message, Prompt, Sampling, TokenIds

_SUBJECTS = ("numbers and how they are put together", "what a careful reader asks of a text", "two towns and a road")
_REPEATS = 12
_TOKENS = 12
_HOT = 2.0
"""A temperature at which log-probabilities differ much from those without one."""
_MOVED = 4.0
"""Weights are known to have moved if they changed what is read by so many times the difference that is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReading:
    """A `ProbeReading` says how far a server and the local model are apart, in nats a token."""

    gap: float
    """Mean difference of log-probabilities, without sign."""
    behind: float
    """By how much a token that the server takes for the likeliest falls short of the local model's own."""


@dataclass(slots=True)
class _Earlier:
    """What was said under the weights before, and what the local model then made of it."""

    ids: tuple[TokenIds, ...]
    local: tuple[tuple[float, ...], ...]


class ServerProbe:
    """A `ServerProbe` holds fixed prompts, and what was said after them under the weights before."""

    def __init__(self, policy: LocalModel, *, most: float) -> None:
        """Take the local model, and the largest mean gap that is allowed."""
        self._policy, self._most = policy, most
        self._prompts = [_prompt(policy, subject, number) for number, subject in enumerate(_SUBJECTS)]
        self._earlier: dict[tuple[str, bool], _Earlier] = {}

    def check(self, ask: Callable[[Prompt, Sampling], Sampled], *, adapter: bool, of: str = "") -> ProbeReading:
        """Compare, and keep what was said for the next time.

        Args:
            ask: asks the server.
            adapter: whether the model with its adapter is asked, or the one without.
            of: which of several servers is asked.

        Raises:
            PolicyError: server and local model are further apart than is allowed, or the server goes on with weights
                from before.
        """
        sampling = Sampling(temperature=0.0, max_tokens=_TOKENS, adapter=adapter)
        said = [ask(prompt, sampling) for prompt in self._prompts]
        local, best = self._read([one.token_ids for one in said], adapter=adapter)
        theirs = [value for one in said for value in one.logprobs]
        ours, tops = ([value for one in row for value in one] for row in (local, best))
        differences = [abs(one - other) for one, other in zip(theirs, ours, strict=True)]
        short = [top - value for value, top in zip(ours, tops, strict=True)]
        reading = ProbeReading(gap=statistics.fmean(differences), behind=max(short))
        self._require_new(said, self._earlier.get((of, adapter)), reading)
        self._earlier[of, adapter] = _Earlier(tuple(one.token_ids for one in said), local)
        if reading.gap > self._most or reading.behind > 10 * self._most:
            raise PolicyError(
                f"the server's model is not the one that trains: after the same prompts log-probabilities differ by"
                f" {reading.gap:.3g} nats a token, and {self._most:g} are allowed (inference.max_gap); is it the same"
                " checkpoint, in the same precision?"
            )
        return reading

    def _require_new(self, said: Sequence[Sampled], earlier: _Earlier | None, reading: ProbeReading) -> None:
        """Refuse a server that says what the weights before would have said, where the new ones say something else."""
        if earlier is None or earlier.ids != tuple(one.token_ids for one in said):
            return
        theirs = [value for one in said for value in one.logprobs]
        before = [value for one in earlier.local for value in one]
        to_before = statistics.fmean(abs(a - b) for a, b in zip(theirs, before, strict=True))
        if reading.gap > _MOVED * to_before:
            raise PolicyError(
                f"the server goes on with the weights of the step before: it is {to_before:.2g} nats a token from"
                f" these, and {reading.gap:.2g} from those that train now"
            )

    def require_processed(self, ask: Callable[[Prompt, Sampling], Sampled]) -> None:
        """Refuse a server that tells log-probabilities of another distribution than it draws from.

        Raises:
            PolicyError: they are not those at the temperature.
        """
        sampling = Sampling(temperature=_HOT, max_tokens=_TOKENS)
        said = [ask(prompt, sampling) for prompt in self._prompts]
        local, _ = self._read([one.token_ids for one in said], adapter=True, temperature=_HOT)
        pairs = [pair for one, mine in zip(said, local, strict=True) for pair in zip(one.logprobs, mine, strict=True)]
        gap = statistics.fmean(abs(theirs - ours) for theirs, ours in pairs)
        if gap > self._most:
            raise PolicyError(
                f"the server's log-probabilities are not those at the temperature that it samples at ({gap:.3g} nats a"
                " token apart): start it with --logprobs-mode processed_logprobs"
            )

    def _read(
        self, ids: Sequence[TokenIds], *, adapter: bool, temperature: float = 1.0
    ) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
        """Return what the local model makes of the tokens, and of those that it likes best in their places."""
        policy, found, best = self._policy, [], []
        with torch.no_grad(), policy.autocast(), _speaking(policy, adapter=adapter):
            for prompt, said in zip(self._prompts, ids, strict=True):
                row = torch.tensor([[*prompt.ids, *said]], device=policy.device)
                logits = policy.model(input_ids=row, use_cache=False).logits[0, len(prompt.ids) - 1 : -1]
                scores = (logits.float() / temperature).log_softmax(-1)
                found.append(tuple(scores[torch.arange(len(said)), torch.tensor(said)].tolist()))
                best.append(tuple(scores.max(-1).values.tolist()))
        return tuple(found), tuple(best)


def _prompt(policy: LocalModel, subject: str, number: int) -> Prompt:
    """Return a prompt about a subject, as long as the model can hold up to some repetitions."""
    limit = min((each.tokens for each in policy.length_limits), default=None)
    for repeats in range(_REPEATS, 0, -1):
        ids = policy.start([Message(role="user", content=f"Tell me about {subject}. " * repeats)])
        if limit is None or len(ids) + _TOKENS <= limit:
            break
    return Prompt(trunk=ids, key=number)


def _speaking(policy: LocalModel, *, adapter: bool) -> contextlib.AbstractContextManager[None]:
    if policy.adapter is None or adapter:
        return contextlib.nullcontext()
    return policy.adapter.switched_off()
