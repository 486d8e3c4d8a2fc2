"""Carriers bring the weights that train to a server: an adapter under a new name, or all weights from a folder.

What a server holds already is never written over: each version has a folder, and an adapter a name, of its own. Servers
were seen to go on with the old one where a path or a name came back.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Protocol

from secondthought.inference.served.pool import ServerPool
from secondthought.models.local import LocalModel
from secondthought.runs import files


class Carrier(Protocol):
    """A `Carrier` brings weights over."""

    def bring(self) -> str:
        """Bring the weights as they are now, and return the name by which servers know the model that has them.

        Raises:
            PolicyError: the server does not take them.
            RunError: they cannot be written.
        """
        ...

    def close(self) -> None:
        """Take away what was written, and have the server forget what has a name."""
        ...


class AdapterCarrier:
    """An `AdapterCarrier` brings an adapter; the base model is the server's own, and stays as it is."""

    def __init__(self, policy: LocalModel, servers: ServerPool, folder: Path) -> None:
        self._policy, self._servers, self._folder = policy, servers, folder
        self._name: str | None = None
        self._run = uuid.uuid4().hex[:8]
        self._version = 0

    def bring(self) -> str:
        """See `Carrier.bring`."""
        self._version += 1
        name, earlier = f"secondthought-{self._run}-{self._version}", self._name
        path = self._folder / name
        with files.new_directory(path) as directory:
            self._policy.save(directory)
        self._servers.each(lambda server: server.load_adapter(name, path))
        self._name = name
        if earlier is not None:
            self._forget(earlier)
        return name

    def close(self) -> None:
        """See `Carrier.close`."""
        if self._name is not None:
            self._forget(self._name)

    def _forget(self, name: str) -> None:
        for server in self._servers.up:
            server.unload_adapter(name)
        shutil.rmtree(self._folder / name, ignore_errors=True)


class WeightCarrier:
    """A `WeightCarrier` brings all weights: the servers' own model, `base`, is the one that trains."""

    def __init__(self, policy: LocalModel, servers: ServerPool, folder: Path, base: str) -> None:
        self._policy, self._servers, self._folder, self._base = policy, servers, folder, base
        self._run = uuid.uuid4().hex[:8]
        self._version = 0

    def bring(self) -> str:
        """See `Carrier.bring`."""
        self._version += 1
        path = self._path(self._version)
        with files.new_directory(path) as directory:
            self._policy.save(directory)
        self._servers.each(lambda server: server.reload(path))
        shutil.rmtree(self._path(self._version - 1), ignore_errors=True)
        return self._base

    def close(self) -> None:
        """Leave the last weights where they are: the server may need to read them again."""

    def _path(self, version: int) -> Path:
        return self._folder / f"weights-{self._run}-{version}"
