"""`secondthought serve` puts an OpenAI-compatible server in front of a model: clients get second thoughts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from secondthought.cli.asking import is_served, url_and_name
from secondthought.cli.loading import FIXED_BY_PLACE, load_policy, load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.cli.wording import AskedEpisode, WordingFlags, worded
from secondthought.config import ModelConfig
from secondthought.config.values import Threads
from secondthought.errors import ConfigError
from secondthought.inference.chat.endpoint import Endpoint, key_in
from secondthought.protocols import Task

if TYPE_CHECKING:
    from secondthought.serve.proxy.stored import FailureStore
    from secondthought.serve.proxy.upstream import Upstream

_MEGABYTE = 10**6


class Options(ProgressFlags, WordingFlags):
    """Serve a model so that an answer which fails its check gets a reflection and another try.

    Clients change one URL. What is checked is what a request states: its JSON schema (`response_format`), its tools, or
    by name one of --checks; other requests are passed on as they are. PATH is `URL#NAME` for a model that is served
    elsewhere, or a checkpoint directory, a GGUF file, a hub id or a shipped model's name. Ctrl-C ends it.
    """

    path: str
    """The model that answers."""
    config: Path | None = None
    """A TOML file of these options."""
    host: str = "127.0.0.1"
    """Address to listen at; one that other machines can reach needs --client-keys-env."""
    port: int = Field(8100, ge=0, le=65535)
    """Port to listen at; 0 takes one that is free."""
    key_env: str | None = None
    """The environment variable that holds the key of a model named `URL#NAME`; default: no key is sent."""
    client_keys_env: str | None = None
    """The environment variable that holds the keys of clients, with commas between; default: nobody needs one."""
    checks: dict[str, str] = Field(default_factory=dict)
    """Tasks that clients may have answers checked by: --checks.tests "command:pytest -q". A client names one by
    `"secondthought": {"check": "tests"}`, with `"data"` where the task needs a row."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of each check's task, by the check's name: --options.tests.seconds 60."""
    checkers: int = Field(2, ge=1)
    """Answers that are checked at once."""
    tries: int = Field(2, ge=1, le=8)
    """Tries of a request that says nothing else: 2 is try, reflection, retry."""
    max_tokens: int | None = Field(None, ge=1)
    """Tokens after which a request gets no further turn, prompts included; default: no limit."""
    reflector: str | None = None
    """Name of another model of the same server that writes the reflections, such as an adapter that was trained to."""
    tell_schema: Literal["auto", "yes", "no"] = "auto"
    """Tell the model of a schema in words; auto: only a local model, whose answers no server constrains."""
    read_calls: bool = False
    """Take an answer of a server's model that begins with a call for a call, where the server left it in the text.
    A local model's are always read."""
    time_limit: float = Field(300.0, gt=0)
    """Seconds that a request may take; what is best by then is the answer."""
    attempts: int = Field(4, ge=1)
    """Requests to the model's server that one turn is worth."""
    concurrency: int = Field(64, ge=1)
    """Requests that are answered at once."""
    queue: int = Field(256, ge=0)
    """Requests that may wait; further ones are told to come back (429)."""
    store: Path | None = None
    """A JSONL file for failures, which `train reflect-retry --failures` reads; default: nothing is stored."""
    consent: Literal["asked", "all"] = "asked"
    """Whose failures are stored: of requests with `"store": true`, or of all but those with `"store": false`."""
    redact: tuple[str, ...] = ()
    """What is taken out besides keys, addresses and numbers of persons: NAME=REGEX, stored as [NAME]."""
    store_mb: float = Field(100.0, gt=0)
    """Size of the file at which no more is stored."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    dry_run: bool = False
    """Print the resolved options as JSON and stop."""
    model: ModelConfig = ModelConfig()
    episode: AskedEpisode = AskedEpisode()


_SHORT = {"--model": 0}
_OF_STORE = ("consent", "redact", "store_mb")
"""Flags that say how failures are stored."""
_LOCAL_ONLY = ("max_attempt_tokens", "temperature", "tries_by")
"""Settings of an episode that an endpoint is told by the client's own request."""


def run(argv: list[str], prog: str) -> None:
    """Serve until Ctrl-C, and say what was done."""
    given = parse(Options, argv, prog, positional=("path",), fixed=FIXED_BY_PLACE, aliases=_SHORT)
    _check(given, prog)
    episode = worded(given, given.episode, is_checked=True, prog=prog)
    if given.dry_run:
        write_line(given.model_dump(mode="json"))
        return
    with progress(given) as shown_progress:
        with shown_progress.stage("loading the server"):
            from secondthought.serve.proxy import app, conversation, gate, server
            from secondthought.serve.proxy.checks import Checks
            from secondthought.serve.proxy.counts import Counts
            from secondthought.serve.thinking import Budget
        keys = _client_keys(given)
        server.require_keys(given.host, len(keys))
        reads_calls = given.read_calls or not is_served(given.path)
        checks = Checks(_makers(given, prog), given.checkers, reads_calls=reads_calls)
        store = _store(given)
        limits = gate.RequestLimits(concurrency=given.concurrency, queue=given.queue, seconds=given.time_limit)
        upstream = _upstream(given, prog, shown_progress)
    counts = Counts()
    proxy = app.Proxy(
        upstream=upstream,
        checks=checks,
        gate=gate.Gate(limits, keys, local_only=given.host in gate.LOCAL_NAMES),
        requests=app.requests_of(checks, episode),
        reflecting=conversation.Reflecting(model=_reflector(given), max_tokens=episode.max_reflection_tokens),
        tells_schema=given.tell_schema == "yes" or (given.tell_schema == "auto" and not is_served(given.path)),
        budget=Budget(tries=given.tries, tokens=given.max_tokens),
        store=store,
        counts=counts,
    )
    try:
        server.serve(app.application(proxy), given.host, given.port, lambda url: _ready(url, upstream.name))
    except KeyboardInterrupt:
        pass  # the way to end it
    finally:
        write_text(counts.says())


def _check(given: Options, prog: str) -> None:
    """Refuse settings that would do nothing."""
    if given.store is None and (idle := next((name for name in given.changed() if name in _OF_STORE), None)):
        raise ConfigError(f"{prog}: --{idle.replace('_', '-')} goes with --store: nothing is stored without a file")
    if is_served(given.path):
        own = [name for name in given.episode.changed() if name in _LOCAL_ONLY]
        if own:
            flag = own[0].replace("_", "-")
            raise ConfigError(f"{prog}: --episode.{flag} goes with a local model; clients tell a server themselves")
    elif given.key_env:
        raise ConfigError(f"{prog}: --key-env goes with a model that is served: URL#NAME")
    elif given.reflector:
        raise ConfigError(
            f"{prog}: --reflector names a model of a server; of a local adapter, --episode.tries-by base has the"
            " adapter write reflections alone"
        )


def _makers(given: Options, prog: str) -> dict[str, Callable[[], Task]]:
    """Return what makes the task of each check.

    Raises:
        ConfigError: options are given for no check.
    """
    by_check: dict[str, dict[str, Any]] = {name: {} for name in given.checks}
    for name, value in given.options.items():
        check, _, option = name.partition(".")
        if check not in by_check or not option:
            raise ConfigError(f"{prog}: --options.{name}: options are given by the name of a check of --checks")
        by_check[check][option] = value
    return {name: _maker(task, by_check[name]) for name, task in given.checks.items()}


def _maker(task: str, options: Mapping[str, Any]) -> Callable[[], Task]:
    return lambda: load_task(task, options)


def _client_keys(given: Options) -> list[str]:
    found = key_in(given.client_keys_env, "client_keys_env") or ""
    return [key.strip() for key in found.split(",") if key.strip()]


def _store(given: Options) -> FailureStore | None:
    if given.store is None:
        return None
    from secondthought.serve.proxy.redaction import Redactor
    from secondthought.serve.proxy.stored import FailureStore

    return FailureStore(given.store, given.consent, Redactor(given.redact), round(given.store_mb * _MEGABYTE))


def _reflector(given: Options) -> str | None:
    from secondthought.serve.proxy.local import REFLECTOR

    return REFLECTOR if not is_served(given.path) and given.episode.tries_by == "base" else given.reflector


def _upstream(given: Options, prog: str, onlooker: Any) -> Upstream:
    """Return who answers: a server, or a model that is loaded here."""
    if is_served(given.path):
        from secondthought.serve.proxy.upstream import EndpointUpstream

        url, name = url_and_name(given.path, prog)
        endpoint = Endpoint(
            url=url, model=name, key_variable=given.key_env, time_limit_s=given.time_limit, attempts=given.attempts
        )
        return EndpointUpstream(endpoint)
    from secondthought.rollout.player import TurnSampling
    from secondthought.serve.proxy.local import LocalUpstream

    policy = load_policy(given.model.model_copy(update={"path": given.path}), given.threads, onlooker)
    sampling = TurnSampling.resolve(given.episode)
    return LocalUpstream(policy, sampling.attempt, sampling.reflection)


def _ready(url: str, model: str) -> None:
    write_text(f"{url} answers for {model}; Ctrl-C ends it")
    sys.stdout.flush()  # whoever reads a pipe waits for it
