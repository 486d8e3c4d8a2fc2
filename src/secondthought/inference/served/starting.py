"""A vLLM server that a run starts for itself, on this machine, and that ends with it."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from secondthought.config.inference import InferenceConfig
from secondthought.disk import why_unwritten
from secondthought.errors import ConfigError, PolicyError, RunError
from secondthought.inference.chat.http import NoReply, OpenRequests
from secondthought.inference.local import LocalPolicy
from secondthought.inference.served import guard
from secondthought.models.loading import base_checkpoint
from secondthought.progress import SILENT, Onlooker

_ROUTES = {"VLLM_SERVER_DEV_MODE": "1", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"}
"""Environment variables that make a server take new weights."""
_LOOK_EVERY_S = 0.5
_HALF = "0.45"
"""Share of the memory, of a GPU or of a machine without one, that the server takes: the model trains beside it."""
_WHOLE_PROMPTS = ("--no-enable-chunked-prefill", "--max-num-batched-tokens", "65536")
"""Arguments that have a server read each prompt whole: vLLM 0.32 on a processor dies in the middle of a seeded one."""
_DYING_S = 3.0
"""How long after a failed request a server that is dying may take to be gone."""
_ERROR = re.compile(r"\w+Error: .*")
_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


@contextlib.contextmanager
def started(config: InferenceConfig, local: LocalPolicy, log: Path, onlooker: Onlooker = SILENT) -> Iterator[str]:
    """Start a server for the model that trains; yield its URL once it answers.

    Args:
        config: which program, with which arguments, and how long it may take.
        local: the model that trains.
        log: takes what the server says.
        onlooker: told how long it takes.

    Raises:
        ConfigError: there is no such program.
        PolicyError: it ends, also later, or does not answer within its time.
        RunError: the log cannot be written.
    """
    port, before = _free_port(), log.stat().st_size if log.exists() else 0
    words = [
        program_of(config),
        "serve",
        base_checkpoint(local.name),
        *_arguments(local, port, shlex.split(config.program_args)),
    ]
    with _guarded(words, log) as process, OpenRequests() as requests:
        with onlooker.stage(f"starting {config.program}, which writes {log}") as stage:
            until = time.monotonic() + config.start_limit_s
            while not _answers(requests, f"http://127.0.0.1:{port}/health"):
                if process.poll() is not None:
                    raise PolicyError(_how_it_ended(config, process.returncode, log, before))
                if time.monotonic() > until:
                    limit = f"{config.start_limit_s:g} s (inference.start_limit_s)"
                    raise PolicyError(f"{config.program} does not answer within {limit}{_why(log, before)}")
                stage.beat()
                time.sleep(_LOOK_EVERY_S)
        try:
            yield f"http://127.0.0.1:{port}"
        except PolicyError as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_DYING_S)
            if process.returncode is None:
                raise
            raise PolicyError(f"{_how_it_ended(config, process.returncode, log, before)} ({error})") from error


def program_of(config: InferenceConfig) -> str:
    """Return where the program is that a config names.

    Raises:
        ConfigError: nowhere.
    """
    found = shutil.which(os.path.expanduser(config.program))
    if found is None:
        raise ConfigError(
            f"inference.program: there is no program {config.program!r} to start; install vLLM in an environment of its"
            ' own and name the program there (inference.program = "PATH/bin/vllm"), or say where a server is'
            " (inference.url)"
        )
    return found


def _arguments(local: LocalPolicy, port: int, given: Sequence[str]) -> list[str]:
    """Return what the server is told; what is given comes last, and so counts."""
    found = ["--host", "127.0.0.1", "--port", str(port), "--dtype", _DTYPES[local.precision]]
    found += ["--logprobs-mode", "processed_logprobs"]
    if local.adapter is not None:
        found += ["--enable-lora", "--max-lora-rank", str(_rank(local))]
    found += ["--gpu-memory-utilization", _HALF]
    if local.device.type == "cpu":
        found += _WHOLE_PROMPTS
    return [*found, *given]


def _rank(local: LocalPolicy) -> int:
    """Return the rank that the server is told of: it knows powers of two from 8 on."""
    rank = max(int(settings.r) for settings in local.model.peft_config.values())
    return max(8, 1 << (rank - 1).bit_length())


@contextlib.contextmanager
def _guarded(words: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a guard run a program as long as the context lasts, or this process."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        said = log.open("ab")  # what one said that an earlier attempt of the run started is worth keeping
    except OSError as error:
        raise RunError(why_unwritten(log, error)) from None
    command = [sys.executable, "-I", str(guard.__file__), *words]
    with (
        said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env=_environment(os.environ),
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.stdin is not None:
                process.stdin.close()  # the guard ends the program
            process.wait()


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the server: ours, and what makes it take weights; our own modules are not its."""
    return {name: value for name, value in ours.items() if name not in ("PYTHONPATH", "PYTHONHOME")} | _ROUTES


def _answers(requests: OpenRequests, url: str) -> bool:
    try:
        return requests.get(url, {}, 5.0).status == 200
    except NoReply:
        return False


def _free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _how_it_ended(config: InferenceConfig, status: int, log: Path, before: int) -> str:
    how = f"was ended by signal {status - 128}" if status > 128 else f"ended with status {status}"
    return f"{config.program} {how}{_why(log, before)}"


def _why(log: Path, before: int) -> str:
    """Return the first error that a server wrote, or else its last line; `before` it started the log was so long."""
    lines = log.read_bytes()[before:].decode("utf-8", errors="replace").strip().splitlines() or ["nothing"]
    errors = (found.group() for line in lines if (found := _ERROR.search(line)))
    return f": it said {next(errors, lines[-1])[:300]!r}; all of it is in {log}"
