"""A `ServerPool` is several vLLM servers that hold the same weights: what shares a trunk goes to the same one.

A server's prefix cache holds what it has read, so branches of a trunk belong together. New trunks go to the servers in
turn. A server that no longer answers is left out, and what it was asked goes to the others, with the same seeds; it is
tried again when weights are brought over.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from secondthought.inference.served.server import Sampled, ServerGone, VllmServer
from secondthought.types import Prompt, Sampling, TokenIds

logger = logging.getLogger(__name__)


class ServerPool:
    """A `ServerPool` asks the servers that answer."""

    def __init__(self, servers: Sequence[VllmServer], *, first: int = 0) -> None:
        """Take at least one server; turns begin at `first`, another one for each process that asks them."""
        self.servers = tuple(servers)
        self._up = list(servers)
        self._home: dict[TokenIds, VllmServer] = {}
        self._first = self._next = first
        self._lock = threading.Lock()

    @property
    def up(self) -> tuple[VllmServer, ...]:
        """Return the servers that answered last."""
        with self._lock:
            return tuple(self._up)

    def each(self, act: Callable[[VllmServer], None]) -> None:
        """Do something at every server, those included that did not answer before; forget which trunk is where.

        Raises:
            PolicyError: a server refuses, or none answers.
        """
        up, gone = [], []
        for server in self.servers:
            try:
                act(server)
            except ServerGone as error:
                gone.append(error)
                logger.warning("%s; it is left out until new weights are brought over", error)
            else:
                up.append(server)
        if not up:
            raise gone[-1]
        self.keep(up)

    def keep(self, up: Sequence[VllmServer]) -> None:
        """Ask these servers alone from now on, which have new weights; forget which trunk is where."""
        with self._lock:
            self._up, self._next = list(up), self._first
            self._home.clear()

    def sample(self, prompt: Prompt, sampling: Sampling, model: str) -> Sampled:
        """Sample a completion at the server that has the prompt's trunk.

        Raises:
            PolicyError: a server refuses, or answers something else, or none answers any more.
        """
        while True:
            server = self._server_of(prompt.trunk)
            try:
                return server.sample(prompt, sampling, model)
            except ServerGone as error:
                self.leave_out(server, error)

    def cut(self) -> None:
        """Cut what is under way at all servers."""
        for server in self.servers:
            server.cut()

    def close(self) -> None:
        """Close all connections."""
        for server in self.servers:
            server.close()

    def _server_of(self, trunk: TokenIds) -> VllmServer:
        with self._lock:
            found = self._home.get(trunk)
            if found is None:
                found = self._home[trunk] = self._up[self._next % len(self._up)]
                self._next += 1
            return found

    def leave_out(self, server: VllmServer, error: ServerGone) -> None:
        """Ask a server no more; what was its own goes to the others.

        Raises:
            ServerGone: there are no others.
        """
        with self._lock:
            if server in self._up:
                if len(self._up) == 1:
                    raise error
                self._up.remove(server)
                self._home = {trunk: home for trunk, home in self._home.items() if home is not server}
                logger.warning("%s; the other servers go on with what it was asked", error)
