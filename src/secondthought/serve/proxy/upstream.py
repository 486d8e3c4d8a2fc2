"""Who answers behind the proxy: a `Upstream` completes bodies of chat/completions; `EndpointUpstream` asks a server."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from secondthought import jsonl, rng
from secondthought.inference.chat.address import address, shown
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.http import NoReply, Reply, exchange, new_client, no_reply
from secondthought.inference.chat.replies import PASSING, completion, retry_after, words
from secondthought.text import whole_within

if TYPE_CHECKING:
    import httpx2

_PATH = "/chat/completions"
BLOT = b"***"
"""Stands where our key stood."""


class Refused(Exception):
    """`Refused` says that a body will get no completion: the status and the words that the client is told."""

    def __init__(
        self, status: int, sentence: str, retry_after_s: float | None = None, body: Mapping[str, Any] | None = None
    ) -> None:
        """Say why; `body` is the upstream's own error, which the client is told as it is."""
        super().__init__(sentence)
        self.status, self.retry_after_s, self.body = status, retry_after_s, body


class Upstream(Protocol):
    """An `Upstream` completes chat requests."""

    name: str

    def running(self) -> Any:
        """Return an asynchronous context in which it answers."""
        ...

    async def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the whole chat completion for a body without `stream`.

        Raises:
            Refused: there is none, and asking again at once would be no use.
        """
        ...


def sendable(value: Any) -> Any:
    """Return a value that JSON and UTF-8 can hold, whatever a server sent: half characters and infinities are neither.

    >>> sendable({"a": float("-inf")})
    {'a': None}
    """
    return whole_within(jsonl.finite(value))


class EndpointUpstream:
    """An `EndpointUpstream` asks an OpenAI-compatible server; what fails in passing is asked again."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Read the key and the proxies of the environment. Nothing is sent yet.

        Raises:
            ConfigError: the key's variable is not set, or a proxy or certificates cannot be used.
        """
        self.name = endpoint.model
        self.endpoint = endpoint
        self._key = endpoint.key()
        self._address = address(endpoint.url)
        self._client: httpx2.AsyncClient = new_client()
        self._num_asked = itertools.count()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold connections open as long as the context lasts."""
        try:
            yield
        finally:
            await self._client.aclose()

    async def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for a completion; see `Upstream.complete`."""
        content = json.dumps({**body, **self.endpoint.extra}).encode()
        jitter = rng.stream("proxy back-off", next(self._num_asked))
        for attempt in itertools.count(1):
            found, refused = await self._asked(content)
            if found is not None:
                return found
            asked_for = refused.retry_after_s
            seconds = self.endpoint.delay(attempt, asked_for, jitter) if refused.status in PASSING else None
            if seconds is None:
                raise refused
            await asyncio.sleep(seconds)
        raise AssertionError

    async def open(
        self, method: str, path: str, query: str, content: bytes | None, kind: str
    ) -> tuple[httpx2.Response, Any]:
        """Send a request on as it is, and return the response, whose body is still to be read, and its context.

        Raises:
            Refused: there is no connection.
        """
        url = self._url_of(path, query)
        headers = {**self._headers(), "Content-Type": kind} if kind else self._headers()
        opened = self._client.stream(method, url, content=content, headers=headers)
        try:
            async with asyncio.timeout(self.endpoint.time_limit_s):
                return await opened.__aenter__(), opened
        except TimeoutError:
            raise Refused(504, f"{self._where}: no answer within {self.endpoint.time_limit_s:g} s") from None
        except Exception as error:
            raise Refused(502, f"{self._where}: {no_reply(error)}") from None

    async def _asked(self, content: bytes) -> tuple[dict[str, Any] | None, Refused]:
        """Ask once: return the completion, or why there is none."""
        limit = self.endpoint.time_limit_s
        try:
            reply = await exchange(self._client, "POST", self._address, content, self._headers(), limit)
        except NoReply as error:
            return None, Refused(502, f"{self._where}: {error}")
        if reply.status != 200:
            return None, Refused(reply.status, self._words(reply), retry_after(reply.headers), self._error(reply))
        if completion(reply.body, may_call=True) is None:
            return None, Refused(502, f"{self._where}: the body is no chat completion: {self._words(reply)}")
        return sendable(json.loads(reply.body)), Refused(200, "")

    @property
    def secret(self) -> bytes:
        """Return our key, which no client may see; empty where there is none."""
        return (self._key or "").encode()

    def blotted(self, data: bytes) -> bytes:
        """Return what a server said without our key, should it repeat it."""
        return data.replace(self.secret, BLOT) if self.secret else data

    def _url_of(self, path: str, query: str) -> str:
        """Return the URL of another route beside chat/completions, the query of the base URL kept."""
        parts = urlsplit(self._address)
        both = "&".join(filter(None, (parts.query, query)))
        return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.removesuffix(_PATH)}/{path}", both, ""))

    def _error(self, reply: Reply) -> dict[str, Any] | None:
        """Return the error that a body is, without our key should the server repeat it; None if it is none."""
        try:
            body = json.loads(self.blotted(reply.body))
        except (ValueError, RecursionError):
            return None
        return sendable(body) if isinstance(body, dict) and "error" in body else None

    @property
    def _where(self) -> str:
        return shown(self.endpoint.url)

    def _words(self, reply: Reply) -> str:
        return words(self.blotted(reply.body))

    def _headers(self) -> dict[str, str]:
        own = {"Content-Type": "application/json", "User-Agent": "secondthought"}
        return own | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
