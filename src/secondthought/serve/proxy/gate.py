"""Who may ask, how much, and how many at once: what is let in is answered, the rest is told to come back."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from secondthought.serve.proxy.requests import BadRequest

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names by which this machine calls itself: a page in a browser that reaches it by another was led here."""
_COME_BACK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """`RequestLimits` bound what one client, and all together, may take."""

    concurrency: int = 64
    """Requests that are answered at once."""
    queue: int = 256
    """Requests that may wait; a further one is told to come back."""
    body_bytes: int = 8 * 2**20
    seconds: float = 300.0
    """Time of one request, its waiting in the queue apart."""


def _is_of_another_page(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser says that a page from elsewhere sends this."""
    origin = headers.get("origin")
    is_foreign = origin is not None and urlsplit(origin).hostname not in LOCAL_NAMES
    return is_foreign or headers.get("sec-fetch-site", "").lower() == "cross-site"


class Gate:
    """A `Gate` counts the requests inside, and knows the keys of clients."""

    def __init__(self, limits: RequestLimits, keys: Sequence[str], *, local_only: bool) -> None:
        """Take the limits; without keys anybody may ask, and `local_only` refuses what asks for another host."""
        self.limits = limits
        self._keys = [key.encode() for key in keys]
        self._local_only = local_only
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._waiting = 0

    def admit(self, host: str | None, headers: Mapping[str, str], method: str) -> None:
        """Let a request in by its headers.

        Raises:
            BadRequest: it has no right to ask.
        """
        if self._local_only and (host not in LOCAL_NAMES or _is_of_another_page(headers)):
            raise BadRequest("this server answers under a name of its own machine only, and no page of others", 403)
        scheme, _, key = headers.get("authorization", "").strip().partition(" ")
        if self._keys and not (scheme.lower() == "bearer" and self._is_known(key.strip().encode())):
            raise BadRequest("the key is missing or unknown; send it as 'Authorization: Bearer KEY'", 401)
        # A page of somebody else's can send other kinds of content without asking whether it may.
        kind = headers.get("content-type", "")
        if method == "POST" and kind.split(";")[0].strip().lower() != "application/json":
            raise BadRequest(f"the content must be application/json, not {kind[:60] or 'unnamed'}", 415)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a place, and keep it as long as the context lasts.

        Raises:
            BadRequest: too many wait already.
        """
        if self._slots.locked() and self._waiting >= self.limits.queue:
            raise BadRequest("too many requests wait already; come back in a moment", 429, _COME_BACK_S)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    def _is_known(self, key: bytes) -> bool:
        """Compare with every key, so that the time tells nothing."""
        return sum(hmac.compare_digest(key, known) for known in self._keys) > 0
