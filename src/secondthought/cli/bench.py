"""`secondthought bench verify|solve|update`: the speeds that docs/results.md records."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from pydantic import Field

from secondthought.cli._options import parse
from secondthought.cli._output import write_line, write_table
from secondthought.cli._summary import flat
from secondthought.config import Config
from secondthought.errors import ConfigError
from secondthought.tasks.options import suggestion


class Options(Config):
    """Measure a speed on this machine, and print settings, figures and ratios.

    What is measured has options of its own, set with --options.NAME VALUE; an unknown name lists them.
    """

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the measurement's own."""
    json_: bool = False
    """One JSON object instead of a table."""


def verify(argv: list[str], prog: str) -> None:
    """Completions verified per second."""
    _run("verify", argv, prog)


def solve(argv: list[str], prog: str) -> None:
    """Time per problem solved."""
    _run("solve", argv, prog)


def update(argv: list[str], prog: str) -> None:
    """Time per training update."""
    _run("update", argv, prog)


def _run(name: str, argv: list[str], prog: str) -> None:
    given = parse(Options, argv, prog)
    run = importlib.import_module(f"secondthought.bench.{name}").run
    known = list(inspect.signature(run).parameters)
    for option in given.options:
        if option not in known:
            raise ConfigError(
                f"{prog}: unknown option {option!r}{suggestion(option, known)}; known: {', '.join(known)}"
            )
    found = run(**given.options)
    if given.json_:
        write_line(found)
    else:
        write_table(prog, ["", ""], list(flat(found)))
