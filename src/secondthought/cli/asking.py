"""Commands that ask a model share how it is asked: how long an answer may be, what is sent besides, how patiently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from secondthought.config import Config
from secondthought.errors import ConfigError
from secondthought.inference.chat.address import shown
from secondthought.inference.chat.endpoint import Endpoint


class RequestOptions(Config):
    """How a model is asked that is served."""

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


class AskOptions(RequestOptions):
    """How a judge or teacher is asked."""

    max_tokens: int | None = Field(None, ge=1)
    """Longest answer; default 1024. Models that think first need more: an answer that is cut off counts as none."""


class ServedModels(Config):
    """Flags of commands that measure models which may be served elsewhere: `URL#NAME` in place of a directory."""

    key_env: str | None = None
    """The environment variable that holds the key of models named `URL#NAME`; default: no key is sent."""
    ask: RequestOptions = RequestOptions()
    """How models named `URL#NAME` are asked."""


def is_served(model: str) -> bool:
    """Tell whether a model is named by the URL of a server.

    >>> is_served("http://localhost:8000/v1#my-model"), is_served("runs/a")
    (True, False)
    """
    return model.startswith(("http://", "https://"))


def url_and_name(model: str, prog: str) -> tuple[str, str]:
    """Return the URL of a served model's server, and the model's name there.

    Raises:
        ConfigError: it names no model.
    """
    url, _, name = model.partition("#")
    if not name:
        raise ConfigError(f"{prog}: {shown(url)}: name the model behind a #, as in {shown(url)}#NAME")
    return url, name


def endpoints_of(models: Sequence[str], given: ServedModels, prog: str) -> dict[str, Endpoint]:
    """Return the endpoint of each model that is served, by its name on the command line.

    Raises:
        ConfigError: a URL cannot be one or names no model, a key is missing, or flags say how to ask and nobody is.
    """
    found = {}
    for model in filter(is_served, models):
        url, name = url_and_name(model, prog)
        found[model] = endpoint_of(url, name, given.key_env, given.ask)
        found[model].key()
    if not found:
        idle = ["key_env"] if given.key_env else [f"ask.{name}" for name in given.ask.changed()]
        if idle:
            flag = idle[0].replace("_", "-")
            raise ConfigError(f"{prog}: --{flag} goes with a model that is served: URL#NAME")
    return found


def endpoint_of(url: str, model: str, key_variable: str | None, asked: RequestOptions) -> Endpoint:
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
