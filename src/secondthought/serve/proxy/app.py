"""The application takes requests and sends answers; starlette speaks HTTP for it. Needs the extra `serve`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

try:
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import JSONResponse, Response, StreamingResponse
    from starlette.routing import Route
except ImportError:
    raise ImportError("serving needs starlette and uvicorn: pip install 'secondthought[serve]'") from None

from secondthought.config import EpisodeConfig
from secondthought.rollout.player import Requests
from secondthought.serve.proxy import replies
from secondthought.serve.proxy.checks import Checks, FoundCheck
from secondthought.serve.proxy.conversation import Reflecting, ServedConversation
from secondthought.serve.proxy.counts import Counts
from secondthought.serve.proxy.gate import Gate
from secondthought.serve.proxy.requests import BadRequest, ChatCall, read
from secondthought.serve.proxy.stored import FailureStore, StoredFailure
from secondthought.serve.proxy.upstream import EndpointUpstream, Refused, Upstream
from secondthought.serve.thinking import Budget, NoAnswer, Thoughts, think_twice
from secondthought.types import Verdict

logger = logging.getLogger(__name__)
T = TypeVar("T")

_ALIVE_S = 10.0
"""Time after which a stream without an answer yet says that it is alive: proxies cut what is silent."""
_CLIENT_LEFT = 499
_HOP = frozenset(
    ["connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding", "date", "server"]
)
"""Headers that are about one connection, or about a body that was unpacked on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A `Proxy` is all that answering takes."""

    upstream: Upstream
    checks: Checks
    gate: Gate
    requests: Mapping[str, Requests]
    """What is said between turns, by the name of a check."""
    reflecting: Reflecting
    tells_schema: bool
    """The upstream does not tell its model of a schema: the request is given in words."""
    budget: Budget
    store: FailureStore | None
    counts: Counts


def requests_of(checks: Checks, episode: EpisodeConfig) -> dict[str, Requests]:
    """Return what is said between turns under each check: the config's words, or those of the check's task."""
    return {name: Requests.worded(own, episode) for name, own in checks.requests.items()}


def application(proxy: Proxy) -> Starlette:
    """Build the application; it begins and ends the upstream with itself."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with proxy.upstream.running():
            try:
                yield
            finally:
                proxy.checks.close()

    handler = _Answerer(proxy)
    return Starlette(
        routes=[
            Route("/health", handler.health),
            Route("/v1/chat/completions", handler.chat, methods=["POST"]),
            Route("/v1/{path:path}", handler.pass_on, methods=["GET", "POST"]),
        ],
        lifespan=lifespan,
    )


class _Answerer:
    """Answers requests, each in one of these methods; what goes wrong is told as OpenAI tells it."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    async def health(self, request: Request) -> Response:
        """Say that the server is up, and what it did."""
        return JSONResponse({"status": "ok", **self.proxy.counts.to_json()})

    async def chat(self, request: Request) -> Response:
        """Answer a chat request."""
        self.proxy.counts.requests += 1
        return await self._told(request, self._chat)

    async def pass_on(self, request: Request) -> Response:
        """Send a request for another path on as it is."""
        self.proxy.counts.requests += 1
        return await self._told(request, self._pass_on)

    async def _told(self, request: Request, work: Any) -> Response:
        try:
            self.proxy.gate.admit(
                request.url.hostname, request.headers.get("authorization", ""), request.headers.get("content-type", "")
            )
            return await work(request)  # type: ignore[no-any-return]
        except (BadRequest, Refused) as error:
            self.proxy.counts.refused += 1
            return _refusal(error)
        except ClientDisconnect:
            self.proxy.counts.left += 1
            return Response(status_code=_CLIENT_LEFT)

    async def _pass_on(self, request: Request) -> Response:
        upstream = self.proxy.upstream
        if not isinstance(upstream, EndpointUpstream):
            return self._local(request.path_params["path"], upstream)
        content = await self._body(request) if request.method == "POST" else None
        return await self._sent_on(upstream, request, request.path_params["path"], content)

    def _local(self, path: str, upstream: Upstream) -> Response:
        if path == "models":
            return JSONResponse({"object": "list", "data": [{"id": upstream.name, "object": "model"}]})
        raise BadRequest(f"there is no /v1/{path} here: a local model answers chat/completions alone", 404)

    async def _sent_on(
        self, upstream: EndpointUpstream, request: Request, path: str, content: bytes | None
    ) -> Response:
        kind = request.headers.get("content-type", "")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.proxy.gate.slot())
            response, opened = await upstream.open(request.method, path, request.url.query, content, kind)
            stack.push_async_exit(opened)
            held = stack.pop_all()  # until the last byte is sent
        self.proxy.counts.passed_on += 1

        async def body() -> AsyncIterator[bytes]:
            async with held:
                async for part in response.aiter_bytes():
                    yield part

        headers = {name: value for name, value in response.headers.items() if name.lower() not in _HOP}
        return StreamingResponse(body(), status_code=response.status_code, headers=headers)

    async def _chat(self, request: Request) -> Response:
        proxy, content = self.proxy, await self._body(request)
        call = read(content)
        found = await proxy.checks.find(call)
        if found is None:
            if isinstance(proxy.upstream, EndpointUpstream):
                return await self._sent_on(proxy.upstream, request, "chat/completions", content)
        elif call.body.get("n") not in (None, 1):
            raise BadRequest("'n' must be 1 where answers are checked: each has a second thought of its own")
        work = asyncio.create_task(self._answer(call, found))
        if not call.streams:
            return JSONResponse(await _unless_left(request, work))
        done, _ = await asyncio.wait([work], timeout=_ALIVE_S)
        if done:
            reply = await work  # what is refused at once has a status of its own
            return _stream(_whole(reply, call))
        return _stream(self._late(work, call))

    async def _answer(self, call: ChatCall, found: FoundCheck | None) -> dict[str, Any]:
        """Return the answer to a request that is checked, or that only we can answer."""
        proxy = self.proxy
        async with proxy.gate.slot():
            if found is None:
                proxy.counts.passed_on += 1
                return await proxy.upstream.complete(call.body)
            speaker = ServedConversation(proxy.upstream, call, proxy.reflecting, tells_schema=proxy.tells_schema)
            tries = call.tries or proxy.budget.tries
            budget = Budget(tries=tries, tokens=proxy.budget.tokens, seconds=proxy.gate.limits.seconds)

            async def check(text: str) -> Verdict:
                return await proxy.checks.judge(found, text)

            try:
                thoughts = await think_twice(found.problem, speaker, check, proxy.requests[found.name], budget)
            except NoAnswer as error:
                raise speaker.refused or Refused(504, str(error)) from None
        proxy.counts.saw(thoughts)
        await self._keep(call, found, thoughts)
        return replies.answer(thoughts, found.name, found.problem.data)

    async def _keep(self, call: ChatCall, found: FoundCheck, thoughts: Thoughts) -> None:
        """Store the episode if it failed at first, and may be stored."""
        store, counts = self.proxy.store, self.proxy.counts
        if store is None or not store.wants(call, thoughts):
            return
        data = store.redactor.within(found.problem.data)
        text = store.redactor.text(thoughts.turns[0].spoken.text)
        problem = await self.proxy.checks.still_fails(found.name, data, text) if found.is_text else None
        failure = StoredFailure(
            task=found.problem.task, data=found.problem.data, thoughts=thoughts, model=str(call.body.get("model"))
        )
        is_stored = problem is not None and await store.append(store.row(failure, data, problem.id))
        counts.stored += is_stored
        counts.not_stored += not is_stored

    async def _late(self, work: asyncio.Task[dict[str, Any]], call: ChatCall) -> AsyncIterator[bytes]:
        """Stream an answer that is not there yet."""
        try:
            while not work.done():
                yield b": thinking\n\n"
                await asyncio.wait([work], timeout=_ALIVE_S)
            reply = await work
        except (BadRequest, Refused) as error:
            self.proxy.counts.refused += 1
            yield replies.event(replies.error(error.status, str(error)))
            return
        finally:
            work.cancel()
        for part in replies.events(reply, usage=call.usage_in_stream):
            yield part

    async def _body(self, request: Request) -> bytes:
        """Read a body as far as it may go."""
        most = self.proxy.gate.limits.body_bytes
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise BadRequest(f"the body is longer than {most} bytes", 413)
            parts.append(part)
        return b"".join(parts)


async def _unless_left(request: Request, work: asyncio.Task[T]) -> T:
    """Wait for the answer; end the work when its client goes away.

    Raises:
        ClientDisconnect: the client went.
    """
    left = asyncio.create_task(_left(request))
    try:
        await asyncio.wait([work, left], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return await work
    finally:
        work.cancel()
        left.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _whole(reply: Mapping[str, Any], call: ChatCall) -> AsyncIterator[bytes]:
    for part in replies.events(reply, usage=call.usage_in_stream):
        yield part


def _stream(parts: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(parts, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def _refusal(error: BadRequest | Refused) -> Response:
    status = error.status if 400 <= error.status < 600 else 502
    headers = {} if error.retry_after_s is None else {"Retry-After": str(max(1, round(error.retry_after_s)))}
    return JSONResponse(replies.error(status, str(error)), status, headers)
