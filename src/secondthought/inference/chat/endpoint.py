"""An `Endpoint` says where a model is served and how patiently it is asked; it uses no network itself."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from secondthought.errors import ConfigError
from secondthought.inference.chat.address import address


def key_in(variable: str | None, what: str) -> str | None:
    """Read a key from the environment; None where no variable is named. `what` names the setting in errors.

    Raises:
        ConfigError: the variable is not set, or holds what no HTTP header may hold.
    """
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError(f"{what}: the environment variable {variable} is not set; put the key into it")
    # The library's own error would show the key.
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"{what}: the key in {variable} holds characters that no HTTP header may hold")
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An `Endpoint` says where a model is served, and how patiently it is asked."""

    url: str
    """Base URL, such as http://localhost:8000/v1."""
    model: str
    """Name of the model as the server knows it."""
    key_variable: str | None = None
    """Environment variable that holds the key; None sends none. The key itself is never stored, shown or logged."""
    time_limit_s: float = 120.0
    """Longest that one request may take, from connecting to the last byte."""
    concurrency: int = 8
    """Requests under way at once, at most."""
    attempts: int = 6
    """Requests that one conversation is worth."""
    first_delay_s: float = 1.0
    """Wait before the second attempt, doubled for each one after."""
    longest_delay_s: float = 60.0
    """Longest wait; a server that asks for a longer one (Retry-After) is not asked again."""
    patience: int = 16
    """Conversations in a row without an answer after which the rest is not asked."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields to add to every request; None takes a field away ({"max_tokens": None, "max_completion_tokens": 800})."""

    def __post_init__(self) -> None:
        address(self.url)
        if not self.model:
            raise ConfigError("endpoint: model is empty; name a model that the server has")
        for name in ("concurrency", "attempts", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"endpoint: {name} is {getattr(self, name)}; it must be at least 1")
        if not (self.time_limit_s > 0 and self.first_delay_s >= 0 and self.longest_delay_s >= 0):
            raise ConfigError("endpoint: time_limit_s must be above 0, and the delays not below it")

    def key(self) -> str | None:
        """Read the key from the environment; None where no variable is named.

        Raises:
            ConfigError: the variable is not set, or holds what no HTTP header may hold.
        """
        return key_in(self.key_variable, "endpoint")

    def delay(self, attempt: int, asked_for: float | None, jitter: random.Random) -> float | None:
        """Return the seconds to wait after the n-th attempt failed, or None if waiting is no use.

        min(longest, first * 2^(n - 1)) * U(1/2, 1); where the server asks for a time, that time + U(0, first).
        """
        if attempt >= self.attempts:
            return None
        if asked_for is not None:
            wanted = asked_for + jitter.random() * self.first_delay_s
            return wanted if asked_for <= self.longest_delay_s else None
        full = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(attempt - 1, 60))
        return full * (0.5 + jitter.random() / 2)
