"""Suggestions from all flags, other names of the same thing, and words that are missing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from secondthought.cli.flags import flags_of, hint, named, written_out
from secondthought.config import Config, RunConfig
from secondthought.errors import ConfigError


class Section(Config):
    """A section."""

    lr: float = 0.5
    """A rate."""
    share: bool = True
    """A switch."""
    limit: int = -1
    """A limit."""


class Command(Config):
    """A command."""

    path: str
    """The model, by place."""
    out: Path
    """The file to write."""
    tasks: tuple[str, ...] = Field(("countdown",), json_schema_extra=named("task", also=("tasks",)))
    """Tasks."""
    dry_run: bool = False
    """A flag."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Free."""
    first: Section = Section()
    second: Section = Section()


FLAGS = flags_of(Command, positional=("path",), aliases={"--model": 0, "--rate": "--second.lr"})


def words(*given):
    return written_out([*given], FLAGS, "prog")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["m", "--out", "x"], ["m", "--out", "x"]),
        (["--out=x", "--model", "m"], ["m", "--out=x"]),
        (["--model=m", "--out", "x", "--tasks", "a", "b"], ["m", "--out", "x", "--task", "a", "b"]),
        (["--dry_run", "m", "--out", "x"], ["m", "--dry-run", "--out", "x"]),
        (["m", "--out", "x", "--rate", "1e-3"], ["m", "--out", "x", "--second.lr", "1e-3"]),
        (["m", "--out", "x", "--first.limit", "-3"], ["m", "--out", "x", "--first.limit", "-3"]),
        (["m", "--out", "x", "--first.no_share"], ["m", "--out", "x", "--first.no-share"]),
        (["-", "--out", "x"], ["-", "--out", "x"]),
    ],
)
def test_every_name_of_a_flag_means_the_same(given, meant):
    assert words(*given) == meant


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], r"PATH and --out are missing \(the model; the file to write\); see prog --help"),
        (["m"], r"--out is missing \(the file to write\)"),
        (["--out", "x"], r"PATH is missing \(the model\)"),
        (["m", "--out"], r"--out needs a value, as in --out VALUE"),
        (["m", "--out", "--dry-run"], r"--out needs a value"),
        (["m", "--a", "--outt", "x"], r"unknown flags: --a, --outt \(did you mean --out\?\)"),
    ],
)
def test_what_is_missing_or_unknown_is_named_at_once(given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        words(*given)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--lr", "--optim.lr or --critic.lr"),
        ("--steps", "--train.steps"),
        ("--steps=3", "--train.steps"),
        ("--optim.lrr", "--optim.lr"),
        ("--Optim_LR", "--optim.lr"),
        ("--train.group_per_step", "--train.groups-per-step"),
        ("--optim.steps", "--train.steps"),
        ("--learning-rate", "--optim.lr or --critic.lr"),
        ("--task.option.preset", "--task.options.preset"),
        ("--run_dri", "--run-dir"),
        ("--n", "--evaluation.problems"),
        ("--share-trunk", "--train.share-trunk"),
        ("--no-share-trunk", "--train.no-share-trunk"),
        ("--max-attempt-token", "--episode.max-attempt-tokens"),
        ("--debgu", "--debug"),
        ("--zzz", None),
    ],
)
def test_suggestions_come_from_the_flags_of_every_section(typed, meant):
    found = hint(typed.partition("=")[0], flags_of(RunConfig))
    assert found == (f" (did you mean {meant}?)" if meant else "")


@pytest.mark.parametrize(
    ("command", "old", "new"),
    [
        ("eval scripted --problems 3", "--tasks countdown", "--task countdown"),
        ("failures --out x", "scripted", "--model scripted"),
        (
            "train grpo --evaluation.problems 9 --task.train-problems 9 --train.eval-problems 9",
            "--model.path small --task.name arithmetic",
            "--model small --task arithmetic",
        ),
        ("train grpo", "--run-dir x --task.options.preset tiny", "--out x --options.preset tiny"),
        ("train sft --data x", "--run-dir x", "--out x"),
    ],
)
def test_the_same_thing_has_the_same_name_and_the_old_name_works(cli, command, old, new):
    both = [json.loads(cli(*command.split(), *form.split(), "--dry-run").out) for form in (old, new)]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("command", "old", "new"),
    [
        ("tasks sample countdown --json", "--count 2", "--problems 2"),
        ("tasks check --problems 2 --json", "arithmetic", "--task arithmetic"),
        ("organism check --problems 40 --json", "scripted", "--model scripted"),
        ("organism check scripted --json", "--count 40", "--problems 40"),
    ],
)
def test_numbers_of_problems_are_called_problems_everywhere(cli, command, old, new):
    both = [re.sub(r"[\d.]+ ms", "", cli(*command.split(), *form.split()).out) for form in (old, new)]
    assert both[0] == both[1] != ""
