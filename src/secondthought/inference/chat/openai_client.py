"""`OpenAIClient` asks any endpoint that speaks OpenAI's chat/completions: hosted models, vLLM, llama.cpp, Ollama.

It sends conversations and gets texts; it is no policy: there are no token ids, and the server's template is its own.
A request that goes wrong is sent again; an answer that cannot be had is None with its reason.

| what happens | what is done |
|---|---|
| 408, 409, 425, 429, 5xx, a cut connection, no answer in time, a body that is no completion | tried again later |
| another 4xx (the text is too long for the model, say) | None: this conversation will never be answered |
| 401, 403, 404, a redirect, nobody there, and nothing was ever answered | PolicyError: nothing will be |
| `patience` conversations in a row without an answer | the rest is not asked: None |
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeAlias

from secondthought import rng
from secondthought.errors import PolicyError
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.http import NoReply, OpenRequests, Reply, address
from secondthought.inference.chat.replies import completion, retry_after, words
from secondthought.protocols import Answer
from secondthought.types import Message, Sampling

logger = logging.getLogger(__name__)

Wait: TypeAlias = Callable[[threading.Event, float], bool]
"""Wait so many seconds or until the event is set."""

_LATER = frozenset({408, 409, 425, 429, *range(500, 600)})
_HOPELESS = frozenset({401, 403, 404, 405, *range(300, 400)})
_LOOK_S = 0.1
_STOPPED = "not asked: the call was stopped"


@dataclass(slots=True)
class Usage:
    """`Usage` counts what a client has spent: requests, answered conversations, and tokens as far as servers tell."""

    requests: int = 0
    answers: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0


class OpenAIClient:
    """An `OpenAIClient` asks an endpoint; see `ChatModel`."""

    def __init__(self, endpoint: Endpoint, *, pause: Wait = threading.Event.wait) -> None:
        """Read the key from the environment. Nothing is sent yet."""
        self.endpoint = endpoint
        extra = json.dumps(dict(endpoint.extra), sort_keys=True) if endpoint.extra else ""
        self.name = f"{endpoint.model} {extra}".strip()
        self.usage = Usage()
        self._key = endpoint.key()
        self._address = address(endpoint.url)
        self._wait = pause

    def ask(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        keep: Callable[[Answer], None] = lambda answer: None,
    ) -> list[Answer]:
        """Ask the endpoint; see `ChatModel.ask`. Ctrl-C waits for the requests under way; a second one drops them."""
        call = _Call(self, conversations, sampling, keep)
        pool = ThreadPoolExecutor(self.endpoint.concurrency, thread_name_prefix="ask")
        workers: list[Future[None]] = []
        try:
            workers += (pool.submit(call.work) for _ in range(min(self.endpoint.concurrency, len(conversations))))
            _until_done(workers)
        except KeyboardInterrupt:
            logger.warning("stopping: waiting for the answers under way (Ctrl-C again drops them)")
            raise
        finally:
            call.stop.set()
            try:
                _until_done(workers, whatever_fails=True)
            except KeyboardInterrupt:
                call.requests.cut()
                raise
            finally:
                pool.shutdown()
        return call.answers

    def body(self, conversation: Sequence[Message], sampling: Sampling) -> bytes:
        """Write the body of the request for one conversation."""
        fields = {
            "model": self.endpoint.model,
            "messages": [{"role": message.role, "content": message.content} for message in conversation],
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            **self.endpoint.extra,
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()

    def headers(self) -> dict[str, str]:
        """Return the headers of a request, the key among them."""
        own = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "secondthought"}
        return own | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    def words(self, body: bytes) -> str:
        """Return what the server says is wrong, without the key should the server repeat it."""
        return words(body.replace(self._key.encode(), b"***") if self._key else body)


def _until_done(workers: Sequence[Future[None]], *, whatever_fails: bool = False) -> None:
    """Wait for the workers, or raise the first failure.

    The wait ends now and then, since the system may hand Ctrl-C to a worker's thread, and that wakes nobody here.
    """
    waiting = set(workers)
    while waiting:
        done, waiting = wait(waiting, timeout=_LOOK_S, return_when=FIRST_EXCEPTION)
        for worker in () if whatever_fails else done:
            worker.result()


class _Later(Exception):
    """`_Later` says that another attempt is worth it, after the seconds that the server asked for if it did."""

    def __init__(self, reason: str, seconds: float | None = None, *, reached: bool = True) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reached = reached


class _Never(Exception):
    """`_Never` says that no attempt will be answered."""


class _Call:
    """A `_Call` is one call of `ask`: its workers take the next conversation each until none is left."""

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
        self.requests = OpenRequests()
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
                seconds = self.endpoint.delay(attempt, reason.seconds, jitter)
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
            reply = self.requests.post(client._address, body, client.headers(), self.endpoint.time_limit_s)
        except NoReply as error:
            raise _Later(str(error), reached=error.reached) from None
        if reply.status != 200:
            self._refused(reply)
        answer = completion(reply.body)
        if answer is None:
            raise _Later(f"the body is no chat completion: {client.words(reply.body)}")
        with self._lock:
            client.usage.answers += 1
            client.usage.prompt_tokens += answer.prompt_tokens
            client.usage.answer_tokens += answer.answer_tokens
        return answer.text

    def _refused(self, reply: Reply) -> None:
        reason = f"HTTP {reply.status}: {self.client.words(reply.body)}"
        if reply.status in _LATER:
            raise _Later(reason, retry_after(reply.headers))
        if reply.status in _HOPELESS and not self.client.usage.answers:
            raise PolicyError(f"{self.endpoint.url}: {reason}; check the URL, the model's name and the key's variable")
        raise _Never(reason)
