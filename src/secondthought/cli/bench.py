"""`secondthought bench verify|solve|update`: the speeds that docs/results.md records."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from secondthought.cli._options import parse
from secondthought.cli._output import write_line, write_table
from secondthought.cli._summary import flat
from secondthought.config import Config


class Options(Config):
    """What all measurements have in common."""

    json_: bool = False
    """One JSON object instead of a table."""


class VerifyOptions(Options):
    """Countdown completions verified per second, called from Python, on one core."""

    problems: int = Field(200, ge=1)
    """Problems, each with right, wrong, malformed and missing answers."""
    rounds: int = Field(5, ge=1)
    """Passes; the median counts."""
    seed: int = 0
    """Which problems."""


class SolveOptions(Options):
    """Milliseconds to decide a random Countdown problem, and to list all of its solutions."""

    problems: int = Field(200, ge=1)
    """Problems, solvable or not."""
    numbers: int = Field(4, ge=2, le=6)
    """Numbers of a problem."""
    seed: int = 0
    """Which problems."""


class UpdateOptions(Options):
    """Seconds of one training update: trunks shared, not shared, and TRL where an interpreter has it."""

    trunk: int = Field(700, ge=1)
    """Tokens that a group shares."""
    branch: int = Field(100, ge=1)
    """Tokens of a reflection."""
    group: int = Field(16, ge=2)
    """Branches of a group."""
    retry: int = Field(500, ge=0)
    """Tokens of a retry, where it is kept in the row."""
    hidden: int = Field(256, ge=1)
    """Width of the model."""
    layers: int = Field(6, ge=1)
    """Depth of the model."""
    steps: int = Field(5, ge=1)
    """Updates; the median counts."""
    threads: int = Field(1, ge=1)
    """CPU threads of torch."""
    unshared: bool = True
    """Also time our own path without sharing."""
    peer_python: str | None = None
    """Interpreter of an environment with TRL; without one it is left out."""


def verify(argv: list[str], prog: str) -> None:
    """Completions verified per second."""
    given = parse(VerifyOptions, argv, prog)
    from secondthought.bench.verify import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def solve(argv: list[str], prog: str) -> None:
    """Time per problem solved."""
    given = parse(SolveOptions, argv, prog)
    from secondthought.bench.solve import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def update(argv: list[str], prog: str) -> None:
    """Time per training update."""
    given = parse(UpdateOptions, argv, prog)
    from secondthought.bench.update import run

    _print(run(**given.model_dump(exclude={"json_"})), given, prog)


def _print(found: dict[str, Any], given: Options, prog: str) -> None:
    if given.json_:
        write_line(found)
    else:
        write_table(prog, ["", ""], list(flat(found)))
