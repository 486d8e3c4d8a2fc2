"""`secondthought bench memory` measures peaks of sampling and of the update against the size of a group."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table
from secondthought.config import Config

MEGABYTE = 1e6


class Options(Config):
    """Measure peak memory of sampling and of the update as groups grow, beside the formula of `secondthought plan`."""

    groups: tuple[int, ...] = Field((4, 8, 16, 32), min_length=1)
    """Branches of a group: one measurement each, in a process of its own."""
    trunk: int = Field(700, ge=1)
    """Tokens that a group shares."""
    branch: int = Field(100, ge=1)
    """Tokens of a reflection."""
    trunks: int = Field(8, ge=1)
    """Groups that are sampled at once; an update is on one."""
    hidden: int = Field(256, ge=1)
    """Width of the model."""
    layers: int = Field(6, ge=1)
    """Depth of the model."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of sampling and of the update."""
    threads: int = Field(1, ge=1)
    """CPU threads of torch."""
    json_: bool = False
    """One JSON object instead of a table."""


def run(argv: list[str], prog: str) -> None:
    """Measure, and print peak and formula side by side."""
    given = parse(Options, argv, prog)
    from secondthought.bench.memory import run as measure

    found = measure(**given.model_dump(exclude={"json_"}))
    if given.json_:
        write_line(found)
        return
    rows = [
        [int(group), what, item["peak"] / MEGABYTE, item["formula"] / MEGABYTE, item["formula"] / item["peak"]]
        for group, both in found["raw"].items()
        for what, item in both.items()
    ]
    title = f"MB above the bare interpreter; {found['settings']['parameters']} parameters, {given.precision}"
    write_table(title, ["G", "", "peak", "formula", "formula / peak"], rows)
