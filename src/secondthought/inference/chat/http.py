"""A POST is sent to an HTTP server within a time limit that holds, without retries, redirects or proxies.

`http.client` limits each read of a socket, so a server that drips a byte now and then can hold a request for ever. Here
a timer shuts the socket down when the time of the whole request is over.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from email.message import Message
from typing import NamedTuple
from urllib.parse import urlsplit

from secondthought.errors import ConfigError

_MOST_BYTES = 16 * 1024 * 1024
"""Longest answer that is read: no completion is this long, and memory is finite."""
_CHUNK = 64 * 1024


class Address(NamedTuple):
    """An `Address` says where requests go."""

    secure: bool
    host: str
    port: int | None
    path: str


class Reply(NamedTuple):
    """A `Reply` is what a server sent back, whole."""

    status: int
    headers: Message
    body: bytes


class NoReply(Exception):
    """`NoReply` says that no whole reply came: refused, cut off, or too late. It never leaves the client."""

    def __init__(self, reason: str, *, reached: bool = True) -> None:
        """Say why; `reached` is false if no connection was made at all."""
        super().__init__(reason)
        self.reached = reached


def address(url: str) -> Address:
    """Return where `chat/completions` of a base URL is; the full URL is taken as well.

    >>> address("http://localhost:8000/v1")
    Address(secure=False, host='localhost', port=8000, path='/v1/chat/completions')
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(
            f"endpoint: the URL cannot be read ({error}); give it like http://localhost:8000/v1"
        ) from None
    if parts.username or parts.password:
        raise ConfigError("endpoint: the URL holds a name or password; put the key into an environment variable")
    if parts.scheme not in ("http", "https") or not host or not (url.isascii() and url.isprintable()) or " " in url:
        raise ConfigError(f"endpoint: {url!r} is not an http or https URL; give it like http://localhost:8000/v1")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
    return Address(parts.scheme == "https", host, port, path + (f"?{parts.query}" if parts.query else ""))


class OpenRequests:
    """`OpenRequests` are the requests that are under way, so that all of them can be cut at once."""

    def __init__(self) -> None:
        """Begin with no request under way."""
        self._open: set[_Connection] = set()
        self._lock = threading.Lock()

    def cut(self) -> None:
        """Cut the requests that are under way; whoever waits for a reply gets `NoReply`."""
        with self._lock:
            for connection in self._open:
                connection.cut()

    def post(self, where: Address, body: bytes, headers: Mapping[str, str], time_limit_s: float) -> Reply:
        """Send `body` and read the whole reply.

        Raises:
            NoReply: none came, or only part of one, or it took longer than `time_limit_s`.
        """
        connection = _Connection(where, time_limit_s)
        with self._lock:
            self._open.add(connection)
        try:
            return connection.exchange(where.path, body, headers)
        except (OSError, http.client.HTTPException, NoReply) as error:
            if connection.late or isinstance(error, TimeoutError):
                raise NoReply(f"no whole answer within {time_limit_s:g} s") from None
            raise error if isinstance(error, NoReply) else NoReply(_reason(error)) from None
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


class _Connection:
    """A `_Connection` carries one request and is cut when its time is over."""

    def __init__(self, where: Address, time_limit_s: float) -> None:
        if where.secure:
            context = ssl.create_default_context()
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                where.host, where.port, timeout=time_limit_s, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(where.host, where.port, timeout=time_limit_s)
        self.late = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(time_limit_s, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def exchange(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        self._connect()
        self._connection.request("POST", path, body, dict(headers))
        response = self._connection.getresponse()
        with response:
            content = _content(response)
        return Reply(response.status, response.headers, content)

    def cut(self) -> None:
        if self._socket is not None:
            # One that is closed already needs no cutting.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._timer.cancel()
        self._connection.close()

    def _connect(self) -> None:
        try:
            self._connection.connect()
        except TimeoutError:
            raise
        except (OSError, UnicodeError) as error:
            raise NoReply(_reason(error), reached=False) from None
        # The connection forgets its socket when it hands it to a response that will close it: `cut` must not.
        self._socket = self._connection.sock
        if self.late:
            raise TimeoutError

    def _expire(self) -> None:
        self.late = True
        self.cut()


def _content(response: http.client.HTTPResponse) -> bytes:
    chunks, size = [], 0
    while chunk := response.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > _MOST_BYTES:
            raise NoReply(f"the answer is longer than {_MOST_BYTES} bytes")
    # A body shorter than its Content-Length ends here without an error of its own.
    if response.length:
        raise NoReply("the connection was cut in the middle of the answer")
    return b"".join(chunks)


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was cut in the middle of the answer"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return "the connection was cut before an answer came"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
