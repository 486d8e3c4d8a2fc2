"""A `ServedPolicy` is the model that trains here, sampled by a vLLM server.

Conversations are put together by the local model's own tokenizer and template, so a server only ever sees ids. Before
anything is sampled the server is given the weights as they are, if they have changed; a probe then compares the two.

Of several processes that train, which hold the same weights, rank 0 brings them over and probes. The others wait, are
told which servers have them under which name, and ask these servers for their own share.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from secondthought.config.inference import InferenceConfig
from secondthought.errors import ConfigError, PolicyError
from secondthought.inference.local import LocalPolicy
from secondthought.inference.served.carriers import AdapterCarrier, Carrier, WeightCarrier
from secondthought.inference.served.pool import ServerPool
from secondthought.inference.served.probe import ProbeReading, ServerProbe
from secondthought.inference.served.server import Sampled, ServerAddress, ServerGone, VllmServer
from secondthought.protocols import Flow, Ranks
from secondthought.types import Completion, Message, Prompt, Sampling, StopReason, TokenIds

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """`Brought` says where the weights of a moment are."""

    model: str
    """The name by which servers know the model that has them."""
    up: tuple[int, ...]
    """Which servers, by their place, took them."""
    reading: ProbeReading
    """The probe's reading; of several servers, that of the one that is furthest away."""


class ServedPolicy:
    """A `ServedPolicy` samples by a server; see `Policy`, `FlyingPolicy` and `RankedPolicy`."""

    def __init__(
        self,
        local: LocalPolicy,
        servers: ServerPool,
        carrier: Carrier,
        probe: ServerProbe,
        *,
        base: str,
        workers: int,
    ) -> None:
        """Take the parts; `served_policy` puts them together. Servers know their own model as `base`."""
        self.local, self.name = local, local.name
        self.servers = servers
        self.brought: Brought | None = None
        """The place of the weights at the servers; None before they were brought for the first time."""
        self._carrier, self._probe, self._base = carrier, probe, base
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="served")
        self._as_brought: tuple[tuple[int, int], ...] | None = None
        self._is_held = False
        self._known: set[VllmServer] = set()
        """Servers whose own model and whose log-probabilities were checked; one may come late."""

    @property
    def world(self) -> Ranks | None:
        """Return the processes that share the policy's work; None if it plays alone."""
        return self.local.world

    def start(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> TokenIds:
        """See `Policy.start`."""
        return self.local.start(messages, tools)

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """See `Policy.follow`."""
        return self.local.follow(completion, request)

    def encode(self, text: str) -> Completion:
        """See `Policy.encode`."""
        return self.local.encode(text)

    def fingerprint(self) -> str:
        """See `Fingerprinted.fingerprint`."""
        return self.local.fingerprint()

    def weights_digest(self) -> str:
        """Return a digest of all weights as they are now: the servers are given these before they sample."""
        return self.local.weights_digest()

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """Sample completions (`Policy.sample`); a request that fails for good ends the call.

        Raises:
            PolicyError: the server does not do as it is told.
        """
        self.local.check_lengths(prompts, sampling)
        self.bring()
        futures = [self._submit(prompt, sampling) for prompt in prompts]
        try:
            return [self._completion(future.result()) for future in futures]
        finally:
            for future in futures:
                future.cancel()

    @contextlib.contextmanager
    def flow(self) -> Iterator[Flow]:
        """Open a flow (`FlyingPolicy.flow`); weights must not change while it is open."""
        self.bring()
        flow = _ServedFlow(self)
        try:
            yield flow
        finally:
            flow.cancel()

    def bring(self) -> None:
        """Give the server the weights as they are now, unless it has them, and compare. All processes must call it.

        Raises:
            PolicyError: the server does not take them, or samples from others.
        """
        if self._is_held:
            return
        if self.world is None:
            self._bring_if_changed()
            return
        mine = self._bring_if_changed() if self.world.rank == 0 else None
        brought = self.world.gather("new weights at the servers", mine)[0]
        if brought is not None and brought != self.brought:
            self.brought = brought
            self.servers.keep([self.servers.servers[place] for place in brought.up])

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Sample by the weights that the servers have, whatever becomes of those here, as long as the context lasts."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False

    def _bring_if_changed(self) -> Brought:
        """Bring the weights over and compare, unless they are where they were and as they were."""
        now = self._state()
        if self.brought is not None and now == self._as_brought:
            return self.brought
        model = self._carrier.bring()
        readings = [found for server in self.servers.up if (found := self._compared(server, model))]
        reading = max(readings, key=lambda reading: reading.gap)
        up = tuple(place for place, server in enumerate(self.servers.servers) if server in self.servers.up)
        self.brought, self._as_brought = Brought(model=model, up=up, reading=reading), now
        logger.info("%s: the server's log-probabilities are %.2g nats a token from ours", self.name, reading.gap)
        return self.brought

    def cut(self) -> None:
        """Cut what is under way at the servers: whoever waits for it gets nothing."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.servers.cut()

    def close(self) -> None:
        """Let the servers go."""
        self.cut()
        self._pool.shutdown(wait=True)
        self._carrier.close()
        self.servers.close()

    def _compared(self, server: VllmServer, model: str) -> ProbeReading | None:
        """Compare one server's model with the local one; a server that no longer answers is left out."""

        def ask(prompt: Prompt, sampling: Sampling) -> Sampled:
            return server.sample(prompt, sampling, model if sampling.adapter else self._base)

        try:
            if server not in self._known and self.local.adapter is not None:
                self._probe.check(ask, adapter=False, of=server.shown)  # the server's base model is ours
            reading = self._probe.check(ask, adapter=True, of=server.shown)
            if server not in self._known:
                self._probe.require_processed(ask)
                self._known.add(server)
        except ServerGone as error:
            self.servers.leave_out(server, error)
            return None
        return reading

    def _asked(self, prompt: Prompt, sampling: Sampling) -> Sampled:
        trained = self._base if self.brought is None else self.brought.model
        return self.servers.sample(prompt, sampling, trained if sampling.adapter else self._base)

    def _submit(self, prompt: Prompt, sampling: Sampling) -> Future[Sampled]:
        return self._pool.submit(self._asked, prompt, sampling)

    def _completion(self, sampled: Sampled) -> Completion:
        """Return a completion as the local policy would: what follows an end of turn is no part of it."""
        ids, logprobs, stops = sampled.token_ids, sampled.logprobs, self.local.stop_ids
        end = next((place for place, token in enumerate(ids) if token in stops), None)
        if end is not None and end + 1 < len(ids):
            raise PolicyError(f"{self.name}: the server went on after the token that ends a turn")
        text = self.local.chat.decode(ids if end is None else ids[:end])
        stop = StopReason.LENGTH if end is None else StopReason.END
        return Completion(token_ids=ids, logprobs=logprobs, text=text, stop=stop)

    def measurements(self) -> dict[str, float]:
        """Return the gap that the last probe found."""
        return {} if self.brought is None else {"inference/gap": self.brought.reading.gap}

    def _state(self) -> tuple[tuple[int, int], ...]:
        """Return what changes whenever a weight is written, by whomever: where it is, and how often it was."""
        return tuple((parameter.data_ptr(), parameter._version) for parameter in self.local.model.parameters())


class _ServedFlow:
    """Requests under way: each completion is told as it comes."""

    def __init__(self, policy: ServedPolicy) -> None:
        self._policy = policy
        self._done: queue.SimpleQueue[tuple[int, Future[Sampled]]] = queue.SimpleQueue()
        self._open: dict[int, Future[Sampled]] = {}
        self._num_tickets = 0

    def add(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[int]:
        """See `Flow.add`."""
        self._policy.local.check_lengths(prompts, sampling)
        tickets = list(range(self._num_tickets, self._num_tickets + len(prompts)))
        self._num_tickets += len(prompts)
        for ticket, prompt in zip(tickets, prompts, strict=True):
            future = self._policy._submit(prompt, sampling)
            self._open[ticket] = future
            future.add_done_callback(partial(self._came, ticket))
        return tickets

    def step(self) -> list[tuple[int, Completion]]:
        """Wait for one completion, and take what else has come (`Flow.step`)."""
        if not self._open:
            return []
        came = [self._done.get()]
        while not self._done.empty():
            came.append(self._done.get())
        for ticket, _ in came:
            del self._open[ticket]
        return [(ticket, self._policy._completion(done.result())) for ticket, done in came]

    def _came(self, ticket: int, done: Future[Sampled]) -> None:
        self._done.put((ticket, done))

    def cancel(self) -> None:
        """Let go of what nobody waits for any more."""
        for future in self._open.values():
            future.cancel()


@contextlib.contextmanager
def served_policy(local: LocalPolicy, config: InferenceConfig, folder: Path) -> Iterator[ServedPolicy]:
    """Have a local model sampled by the server that the settings name.

    Args:
        local: the model that trains.
        config: where the server is.
        folder: for weights on their way; the server must see it under the same path.

    Raises:
        ConfigError: settings name no server.
        PolicyError: nobody answers there, or it serves another model.
    """
    rank = 0 if local.world is None else local.world.rank
    servers = ServerPool([VllmServer(address, local.stop_ids) for address in _addresses(config)], first=rank)
    try:
        base, where = _base_of(servers), folder.absolute()
        if rank == 0:
            shutil.rmtree(where, ignore_errors=True)  # weights that a run left which was killed
        carrier: Carrier = (
            WeightCarrier(local, servers, where, base)
            if local.adapter is None
            else AdapterCarrier(local, servers, where)
        )
        probe = ServerProbe(local, most=config.max_gap)
        policy = ServedPolicy(local, servers, carrier, probe, base=base, workers=config.concurrency)
    except BaseException:
        servers.close()
        raise
    try:
        yield policy
    finally:
        policy.close()


def _addresses(config: InferenceConfig) -> list[ServerAddress]:
    if not config.url:
        raise ConfigError("inference.url is missing: where is the vLLM server? Such as http://localhost:8000")
    urls = (config.url,) if isinstance(config.url, str) else config.url
    return [
        ServerAddress(url=url, key_variable=config.key_env, time_limit_s=config.time_limit_s, attempts=config.attempts)
        for url in urls
    ]


def _base_of(servers: ServerPool) -> str:
    """Return the name of the model that all servers hold."""
    names: dict[str, str] = {}
    servers.each(lambda server: names.update({server.shown: (server.models() or [""])[0]}))
    first, *others = names.items()
    for where, name in others:
        if name != first[1]:
            raise PolicyError(f"{where} serves {name}, and {first[0]} serves {first[1]}; all must serve the same model")
    return first[1]
