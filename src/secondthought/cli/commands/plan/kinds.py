"""A file of settings is one of three kinds: a run of `train`, one of `train sft`, or a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from secondthought.cli.options import file_values
from secondthought.config import RunConfig, read_toml
from secondthought.config.sft import SftConfig
from secondthought.errors import ConfigError

Kind = Literal["run", "sft", "study"]
SFT_FLAGS = ("--data", "--examples", "--tokens-per-example", "--max-length", "--eval-share")
"""Flags that only fine-tuning has, with values."""


def kind_of(argv: Sequence[str]) -> tuple[Kind, Path | None]:
    """Return what is to be planned, and the file that says so.

    A file that both kinds of runs accept, or no file, is a run of `train`, unless a flag is one of fine-tuning's.

    Raises:
        ConfigError: the file is none of the three.
    """
    given = {word.partition("=")[0] for word in argv}
    bare: Kind = "sft" if given & set(SFT_FLAGS) else "run"
    path = file_of(argv)
    if path is None:
        return bare, None
    if {"arms", "out"} <= read_toml(path).keys():
        return "study", path
    refused = {kind: _refusal(kind, path) for kind in (RunConfig, SftConfig)}
    if all(refused.values()):
        raise ConfigError(
            f"{path}: is no config of `train` ({refused[RunConfig]}), none of `train sft` ({refused[SftConfig]}), and "
            "no study, which has `arms` and `out`"
        )
    if refused[SftConfig]:
        return "run", path
    return ("sft" if refused[RunConfig] else bare), path


def file_of(argv: Sequence[str]) -> Path | None:
    """Return the first word that is given by place and names a TOML file."""
    before = ""
    for word in argv:
        path = Path(word)
        if not word.startswith("-") and before not in SFT_FLAGS and path.is_file() and _is_toml(path):
            return path
        before = word
    return None


def _is_toml(path: Path) -> bool:
    """Return True for a file that is TOML, or called so, which lets what is wrong with it be said."""
    if path.suffix == ".toml":
        return True
    try:
        read_toml(path)
    except ConfigError:
        return False
    return True


def _refusal(kind: type[RunConfig | SftConfig], path: Path) -> str:
    """Return the gist of what a kind of config has against a file; empty if nothing."""
    try:
        file_values(kind, path)
    except ConfigError as error:
        return str(error).removeprefix(f"{path}: ").partition("; allowed:")[0]
    return ""
