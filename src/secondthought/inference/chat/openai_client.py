"""`OpenAIClient` asks any endpoint that speaks OpenAI's chat/completions: hosted models, vLLM, llama.cpp, Ollama.

It sends conversations and gets texts; it is no policy: there are no token ids, and the server's template is its own.
A request that goes wrong is sent again; an answer that cannot be had is None with its reason.

| what happens | what is done |
|---|---|
| 408, 409, 425, 429, 5xx, a cut connection, no answer in time, a body that is no completion | tried again later |
| another 4xx (the text is too long for the model, say) | None: this conversation will never be answered |
| an answer that is empty, refused, or cut off at the token limit | None: the reason says what to change |
| 401, 402, 403, 404, a redirect, nobody there, and nothing was ever answered | PolicyError: nothing will be |
| `patience` conversations in a row without an answer | the rest is not asked: None |

While nothing was ever answered, refusals are counted by `patience` as well: what every request gets is a wrong setting.
After an answer they say something of their conversations only, and texts that are too long may well stand in a row.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from secondthought import rng
from secondthought.errors import PolicyError
from secondthought.inference.chat.address import address, proxy_note, shown
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.http import NoReply, OpenRequests, Reply
from secondthought.inference.chat.replies import PASSING, ChatReply, completion, retry_after, words
from secondthought.tools.wrapping import wrapped
from secondthought.types import Answer, Message, Sampling

logger = logging.getLogger(__name__)

Wait: TypeAlias = Callable[[threading.Event, float], bool]
"""Wait so many seconds or until the event is set."""

_HOPELESS = frozenset({401, 402, 403, 404, 405, 407, *range(300, 400)})
_LOOK_S = 0.1
_STOPPED = "not asked: the call was stopped"
_REMEDIES = {
    "max_completion_tokens": "give --ask.request.max-tokens null --ask.request.max-completion-tokens N",
    "max_tokens": "give --ask.request.max-tokens null, or a smaller --ask.max-tokens",
    "temperature": "give --ask.request.temperature null",
}
"""Fields that some servers refuse, and what to put into `Endpoint.extra` then, in the words of the command line."""


@dataclass(slots=True)
class Usage:
    """`Usage` counts what a client has spent: requests, answered conversations, and tokens as far as servers tell."""

    requests: int = 0
    answers: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0


class OpenAIClient:
    """An `OpenAIClient` asks an endpoint; see `ChatModel`."""

    def __init__(self, endpoint: Endpoint, *, takes_parts: bool = False, pause: Wait = threading.Event.wait) -> None:
        """Read the key from the environment. Nothing is sent yet.

        Who `takes_parts` gets what was cut off, left empty or refused as a text, with the reason beside it.
        """
        self.endpoint = endpoint
        extra = json.dumps(dict(endpoint.extra), sort_keys=True) if endpoint.extra else ""
        self.name = f"{endpoint.model} {extra}".strip()
        self.usage = Usage()
        self._key = endpoint.key()
        self._address = address(endpoint.url)
        self._takes_parts = takes_parts
        self._wait = pause
        self._failed_in_row = 0  # conversations without an answer since the last one with an answer, over all calls

    def ask(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        keep: Callable[[Answer], None] = lambda answer: None,
        tools: Sequence[Sequence[Mapping[str, Any]]] = (),
    ) -> list[Answer]:
        """Ask the endpoint; see `ChatModel.ask`. Ctrl-C waits for the requests under way; a second one drops them."""
        # A later call gets one attempt again: the server may be back.
        self._failed_in_row = min(self._failed_in_row, self.endpoint.patience - 1)
        with OpenRequests() as requests:
            return self._ask(_Call(self, requests, conversations, sampling, keep, tools))

    def _ask(self, call: _Call) -> list[Answer]:
        pool = ThreadPoolExecutor(self.endpoint.concurrency, thread_name_prefix="ask")
        workers: list[Future[None]] = []
        try:
            workers += (pool.submit(call.work) for _ in range(min(self.endpoint.concurrency, len(call.conversations))))
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

    def body(
        self, conversation: Sequence[Message], sampling: Sampling, tools: Sequence[Mapping[str, Any]] = ()
    ) -> bytes:
        """Write the body of the request for one conversation."""
        fields = {
            "model": self.endpoint.model,
            "messages": [{"role": message.role, "content": message.content} for message in conversation],
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "tools": [wrapped(tool) for tool in tools] or None,
            **self.endpoint.extra,
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()

    def headers(self) -> dict[str, str]:
        """Return the headers of a request, the key among them."""
        own = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "secondthought"}
        return own | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    def words(self, body: bytes) -> str:
        """Return what the server says is wrong, without the key should the server repeat it."""
        return self.without_key(words(body.replace(self._key.encode(), b"***") if self._key else body))

    def without_key(self, text: str) -> str:
        """Return a text of the server's without the key."""
        return text.replace(self._key, "***") if self._key else text


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
    """`_Never` says that no attempt will be answered; `hopeless` if that holds for any other conversation as well.

    It is `refused` if the server said so of this conversation: with other settings there may be an answer else.
    """

    def __init__(self, reason: str, *, hopeless: bool = False, refused: bool = False) -> None:
        super().__init__(reason)
        self.hopeless, self.refused = hopeless, refused


class _Call:
    """A `_Call` is one call of `ask`: its workers take the next conversation each until none is left."""

    def __init__(
        self,
        client: OpenAIClient,
        requests: OpenRequests,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        keep: Callable[[Answer], None],
        tools: Sequence[Sequence[Mapping[str, Any]]],
    ) -> None:
        self.client, self.endpoint = client, client.endpoint
        self.conversations, self.sampling, self.keep = conversations, sampling, keep
        self.tools = tools or [()] * len(conversations)
        self.answers = [Answer(i, None, _STOPPED) for i in range(len(conversations))]
        self.stop = threading.Event()
        self.requests = requests
        self._next: Iterator[int] = itertools.count()
        self._lock = threading.Lock()
        self._last_reason = ""

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
        patience = self.endpoint.patience
        if self.client._failed_in_row >= patience:
            return Answer(index, None, f"not asked: {patience} in a row before it got no answer ({self._last_reason})")
        try:
            reply = self._try(index)
        except _Never as reason:
            self._failed(str(reason), counts=reason.hopeless or not self.client.usage.answers)
            return Answer(index, None, str(reason), is_final=reason.refused)
        except _Later as reason:
            if self.stop.is_set():
                return Answer(index, None, _STOPPED)
            self._failed(str(reason), counts=True)
            self._refuse_if_nobody(reason)
            return Answer(index, None, str(reason))
        with self._lock:
            self.client._failed_in_row = 0
        return Answer(index, reply.text, reply.problem, reply.answer_tokens)

    def _failed(self, reason: str, *, counts: bool) -> None:
        """Count a conversation without an answer; say so when the rest will not be asked."""
        with self._lock:
            self.client._failed_in_row += counts
            self._last_reason = reason
            if counts and self.client._failed_in_row == self.endpoint.patience:
                logger.warning(
                    "%s: no answer to %d conversations in a row (%s); the rest is not asked%s",
                    shown(self.endpoint.url), self.endpoint.patience, reason, proxy_note(self.endpoint.url),
                )  # fmt: skip

    def _try(self, index: int) -> ChatReply:
        jitter = rng.stream("back-off", os.getpid(), index)
        body = self.client.body(self.conversations[index], self.sampling, self.tools[index])
        for attempt in itertools.count(1):
            try:
                return self._request(body, may_call=bool(self.tools[index]))
            except _Later as reason:
                seconds = self.endpoint.delay(attempt, reason.seconds, jitter)
                if seconds is None:
                    raise
                logger.info("attempt %d: %s; again in %.1f s", attempt, reason, seconds)
                if self.client._wait(self.stop, seconds) or self.stop.is_set():
                    raise
        raise AssertionError

    def _refuse_if_nobody(self, reason: _Later) -> None:
        if not reason.reached and not self.client.usage.answers:
            where, proxy = shown(self.endpoint.url), proxy_note(self.endpoint.url)
            raise PolicyError(f"{where}: nobody answers there ({reason}); is the server running?{proxy}")

    def _request(self, body: bytes, *, may_call: bool) -> ChatReply:
        client = self.client
        with self._lock:
            client.usage.requests += 1
        try:
            reply = self.requests.post(client._address, body, client.headers(), self.endpoint.time_limit_s)
        except NoReply as error:
            if error.lasting:
                self._hopeless(str(error))
            raise _Later(str(error), reached=error.reached) from None
        if reply.status != 200:
            self._refused(reply)
        answer = completion(reply.body, may_call=may_call)
        if answer is None:
            raise _Later(f"the body is no chat completion: {client.words(reply.body)}")
        is_taken = not answer.problem or client._takes_parts
        with self._lock:
            client.usage.answers += is_taken
            client.usage.prompt_tokens += answer.prompt_tokens
            client.usage.answer_tokens += answer.answer_tokens
        if not is_taken:
            raise _Never(client.without_key(answer.problem))
        return answer

    def _refused(self, reply: Reply) -> None:
        reason = f"HTTP {reply.status}: {self.client.words(reply.body)}"
        if reply.status in PASSING:
            raise _Later(reason, retry_after(reply.headers))
        if reply.status in _HOPELESS:
            moved = shown(self.client.without_key(reply.headers.get("Location", "")))
            where = f"; it points to {moved}" if moved and reply.status < 400 else ""
            self._hopeless(f"{reason}; check the URL, the model's name and the key's variable{where}")
        remedy = next((what for field, what in _REMEDIES.items() if field in reason), "")
        raise _Never(f"{reason}; {remedy}" if remedy else reason, refused=not remedy)

    def _hopeless(self, reason: str) -> NoReturn:
        """Refuse what no conversation can be answered under; after an answer it may be a passing trouble."""
        if self.client.usage.answers:
            raise _Never(reason, hopeless=True)
        where, proxy = shown(self.endpoint.url), proxy_note(self.endpoint.url)
        raise PolicyError(f"{where}: {reason}{proxy}")
