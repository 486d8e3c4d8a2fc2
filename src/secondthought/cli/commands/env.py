"""`secondthought env` prints versions and machine, to be pasted into a report of a bug."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.config import Config
from secondthought.runs import environment

OPTIONAL = ("trl", "vllm", "datasets", "accelerate")
"""Packages beside those of every run whose presence changes what commands do."""
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
"""Variables of the environment that change what commands do, and are no secret."""


class Options(Config):
    """Print versions of packages, the machine, and the variables that matter: paste it into a report of a bug.

    It holds no name of a user, no path and no key.
    """

    json_: bool = False
    """One JSON object instead of lines."""


def run(argv: list[str], prog: str) -> None:
    """Print the environment."""
    given = parse(Options, argv, prog)
    found = environment.machine((*environment.PACKAGES, *OPTIONAL))
    found["variables"] = {name: os.environ.get(name) for name in VARIABLES}
    if given.json_:
        write_line(found)
    else:
        write_text("\n".join(_lines(found)))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield `name: value` for everything that is known, tables on a line each."""
    for name, value in found.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {part}" for key, part in value.items() if part is not None)
        elif name == "memory_bytes" and value is not None:
            name, value = "memory", f"{value / 2**30:.1f} GiB"
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        yield f"{name}: {value or 'none'}"
