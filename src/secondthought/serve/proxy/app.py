"""The application takes requests and sends answers; starlette speaks HTTP for it. Needs the extra `serve`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

try:
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
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
from secondthought.serve.proxy.passing import require_route, sent_on
from secondthought.serve.proxy.requests import BadRequest, ChatCall, read
from secondthought.serve.proxy.stored import FailureStore, StoredFailure
from secondthought.serve.proxy.upstream import EndpointUpstream, Refused, Upstream
from secondthought.serve.thinking import Budget, NoAnswer, Spoken, Thoughts, think_twice
from secondthought.tasks.chat_request.stated import stated
from secondthought.tasks.chat_request.task import NAME
from secondthought.types import Verdict

logger = logging.getLogger(__name__)
T = TypeVar("T")

_ALIVE_S = 10.0
"""Time after which a stream without an answer yet says that it is alive: proxies cut what is silent."""
_CLIENT_LEFT = 499
_CHAT = "chat/completions"
Work: TypeAlias = Callable[[Request, AsyncExitStack], Awaitable[Response]]


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

    answerer = _Answerer(proxy)
    return Starlette(
        routes=[
            Route("/health", answerer.health),
            Route(f"/v1/{_CHAT}", answerer.chat, methods=["POST"]),
            Route("/v1/{path:path}", answerer.pass_on, methods=["GET", "POST"]),
        ],
        lifespan=lifespan,
    )


@dataclass(frozen=True, slots=True)
class _Played:
    """A `_Played` is the answer to a request, and the episode that gave it where it was checked."""

    reply: dict[str, Any]
    found: FoundCheck | None = None
    thoughts: Thoughts | None = None


class _Answerer:
    """Answers requests, each in one of these methods; what goes wrong is told as OpenAI tells it."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    async def health(self, request: Request) -> Response:
        """Say that the server is up, and what it did."""
        try:
            self._admit(request)
        except BadRequest as error:
            return _refusal(error)
        return JSONResponse({"status": "ok", **self.proxy.counts.to_json()})

    async def chat(self, request: Request) -> Response:
        """Answer a chat request."""
        return await self._told(request, self._chat)

    async def pass_on(self, request: Request) -> Response:
        """Send a request for another route on as it is."""
        return await self._told(request, self._pass_on)

    def _admit(self, request: Request) -> None:
        self.proxy.gate.admit(request.url.hostname, request.headers, request.method)

    async def _told(self, request: Request, work: Work) -> Response:
        """Let a request in, hold its place as long as its answer takes, and tell what goes wrong."""
        counts = self.proxy.counts
        counts.requests += 1
        try:
            self._admit(request)
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self.proxy.gate.slot())
                return await work(request, stack)
        except (BadRequest, Refused) as error:
            counts.refused += 1
            return _refusal(error)
        except ClientDisconnect:
            counts.left += 1
            return Response(status_code=_CLIENT_LEFT)
        except Exception:
            logger.exception("a request could not be answered")
            counts.refused += 1
            return _refusal(Refused(500, "the proxy failed; its log says why"))

    async def _pass_on(self, request: Request, stack: AsyncExitStack) -> Response:
        path, upstream = request.path_params["path"], self.proxy.upstream
        require_route(request, path)
        if not isinstance(upstream, EndpointUpstream):
            return _local(path, upstream)
        content = await self._body(request) if request.method == "POST" else None
        return await self._sent_on(upstream, request, path, content, stack)

    async def _sent_on(
        self, upstream: EndpointUpstream, request: Request, path: str, content: bytes | None, stack: AsyncExitStack
    ) -> Response:
        seconds = self.proxy.gate.limits.seconds
        work = asyncio.create_task(sent_on(upstream, request, path, content, stack, seconds))
        try:
            await _ended(work, request)
            response = await work
        finally:
            work.cancel()
        self.proxy.counts.passed_on += 1
        return response

    async def _chat(self, request: Request, stack: AsyncExitStack) -> Response:
        proxy = self.proxy
        call = read(await self._body(request))
        found = await self._in_time(proxy.checks.find(call))
        if found is None and isinstance(proxy.upstream, EndpointUpstream):
            return await self._sent_on(proxy.upstream, request, _CHAT, call.passed, stack)
        if found is not None and call.body.get("n") not in (None, 1):
            raise BadRequest("'n' must be 1 where a check is named: each answer has a second thought of its own")
        work = asyncio.create_task(self._played(call, found))
        goes_on = False
        try:
            if await _ended(work, request, _ALIVE_S if call.streams else None):
                return self._whole(call, await work)  # what is refused at once has a status of its own
            stack.push_async_callback(_cancelled, work)
            goes_on = True
            return _stream(self._late(call, work, stack.pop_all()))
        finally:
            if not goes_on:
                work.cancel()

    async def _in_time(self, work: Awaitable[T]) -> T:
        seconds = self.proxy.gate.limits.seconds
        try:
            return await asyncio.wait_for(work, seconds)
        except TimeoutError:
            raise Refused(504, f"no answer within {seconds:g} s") from None

    async def _played(self, call: ChatCall, found: FoundCheck | None) -> _Played:
        """Answer a request that is checked, or that only we can answer."""
        proxy = self.proxy
        if found is None:
            reply = await self._in_time(proxy.upstream.complete(call.body))
            proxy.counts.passed_on += 1
            return _Played(reply)
        own = call if proxy.store is None else call.without_store()  # consent is to this proxy
        speaker = ServedConversation(proxy.upstream, own, proxy.reflecting, tells_schema=proxy.tells_schema)
        tries = min(call.tries or proxy.budget.tries, proxy.budget.tries)
        budget = Budget(tries=tries, tokens=proxy.budget.tokens, seconds=proxy.gate.limits.seconds)

        async def check(spoken: Spoken) -> Verdict:
            return await proxy.checks.judge(found, spoken)

        try:
            thoughts = await think_twice(found.problem, speaker, check, proxy.requests[found.name], budget)
        except NoAnswer as error:
            raise speaker.refused or Refused(504, str(error)) from None
        proxy.counts.saw(thoughts)
        is_chat = found.name == NAME
        said = proxy.checks.said(found, thoughts.best.spoken) if is_chat else None
        wanted = stated(found.problem.data) if is_chat else None
        return _Played(replies.answer(thoughts, found.name, said, wanted), found, thoughts)

    def _whole(self, call: ChatCall, played: _Played) -> Response:
        """Send an answer that is there; what failed is stored afterwards."""
        after = BackgroundTask(self._keep, call, played)
        if not call.streams:
            return JSONResponse(played.reply, background=after)
        return _stream(_events(call, played.reply), after)

    async def _late(self, call: ChatCall, work: asyncio.Task[_Played], held: AsyncExitStack) -> AsyncIterator[bytes]:
        """Stream an answer that is not there yet; its place is held until it was sent."""
        async with held:
            try:
                while not work.done():
                    yield b": thinking\n\n"
                    await asyncio.wait([work], timeout=_ALIVE_S)
                played = await work
            except (BadRequest, Refused) as error:
                self.proxy.counts.refused += 1
                yield replies.event(replies.error(error.status, str(error)))
                return
            async for part in _events(call, played.reply):
                yield part
        await self._keep(call, played)

    async def _keep(self, call: ChatCall, played: _Played) -> None:
        """Store an episode if it failed at first, and may be stored."""
        found, thoughts, counts = played.found, played.thoughts, self.proxy.counts
        if self.proxy.store is None or found is None or thoughts is None or not self.proxy.store.wants(call, thoughts):
            return
        store = self.proxy.store if found.name == NAME else self.proxy.store.of(found.name)
        failure = StoredFailure(
            task=found.problem.task, data=found.problem.data, thoughts=thoughts, model=str(call.body.get("model"))
        )
        is_stored = False
        if found.is_text and store.is_short(failure):
            data = store.redactor.within(found.problem.data)
            text = store.redactor.text(thoughts.turns[0].spoken.text)
            problem = await self.proxy.checks.still_fails(found.name, data, text)
            is_stored = problem is not None and await store.append(store.row(failure, data, text, problem.id))
        counts.stored += is_stored
        counts.not_stored += not is_stored

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


def _local(path: str, upstream: Upstream) -> Response:
    if path == "models":
        return JSONResponse({"object": "list", "data": [{"id": upstream.name, "object": "model"}]})
    raise BadRequest(f"there is no /v1/{path} here: a local model answers chat/completions alone", 404)


async def _ended(work: asyncio.Task[Any], request: Request, seconds: float | None = None) -> bool:
    """Wait until work ends, for some time at most; return whether it did.

    Raises:
        ClientDisconnect: the client went away before.
    """
    left = asyncio.create_task(_left(request))
    try:
        await asyncio.wait([work, left], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if left.done() and not work.done():
            raise ClientDisconnect
    finally:
        left.cancel()
    return work.done()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _cancelled(work: asyncio.Task[Any]) -> None:
    work.cancel()


async def _events(call: ChatCall, reply: Mapping[str, Any]) -> AsyncIterator[bytes]:
    for part in replies.events(reply, usage=call.usage_in_stream):
        yield part


def _stream(parts: AsyncIterator[bytes], after: BackgroundTask | None = None) -> Response:
    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(parts, media_type="text/event-stream", headers=headers, background=after)


def _refusal(error: BadRequest | Refused) -> Response:
    status = error.status if 400 <= error.status < 600 else 502
    headers = {} if error.retry_after_s is None else {"Retry-After": str(max(1, round(error.retry_after_s)))}
    own = error.body if isinstance(error, Refused) else None
    return JSONResponse(own or replies.error(status, str(error)), status, headers)
