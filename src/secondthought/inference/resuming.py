"""A measurement that was interrupted goes on where it was: its samples are kept in a file as they are drawn.

    {"made_by"}                                              the first line: a digest of who samples
    {"of", "token_ids", "logprobs", "text", "stop"}          a completion; `of` is a digest of what it continues

The measurement itself is begun again, and plays as before: what it asks for that is in the file is not sampled twice.
So whatever is sampled can be resumed, in any order, without a word about it where it is played. No torch here.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from secondthought import jsonl
from secondthought.disk import why_unread, why_unwritten
from secondthought.errors import RunError
from secondthought.inference.batch_flow import BatchFlow
from secondthought.protocols import Fingerprinted, Flow, FlyingPolicy, Policy, RankedPolicy, Ranks
from secondthought.runs import contents
from secondthought.types import Completion, Message, Prompt, Sampling, StopReason, TokenIds

SAMPLES = ".samples"
"""The end of the name of such a file."""

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def resumable(policy: Policy, path: Path | None) -> Iterator[Policy]:
    """Wrap a policy so that its samples are kept in a file, which stays: `drop_samples` when what they gave is written.

    With replicas in other processes each of them keeps its own. Without a path nothing is kept.

    Raises:
        RunError: the file cannot be read or written.
    """
    if path is None:
        yield policy
        return
    world = policy.world if isinstance(policy, RankedPolicy) else None
    if world is not None and world.size > 1:
        path = path.with_name(f"{path.name.removesuffix(SAMPLES)}.{world.rank}-of-{world.size}{SAMPLES}")
    kept = KeptSamples(path, maker_of(policy))
    if kept.number:
        logger.info("%s: goes on after the %d samples that an interrupted call kept", path, kept.number)
    yield _kept_policy(policy, kept)


def drop_samples(directory: Path) -> None:
    """Delete the samples that were kept in a directory: what was measured with them is written."""
    for path in directory.glob(f"*{SAMPLES}"):
        path.unlink(missing_ok=True)


def maker_of(policy: Policy) -> str:
    """Return a digest of who samples: the package's code, the policy's name, what its tokens mean, its weights."""
    return contents.digest_of(
        {
            "package": contents.digest_of_package(),
            "policy": policy.name,
            "tokens": policy.fingerprint() if isinstance(policy, Fingerprinted) else None,
            "weights": policy.weights_digest() if isinstance(policy, WeightedPolicy) else None,
        }
    )


@runtime_checkable
class WeightedPolicy(Protocol):
    """A `WeightedPolicy` can tell whether its weights are those that it had: they may change under its name."""

    def weights_digest(self) -> str:
        """Return a digest of all its weights as they are now."""
        ...


class KeptSamples:
    """`KeptSamples` are completions in a file, found by what they continue and how."""

    def __init__(self, path: Path, made_by: str) -> None:
        """Read what is there; samples of another maker are deleted, since nobody would draw them again.

        Raises:
            RunError: the file cannot be read.
        """
        self.path = path
        self._made_by = made_by
        self._found: dict[str, Completion] = {}
        self._has_file = False
        try:
            if path.exists():
                self._read()
        except OSError as error:
            raise RunError(why_unread(path, error)) from None

    @property
    def number(self) -> int:
        """Return how many samples are there."""
        return len(self._found)

    def find(self, prompt: Prompt, sampling: Sampling) -> Completion | None:
        """Return the completion that was kept, or None."""
        return self._found.get(_name(prompt, sampling))

    def add(self, drawn: Sequence[tuple[Prompt, Sampling, Completion]]) -> None:
        """Write completions down: they are with the operating system when this returns.

        Raises:
            RunError: the disk refuses.
        """
        if not drawn:
            return
        rows: list[Mapping[str, Any]] = [] if self._has_file else [{"made_by": self._made_by}]
        for prompt, sampling, completion in drawn:
            name = _name(prompt, sampling)
            self._found[name] = completion
            rows.append({"of": name, **_row(completion)})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab" if self._has_file else "wb") as file:
                file.write("".join(f"{jsonl.dumps(row)}\n" for row in rows).encode())
        except OSError as error:
            raise RunError(why_unwritten(self.path, error)) from None
        self._has_file = True

    def discard(self) -> None:
        """Delete the file: what was measured is written elsewhere now."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        """Take the lines, if all are ours: no writer leaves another one, so a file that holds one is begun anew."""
        jsonl.require_plain(self.path)
        jsonl.drop_torn_line(self.path)
        lines = jsonl.read(self.path)
        first = next(lines, None)
        if first is None or first.value is None or first.value.get("made_by") != self._made_by:
            self.discard()
            return
        found = {}
        for line in lines:
            completion = _completion(line.value or {})
            if completion is None:
                self.discard()
                return
            found[completion[0]] = completion[1]
        self._found, self._has_file = found, True


class ResumablePolicy:
    """A `ResumablePolicy` is a policy whose completions are kept: what it is asked again it reads."""

    def __init__(self, policy: Policy, kept: KeptSamples) -> None:
        self.name = policy.name
        self.policy = policy
        self.kept = kept

    @property
    def world(self) -> Ranks | None:
        """Return the processes that share the policy's work; None if it plays alone."""
        return self.policy.world if isinstance(self.policy, RankedPolicy) else None

    def start(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> TokenIds:
        """See `Policy.start`."""
        return self.policy.start(messages, tools)

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """See `Policy.follow`."""
        return self.policy.follow(completion, request)

    def encode(self, text: str) -> Completion:
        """See `Policy.encode`."""
        return self.policy.encode(text)

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """See `Policy.sample`."""
        known = [self.kept.find(prompt, sampling) for prompt in prompts]
        asked = [prompt for prompt, found in zip(prompts, known, strict=True) if found is None]
        drawn = self.policy.sample(asked, sampling) if asked else []
        self.kept.add([(prompt, sampling, found) for prompt, found in zip(asked, drawn, strict=True)])
        rest = iter(drawn)
        return [next(rest) if found is None else found for found in known]

    @contextlib.contextmanager
    def flow(self) -> Iterator[Flow]:
        """See `FlyingPolicy.flow`."""
        if isinstance(self.policy, FlyingPolicy):
            with self.policy.flow() as flow:
                yield _KeptFlow(flow, self.kept)
        else:
            yield _KeptFlow(BatchFlow(self.policy), self.kept)


class _FingerprintedPolicy(ResumablePolicy):
    """A resumable policy that can tell what its tokens mean, as the one behind it can."""

    def fingerprint(self) -> str:
        """See `Fingerprinted.fingerprint`."""
        if not isinstance(self.policy, Fingerprinted):
            raise TypeError("the policy behind states no fingerprint")
        return self.policy.fingerprint()


def _kept_policy(policy: Policy, kept: KeptSamples) -> ResumablePolicy:
    return (_FingerprintedPolicy if isinstance(policy, Fingerprinted) else ResumablePolicy)(policy, kept)


class _KeptFlow:
    """A flow that gives what is kept at once, and keeps what another flow samples."""

    def __init__(self, flow: Flow, kept: KeptSamples) -> None:
        self._flow, self._kept = flow, kept
        self._ready: list[tuple[int, Completion]] = []
        self._under_way: dict[int, tuple[int, Prompt, Sampling]] = {}
        self._num_tickets = 0

    def add(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[int]:
        """See `Flow.add`."""
        tickets = list(range(self._num_tickets, self._num_tickets + len(prompts)))
        self._num_tickets += len(prompts)
        known = [self._kept.find(prompt, sampling) for prompt in prompts]
        pairs = list(zip(tickets, prompts, known, strict=True))
        self._ready += [(ticket, found) for ticket, _, found in pairs if found is not None]
        asked = [(ticket, prompt) for ticket, prompt, found in pairs if found is None]
        inner = self._flow.add([prompt for _, prompt in asked], sampling) if asked else []
        for number, (ticket, prompt) in zip(inner, asked, strict=True):
            self._under_way[number] = ticket, prompt, sampling
        return tickets

    def step(self) -> list[tuple[int, Completion]]:
        """Return what is kept before anything is sampled, so that all that is missing is sampled together."""
        if self._ready:
            ready, self._ready = self._ready, []
            return ready
        ended = [(*self._under_way.pop(number), completion) for number, completion in self._flow.step()]
        self._kept.add([(prompt, sampling, completion) for _, prompt, sampling, completion in ended])
        return [(ticket, completion) for ticket, _, _, completion in ended]


def _name(prompt: Prompt, sampling: Sampling) -> str:
    """Return a digest of the ids, the key and the way of sampling: equal ones give equal completions."""
    said = f"{prompt.ids}:{prompt.key}:{sampling}"
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def _row(completion: Completion) -> dict[str, Any]:
    return {
        "token_ids": list(completion.token_ids),
        "logprobs": list(completion.logprobs),
        "text": completion.text,
        "stop": completion.stop.value,
    }


def _completion(row: Mapping[str, Any]) -> tuple[str, Completion] | None:
    """Read one line; None if it is not as `_row` writes it."""
    try:
        ids, logprobs = tuple(map(int, row["token_ids"])), tuple(map(_logprob, row["logprobs"]))
        found = Completion(token_ids=ids, logprobs=logprobs, text=str(row["text"]), stop=StopReason(row["stop"]))
        return (str(row["of"]), found) if len(ids) == len(logprobs) else None
    except (KeyError, TypeError, ValueError):
        return None


def _logprob(value: Any) -> float:
    return math.nan if value is None else float(value)  # what JSON lacks is written as null
