"""The server listens where it is told to, on this machine alone unless clients have keys; uvicorn speaks HTTP."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette

from secondthought.errors import ConfigError, RunError
from secondthought.serve.proxy.gate import LOCAL_NAMES

_GRACE_S = 10
"""Time that requests under way get when the server is told to end."""


def require_keys(host: str, num_keys: int) -> None:
    """Refuse to be open to other machines without keys.

    Raises:
        ConfigError: it would be.
    """
    if host not in LOCAL_NAMES and not num_keys:
        raise ConfigError(
            f"host {host} lets other machines ask, and nobody needs a key; name the variable that holds the keys of"
            " clients with --client-keys-env, or leave out --host"
        )


def serve(application: Starlette, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; requests under way are answered first, for a while.

    Args:
        application: who answers.
        host: the address to listen at.
        port: the port; 0 takes one that is free.
        ready: gets the base URL once the port is open.

    Raises:
        RunError: the port cannot be opened.
    """
    with _opened(host, port) as listening:
        place = f"[{host}]" if ":" in host else host
        url = f"http://{place}:{listening.getsockname()[1]}/v1"
        config = uvicorn.Config(
            application, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE_S, server_header=False
        )
        _Server(config, lambda: ready(url)).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A `_Server` says when it is ready to answer."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as ever, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def _opened(host: str, port: int) -> socket.socket:
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(2048)
    except OSError as error:
        raise RunError(f"{host}, port {port}: cannot be opened: {error.strerror}; choose another with --port") from None
    return opened
