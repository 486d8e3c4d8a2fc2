"""A client of any endpoint that speaks OpenAI's chat/completions: hosted models, vLLM, llama.cpp, Ollama.

It sends conversations and gets texts; it is no policy: there are no token ids, and the server's template is its own.
What goes wrong on the way is tried again, and what cannot be had is None with its reason.

| what happens | what is done |
|---|---|
| 408, 409, 425, 429, 5xx, a cut connection, no answer in time, a body that is no completion | tried again later |
| another 4xx (the text is too long for the model, say) | None: this conversation will never be answered |
| 401, 403, 404, a redirect, nobody there, and nothing was ever answered | PolicyError: nothing will be |
| `patience` conversations in a row without an answer | the rest is not asked: None |
"""

from __future__ import annotations

import email.utils
import itertools
import json
import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from secondthought import rng
from secondthought.errors import ConfigError, PolicyError
from secondthought.policies.openai_http import NoReply, Reply, Wires, address
from secondthought.protocols import Answer
from secondthought.types import Message, Sampling

logger = logging.getLogger(__name__)

Wait: TypeAlias = Callable[[threading.Event, float], bool]
"""Wait so many seconds or until the event is set."""

_LATER = frozenset({408, 409, 425, 429, *range(500, 600)})
_HOPELESS = frozenset({401, 403, 404, 405, *range(300, 400)})
_STOPPED = "not asked: the call was stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a model is served, and how patiently it is asked."""

    url: str
    """Base URL, such as http://localhost:8000/v1."""
    model: str
    """Name of the model as the server knows it."""
    key_variable: str | None = None
    """Environment variable that holds the key; None sends none. The key itself is never stored, shown or logged."""
    time_limit_s: float = 120.0
    """Longest that one request may take, from connecting to the last byte."""
    concurrency: int = 8
    """Requests under way at once, at most."""
    attempts: int = 6
    """Requests that one conversation is worth."""
    first_delay_s: float = 1.0
    """Wait before the second attempt, doubled for each one after."""
    longest_delay_s: float = 60.0
    """Longest wait; a server that asks for a longer one (Retry-After) is not asked again."""
    patience: int = 16
    """Conversations in a row without an answer after which the rest is not asked."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields to add to every request; None takes a field away ({"max_tokens": None, "max_completion_tokens": 800})."""

    def __post_init__(self) -> None:
        address(self.url)
        if not self.model:
            raise ConfigError("endpoint: model is empty; name a model that the server has")
        for name in ("concurrency", "attempts", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"endpoint: {name} is {getattr(self, name)}; it must be at least 1")
        if not (self.time_limit_s > 0 and self.first_delay_s >= 0 and self.longest_delay_s >= 0):
            raise ConfigError("endpoint: time_limit_s must be above 0, and the delays not below it")


@dataclass(slots=True)
class Usage:
    """What a client has spent: requests sent, conversations answered, and tokens as far as the server tells."""

    requests: int = 0
    answers: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0


class OpenAIClient:
    """Asks an endpoint; see `Asks`."""

    def __init__(self, endpoint: Endpoint, *, wait: Wait = threading.Event.wait) -> None:
        """Read the key from the environment. Nothing is sent yet."""
        self.endpoint = endpoint
        extra = json.dumps(dict(endpoint.extra), sort_keys=True) if endpoint.extra else ""
        self.name = f"{endpoint.model} {extra}".strip()
        self.usage = Usage()
        self._key = _key(endpoint.key_variable)
        self._address = address(endpoint.url)
        self._wait = wait

    def ask(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        keep: Callable[[Answer], None] = lambda answer: None,
    ) -> list[Answer]:
        """See `Asks.ask`. Ctrl-C sends nothing more and waits for what is under way; a second one drops it."""
        call = _Call(self, conversations, sampling, keep)
        pool = ThreadPoolExecutor(self.endpoint.concurrency, thread_name_prefix="ask")
        try:
            workers = [pool.submit(call.work) for _ in range(min(self.endpoint.concurrency, len(conversations)))]
            _raise_first(workers)
        except KeyboardInterrupt:
            logger.warning("stopping: waiting for the answers under way (Ctrl-C again drops them)")
            raise
        finally:
            call.stop.set()
            try:
                pool.shutdown(wait=True)
            except KeyboardInterrupt:
                call.wires.cut()
                raise
        return call.answers

    def body(self, conversation: Sequence[Message], sampling: Sampling) -> bytes:
        """What is sent for one conversation."""
        fields = {
            "model": self.endpoint.model,
            "messages": [{"role": message.role, "content": message.content} for message in conversation],
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            **self.endpoint.extra,
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()

    def headers(self) -> dict[str, str]:
        """Headers of every request, the key among them."""
        own = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "secondthought"}
        return own | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    def without_key(self, text: str) -> str:
        """A server's words, should they repeat the key."""
        return text.replace(self._key, "***") if self._key else text

    def delay(self, attempt: int, asked_for: float | None, jitter: random.Random) -> float | None:
        """Seconds to wait after the n-th attempt failed, or None if waiting is no use.

        min(longest, first * 2^(n - 1)) * U(1/2, 1); where the server asks for a time, that time + U(0, first).
        """
        if attempt >= self.endpoint.attempts:
            return None
        if asked_for is not None:
            wanted = asked_for + jitter.random() * self.endpoint.first_delay_s
            return wanted if asked_for <= self.endpoint.longest_delay_s else None
        full = min(self.endpoint.longest_delay_s, self.endpoint.first_delay_s * 2.0 ** min(attempt - 1, 60))
        return full * (0.5 + jitter.random() / 2)


class _Later(Exception):
    """Worth another attempt, after the seconds that the server asked for if it did."""

    def __init__(self, reason: str, seconds: float | None = None, *, reached: bool = True) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reached = reached


class _Never(Exception):
    """This conversation will not be answered."""


class _Call:
    """One call of `ask`: its workers take the next conversation each until none is left."""

    def __init__(
        self,
        client: OpenAIClient,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        keep: Callable[[Answer], None],
    ) -> None:
        self.client, self.endpoint = client, client.endpoint
        self.conversations, self.sampling, self.keep = conversations, sampling, keep
        self.answers = [Answer(i, None, _STOPPED) for i in range(len(conversations))]
        self.stop = threading.Event()
        self.wires = Wires()
        self._next: Iterator[int] = itertools.count()
        self._lock = threading.Lock()
        self._failed_in_row = 0

    def work(self) -> None:
        """Answer conversations until there are no more, or the call is stopped."""
        try:
            while not self.stop.is_set() and (index := self._take()) is not None:
                self._finish(self._answer(index))
        except BaseException:
            self.stop.set()
            raise

    def _take(self) -> int | None:
        with self._lock:
            index = next(self._next)
        return index if index < len(self.conversations) else None

    def _finish(self, answer: Answer) -> None:
        with self._lock:
            self.answers[answer.index] = answer
            if answer.error != _STOPPED:
                self.keep(answer)

    def _answer(self, index: int) -> Answer:
        if self._failed_in_row >= self.endpoint.patience:
            return Answer(index, None, f"not asked: {self.endpoint.patience} in a row before it got no answer")
        try:
            text = self._try(index)
        except _Never as reason:
            return Answer(index, None, str(reason))
        except _Later as reason:
            if self.stop.is_set():
                return Answer(index, None, _STOPPED)
            self._give_up(reason)
            return Answer(index, None, str(reason))
        with self._lock:
            self._failed_in_row = 0
        return Answer(index, text)

    def _try(self, index: int) -> str:
        jitter = rng.stream("back-off", os.getpid(), index)
        body = self.client.body(self.conversations[index], self.sampling)
        for attempt in itertools.count(1):
            try:
                return self._request(body)
            except _Later as reason:
                seconds = self.client.delay(attempt, reason.seconds, jitter)
                if seconds is None:
                    raise
                logger.info("attempt %d: %s; again in %.1f s", attempt, reason, seconds)
                if self.client._wait(self.stop, seconds) or self.stop.is_set():
                    raise
        raise AssertionError

    def _give_up(self, reason: _Later) -> None:
        with self._lock:
            self._failed_in_row += 1
        if not reason.reached and not self.client.usage.answers:
            raise PolicyError(f"{self.endpoint.url}: nobody answers there ({reason}); is the server running?")

    def _request(self, body: bytes) -> str:
        client = self.client
        with self._lock:
            client.usage.requests += 1
        try:
            reply = self.wires.post(client._address, body, client.headers(), self.endpoint.time_limit_s)
        except NoReply as error:
            raise _Later(str(error), reached=error.reached) from None
        if reply.status != 200:
            self._refused(reply)
        text, usage = _completion(reply.body)
        with self._lock:
            client.usage.answers += 1
            client.usage.prompt_tokens += usage[0]
            client.usage.answer_tokens += usage[1]
        return text

    def _refused(self, reply: Reply) -> None:
        reason = self.client.without_key(f"HTTP {reply.status}: {_words(reply.body)}")
        if reply.status in _LATER:
            raise _Later(reason, _retry_after(reply))
        if reply.status in _HOPELESS and not self.client.usage.answers:
            raise PolicyError(f"{self.endpoint.url}: {reason}; check the URL, the model's name and the key's variable")
        raise _Never(reason)


def _raise_first(workers: Sequence[Future[None]]) -> None:
    for worker in workers:
        worker.result()


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError(f"endpoint: the environment variable {variable} is not set; put the key into it")
    # The library's own error would show the key.
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"endpoint: the key in {variable} holds characters that no HTTP header may hold")
    return key


def _completion(body: bytes) -> tuple[str, tuple[int, int]]:
    """The text of a chat completion, and the tokens of its prompt and answer (0 where the server does not tell)."""
    try:
        parsed = json.loads(body)
        text = parsed["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, LookupError, TypeError):
        raise _Later(f"the body is no chat completion: {_words(body)}") from None
    if not isinstance(text, str | None):
        raise _Later(f"the body is no chat completion: {_words(body)}")
    usage = parsed.get("usage")
    counts = [usage.get(name) if isinstance(usage, dict) else 0 for name in ("prompt_tokens", "completion_tokens")]
    prompt, answer = (count if isinstance(count, int) else 0 for count in counts)
    # A model that spent all its tokens on thinking, or declined, has said nothing: that is an answer too.
    return text or "", (prompt, answer)


def _words(body: bytes, most: int = 200) -> str:
    """What a server says is wrong, on one line."""
    text = body[: 64 * most].decode("utf-8", "replace")
    try:
        found = json.loads(body)["error"]
        text = str(found["message"] if isinstance(found, dict) else found)
    except (ValueError, RecursionError, LookupError, TypeError):
        pass
    line = " ".join(text.split())
    return (line[:most] + "..." if len(line) > most else line) or "no words"


def _retry_after(reply: Reply) -> float | None:
    """Seconds that the server asks to wait: a number, or a date."""
    value = (reply.headers.get("Retry-After") or "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
