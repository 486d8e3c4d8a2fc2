"""A POST is sent to an HTTP server within a time limit that holds, without retries or redirects.

A client's own time limits hold for each read, so a server that drips a byte now and then could hold a request for ever.
Here requests run in an event loop of their own, where the limit cancels whatever a request waits for: a name, a proxy,
a handshake, a header, a byte. Proxies and certificates are those of the environment (HTTPS_PROXY, NO_PROXY,
SSL_CERT_FILE), as httpx reads them.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from secondthought.errors import ConfigError

if TYPE_CHECKING:
    import httpx2

_MOST_BYTES = 16 * 1024 * 1024
"""Longest answer that is read, unpacked: no completion is this long, and memory is finite."""
_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")
_CLOSE_S = 5.0
"""Longest wait for connections to be closed."""


class Reply(NamedTuple):
    """A `Reply` is what a server sent back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoReply(Exception):
    """`NoReply` says that no whole reply came: refused, cut off, or too late. It never leaves the client."""

    def __init__(self, reason: str, *, reached: bool = True, lasting: bool = False) -> None:
        """Say why; `reached` is false if there was no connection, `lasting` true if there never will be one."""
        super().__init__(reason)
        self.reached, self.lasting = reached, lasting


class OpenRequests:
    """`OpenRequests` are the requests that are under way, so that all of them can be cut at once."""

    def __init__(self) -> None:
        """Begin with no request under way.

        Raises:
            ConfigError: the environment names a proxy or certificates that cannot be used.
        """
        self._client = new_client()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()
        self._open: set[Future[Reply]] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> OpenRequests:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        try:
            asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result(_CLOSE_S)
        except (TimeoutError, OSError):
            pass  # connections that cannot be closed go with the process
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def cut(self) -> None:
        """Cut the requests that are under way; whoever waits for a reply gets `NoReply`."""
        with self._lock:
            under_way = list(self._open)
        for request in under_way:
            request.cancel()

    def post(self, url: str, body: bytes, headers: Mapping[str, str], time_limit_s: float) -> Reply:
        """Send `body` and read the whole reply.

        Raises:
            NoReply: none came, or only part of one, or it took longer than `time_limit_s`.
        """
        return self._reply(exchange(self._client, "POST", url, body, headers, time_limit_s))

    def get(self, url: str, headers: Mapping[str, str], time_limit_s: float) -> Reply:
        """Ask for a URL and read the whole reply; see `post`.

        Raises:
            NoReply: as there.
        """
        return self._reply(exchange(self._client, "GET", url, None, headers, time_limit_s))

    def _reply(self, reply: Coroutine[Any, Any, Reply]) -> Reply:
        request = self._submit(reply)
        try:
            return request.result()
        except CancelledError:
            raise NoReply("the request was dropped") from None
        finally:
            with self._lock:
                self._open.discard(request)

    def _submit(self, reply: Coroutine[Any, Any, Reply]) -> Future[Reply]:
        request = asyncio.run_coroutine_threadsafe(reply, self._loop)
        with self._lock:
            self._open.add(request)
        return request


async def exchange(
    client: httpx2.AsyncClient,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    time_limit_s: float,
) -> Reply:
    """Send a request and read the whole reply.

    Raises:
        NoReply: none came, or only part of one, or it took longer than `time_limit_s`.
    """
    import httpx2

    try:
        async with (
            asyncio.timeout(time_limit_s),
            client.stream(method, url, content=body, headers=dict(headers)) as response,
        ):
            return Reply(response.status_code, response.headers, await _content(response))
    except TimeoutError:
        raise NoReply(f"no whole answer within {time_limit_s:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise no_reply(error) from None


def no_reply(error: Exception) -> NoReply:
    """Return what an error of the HTTP library says of a request, in our words."""
    import httpx2

    if isinstance(error, httpx2.ConnectError | httpx2.ProxyError):
        return _unreached(error)
    return NoReply(_reason(error))


def new_client() -> httpx2.AsyncClient:
    """Open a client with the proxies and certificates of the environment; it has no time limits of its own.

    This machine itself is asked directly, whatever the environment says: a proxy elsewhere cannot reach it.

    Raises:
        ConfigError: the environment names a proxy or certificates that cannot be used.
    """
    import httpx2  # a tenth of a second that commands without an endpoint do without

    limits = httpx2.Limits(max_connections=None)  # workers are as many as requests may be under way
    try:
        here = {
            f"all://{name}": httpx2.AsyncHTTPTransport(limits=limits) for name in ("127.0.0.1", "localhost", "[::1]")
        }
        return httpx2.AsyncClient(timeout=None, follow_redirects=False, limits=limits, mounts=here)
    except OSError as error:
        raise ConfigError(
            f"endpoint: the certificates of SSL_CERT_FILE or SSL_CERT_DIR cannot be read ({error.strerror or error});"
            " name a file that is there"
        ) from None
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        # The library's sentence may show the proxy's URL, and that a password.
        known = "a SOCKS proxy needs the package socksio" if isinstance(error, ImportError) else "it is no http(s) URL"
        raise ConfigError(
            f"endpoint: the proxy of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used ({known})"
        ) from None


async def _content(response: httpx2.Response) -> bytes:
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > _MOST_BYTES:
            raise NoReply(f"the answer is longer than {_MOST_BYTES} bytes")
    return b"".join(chunks)


def _unreached(error: Exception) -> NoReply:
    """Return why there is no connection, and whether another attempt may find one."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = f"its certificate cannot be verified: {cause.verify_message}; put the file of its authority"
            return NoReply(f"{reason} into SSL_CERT_FILE", reached=False, lasting=True)
        if isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            reason = "it does not speak TLS; a URL that begins with http:// may be right"
            return NoReply(reason, reached=False, lasting=True)
        if isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME:
            return NoReply(f"no such host: {cause.strerror}", reached=False, lasting=True)
    return NoReply(_reason(error), reached=False)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from, groups of errors opened."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__


def _reason(error: Exception) -> str:
    import httpx2

    text = str(error)
    if isinstance(error, httpx2.RemoteProtocolError) and ("incomplete" in text or "complete message body" in text):
        return "the connection was cut in the middle of the answer"
    if isinstance(error, httpx2.ReadError | httpx2.WriteError) or "disconnected" in text:
        return "the connection was cut before an answer came"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
