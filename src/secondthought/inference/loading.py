"""The policy that a config names: loaded into this process, and sampled here or by a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from secondthought.config import ModelConfig
from secondthought.config.inference import InferenceConfig
from secondthought.errors import ConfigError
from secondthought.inference.local import LocalPolicy
from secondthought.inference.served.policy import served_policy
from secondthought.inference.served.starting import program_of, started
from secondthought.models.loading import load_model
from secondthought.models.weight_bars import told_to
from secondthought.progress import SILENT, Onlooker
from secondthought.protocols import Policy


def load_policy(
    config: ModelConfig, onlooker: Onlooker = SILENT, *, share_trunk: bool = True, learns: bool = True
) -> LocalPolicy:
    """Load the causal LM that a config names, ready to sample; the onlooker is told how far it is.

    The paths that it can take are measured. With `share_trunk` false it samples by the plain one. What never learns
    may be held in less memory.

    Raises:
        ConfigError: an adapter is asked for where there is one already, or without the package that it needs.
        PolicyError: there is no such model, or it cannot be used.
    """
    with onlooker.stage(f"loading {config.path}"), told_to(onlooker):
        policy = load_model(config, LocalPolicy, learns=learns, onlooker=onlooker)
        policy.share_trunk = share_trunk
        policy.measure_paths()
    return policy


def require_engine(config: InferenceConfig, processes: int, timeout_s: float) -> None:
    """Refuse, before anything is loaded, an engine that these processes could not use.

    Args:
        config: which engine, and where.
        processes: how many train.
        timeout_s: how long these wait for each other.

    Raises:
        ConfigError: a setting is not for several processes, or there is no program to start.
    """
    if config.engine != "local" and config.url is None:
        program_of(config)
    if config.engine == "local" or processes == 1:
        return
    if config.ahead:
        raise ConfigError("inference.ahead: one process alone samples ahead; leave it out, or train in one process")
    if config.url is None:
        raise ConfigError("inference.url: several processes share servers that are there; start them, and say where")
    longest = config.attempts * config.time_limit_s
    if longest >= timeout_s:
        raise ConfigError(
            f"inference.time_limit_s: {config.attempts} attempts of {config.time_limit_s:g} s at a server that hangs"
            f" take longer than processes wait for each other, {timeout_s:g} s (train.timeout_s); set it lower"
        )


@contextlib.contextmanager
def sampled_by(
    config: InferenceConfig, policy: LocalPolicy, folder: Path, onlooker: Onlooker = SILENT
) -> Iterator[Policy]:
    """Have a policy sampled by the engine that a config names: itself, or a server with its weights.

    A server that is nowhere yet is started, and ends with the context.

    Args:
        config: which engine, and where.
        policy: the model that trains.
        folder: for weights on their way to a server; what one says that is started stands beside it.
        onlooker: told how far a server is that is started.

    Raises:
        ConfigError: there is no server, and none can be started.
        PolicyError: nobody answers there, or another model does.
    """
    if config.engine == "local":
        yield policy
        return
    with contextlib.ExitStack() as stack:
        if config.url is None:
            url = stack.enter_context(started(config, policy, folder.with_suffix(".log"), onlooker))
            config = config.model_copy(update={"url": url})
        yield stack.enter_context(served_policy(policy, config, folder))
