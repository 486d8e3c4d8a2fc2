"""A proxy in this process, asked without a port; behind it any upstream, or a server that misbehaves on loopback."""

import asyncio
import contextlib
import functools
import json

import httpx2

from secondthought.config import EpisodeConfig
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.serve.proxy import app
from secondthought.serve.proxy.checks import Checks
from secondthought.serve.proxy.conversation import Reflecting
from secondthought.serve.proxy.counts import Counts
from secondthought.serve.proxy.gate import Gate, RequestLimits
from secondthought.serve.proxy.upstream import EndpointUpstream
from secondthought.serve.thinking import Budget

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    },
}


def upstream_at(server, **settings):
    given = {"time_limit_s": 60.0, "first_delay_s": 0.001, "attempts": 3} | settings
    return EndpointUpstream(Endpoint(url=server.url, model="m", **given))


class _KeptChecks(Checks):
    def close(self):
        """Stay open: their processes take a second to begin."""


@functools.cache
def _kept_checks(reads_calls):
    return _KeptChecks({}, workers=2, reads_calls=reads_calls)


def proxy_before(
    upstream,
    *,
    checks=None,
    limits=None,
    keys=(),
    tries=2,
    tokens=None,
    tells=False,
    reflector=None,
    store=None,
    episode=None,
    reads_calls=False,
):
    """Build a proxy with what differs from the usual."""
    found = Checks(checks, workers=2) if checks else _kept_checks(reads_calls)
    return app.Proxy(
        upstream=upstream,
        checks=found,
        gate=Gate(limits or RequestLimits(), keys, local_only=True),
        requests=app.requests_of(found, episode or EpisodeConfig(feedback="detail", repeat_task=False)),
        reflecting=Reflecting(model=reflector, max_tokens=64),
        tells_schema=tells,
        budget=Budget(tries=tries, tokens=tokens),
        store=store,
        counts=Counts(),
    )


@contextlib.asynccontextmanager
async def asking(proxy, host="127.0.0.1"):
    """Yield an HTTP client of the proxy."""
    application = app.application(proxy)
    async with (
        application.router.lifespan_context(application),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url=f"http://{host}/v1") as client,
    ):
        yield client


async def left_after(seconds, proxy, sent, path="/v1/chat/completions"):
    """Ask as a client that goes away after a time, which a server tells the application where it listens for it."""
    messages = [{"type": "http.request", "body": json.dumps(sent).encode(), "more_body": False}]
    until = asyncio.get_running_loop().time() + seconds

    async def receive():
        if messages:
            return messages.pop()
        if (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    about = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "method": "POST", "scheme": "http"}
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    where = {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers}
    await app.application(proxy)({**about, **where}, receive, send)


def body(content="Say a.", **more):
    return {"model": "m", "messages": [{"role": "user", "content": content}], **more}


def by_turn(*texts):
    """Return a server's reply: the n-th text for the n-th thing that the assistant says."""
    return lambda messages: texts[sum(message["role"] == "assistant" for message in messages)]
