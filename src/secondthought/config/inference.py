"""Settings of who samples: this process, or a server."""

from __future__ import annotations

import shlex
from typing import Literal

from pydantic import Field, field_validator, model_validator

from secondthought.config.base import Config
from secondthought.config.values import Seconds


class InferenceConfig(Config):
    """Settings of the engine that samples."""

    engine: Literal["local", "vllm"] = "local"
    """local: this process, on the weights that train. vllm: a server, which is given the weights after each step."""
    url: str | tuple[str, ...] | None = None
    """Where the vLLM server is, such as http://localhost:8000; of several, that hold the same model, a list. Without it
    the run starts one, which ends with it."""
    program: str = "vllm"
    """The vLLM program that is started where no `url` is given; it may be in an environment of its own."""
    program_args: str = ""
    """More arguments of `vllm serve`, as a shell reads them, such as `--max-model-len 4096`."""
    start_limit_s: Seconds = 900.0
    """How long a server that is started may take until it answers."""
    key_env: str | None = None
    """The environment variable that holds the server's key; default: no key is sent."""
    ahead: bool = False
    """Have the next step's groups sampled while the model learns from this one's, so by weights one update older."""
    concurrency: int = Field(64, ge=1)
    """Requests under way at once."""
    max_gap: float = Field(0.05, gt=0)
    """Largest mean difference between the server's log-probabilities and the local model's, in nats a token, in the
    probe that follows each change of weights; beyond it the run stops."""
    time_limit_s: Seconds = 300.0
    """How long one request may take."""
    attempts: int = Field(5, ge=1)
    """Requests that one completion is worth."""

    @field_validator("program_args")
    @classmethod
    def _readable(cls, given: str) -> str:
        for word in shlex.split(given):
            if word.split("=")[0] in ("--host", "--port"):
                raise ValueError(f"{word} is ours to choose; for a server elsewhere set url")
        return given

    @model_validator(mode="after")
    def _consistent(self) -> InferenceConfig:
        if self.engine == "local" and self.changed():
            raise ValueError(f"{self.changed()[0]} is of a server; set engine = 'vllm', or leave it out")
        of_started = [name for name in self.changed() if name in ("program", "program_args", "start_limit_s")]
        if self.url is not None and of_started:
            raise ValueError(f"{of_started[0]} is of a server that is started; leave it out, or url")
        return self
