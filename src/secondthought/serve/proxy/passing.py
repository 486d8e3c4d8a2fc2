"""Requests that nothing checks go to the endpoint behind the proxy as they came, and its replies back, streams too."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from starlette.requests import Request
from starlette.responses import StreamingResponse

from secondthought.serve.proxy.requests import BadRequest
from secondthought.serve.proxy.upstream import BLOT, EndpointUpstream

_ROUTES = re.compile(r"models|models/[\w.:@\-]+(?:/[\w.:@\-]+)?|embeddings|completions")
"""Routes below /v1 that are passed on: what models do. Others may be an account's, whose key is not the clients'."""
_HOP = frozenset(
    ["connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding", "date", "server"]
)
"""Headers that are about one connection, or about a body that was unpacked on the way."""


def require_route(request: Request, path: str) -> None:
    """Refuse a route that is not passed on, and one that is written so that two servers may read it differently.

    Raises:
        BadRequest: it is one of these.
    """
    is_plain = request.scope.get("raw_path", b"").partition(b"?")[0] == f"/v1/{path}".encode()
    if not is_plain or not _ROUTES.fullmatch(path):
        raise BadRequest(f"/v1/{path[:60]} is not here; chat/completions, completions, embeddings and models are", 404)


async def sent_on(
    upstream: EndpointUpstream,
    request: Request,
    path: str,
    content: bytes | None,
    stack: AsyncExitStack,
    seconds: float,
) -> StreamingResponse:
    """Send a request on and return its reply, whose body is sent as it comes.

    Args:
        upstream: who answers.
        request: the request, for its method, query and kind of content.
        path: the route below /v1.
        content: the body.
        stack: what the request holds; it is held until the last byte is sent.
        seconds: the longest that the body may take.

    Raises:
        Refused: there is no connection.
    """
    kind = request.headers.get("content-type", "")
    response, opened = await upstream.open(request.method, path, request.url.query, content, kind)
    stack.push_async_exit(opened)
    held = stack.pop_all()

    async def body() -> AsyncIterator[bytes]:
        async with held, asyncio.timeout(seconds):
            async for part in without(response.aiter_bytes(), upstream.secret):
                yield part

    headers = {
        name: upstream.blotted(value.encode()).decode()
        for name, value in response.headers.items()
        if name.lower() not in _HOP
    }
    return StreamingResponse(body(), status_code=response.status_code, headers=headers)


async def without(parts: AsyncIterator[bytes], secret: bytes) -> AsyncIterator[bytes]:
    """Yield the same bytes without a secret, also where it comes in pieces; what cannot be one is not held back."""
    kept = b""
    async for part in parts:
        kept = (kept + part).replace(secret, BLOT) if secret else part
        size = len(kept) - _begun(kept, secret)
        if size:
            yield kept[:size]
        kept = kept[size:]
    if kept:
        yield kept


def _begun(data: bytes, secret: bytes) -> int:
    """Return how many bytes at the end may be the beginning of a secret.

    >>> _begun(b"is sk-1", b"sk-123"), _begun(b"is sk-2", b"sk-123")
    (4, 0)
    """
    longest = min(len(data), len(secret) - 1)
    return next((size for size in range(longest, 0, -1) if data.endswith(secret[:size])), 0)
