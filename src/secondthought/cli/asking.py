"""Commands that ask a model share how it is asked: how long an answer may be, what is sent besides, how patiently."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from secondthought.config import Config
from secondthought.inference.chat.endpoint import Endpoint


class AskOptions(Config):
    """How a judge or teacher is asked."""

    max_tokens: int | None = Field(None, ge=1)
    """Longest answer; default 1024. Models that think first need more: an answer that is cut off counts as none."""
    request: dict[str, Any] = Field(default_factory=dict)
    """Fields to add to every request, as JSON or text: --ask.request.reasoning-effort low. null takes a field away:
    --ask.request.temperature null, or --ask.request.max-tokens null --ask.request.max-completion-tokens 4000."""
    time_limit: float | None = Field(None, gt=0)
    """Seconds that one request may take; default 120."""
    concurrency: int | None = Field(None, ge=1)
    """Requests under way at once; default 8."""
    attempts: int | None = Field(None, ge=1)
    """Requests that one conversation is worth; default 6."""
    patience: int | None = Field(None, ge=1)
    """Conversations in a row without an answer after which the rest is not asked; default 16."""


def endpoint_of(url: str, model: str, key_variable: str | None, asked: AskOptions) -> Endpoint:
    """Return the endpoint that options name; what they leave out keeps the default of `Endpoint`.

    Raises:
        ConfigError: the URL cannot be one.
    """
    given: dict[str, Any] = {
        "time_limit_s": asked.time_limit,
        "concurrency": asked.concurrency,
        "attempts": asked.attempts,
        "patience": asked.patience,
        "extra": asked.request or None,
    }
    known = {name: value for name, value in given.items() if value is not None}
    return Endpoint(url=url, model=model, key_variable=key_variable, **known)
