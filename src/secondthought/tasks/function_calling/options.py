"""The options of function calling, with one sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import field_validator

from secondthought.tasks.options import SplitOptions


class FunctionCallingOptions(SplitOptions):
    """`FunctionCallingOptions` say which rows are used, how they are asked and how calls are judged."""

    files: tuple[Path, ...] = ()
    """Files of rows, JSON lines or one JSON array; none: the shipped problems. BFCL's answers are joined by id, from
    the list or from `possible_answer/` beside a file; Seal-Tools needs its `tool.jsonl` in the list."""
    mode: Literal["auto", "exact", "bfcl", "strict"] = "auto"
    """How calls are judged: `exact` takes names and values as stated, `bfcl` follows the leaderboard with its faults,
    `strict` without them; `auto` is `exact` where a row states its calls, `strict` where it lists accepted values."""
    think: bool = False
    """Ask for steps first and the call after them; default: the call alone."""
    dotted_names: Literal["keep", "underscore"] = "keep"
    """How a tool called `math.hypot` is shown and matched; chat endpoints allow no dots and need `underscore`."""
    oracle_shows: Literal["value", "place"] = "value"
    """What an oracle's reflection tells: the right call, or only the place of the mistake."""
    splits: Literal["hash", "rows"] = "hash"
    """Where a problem's split comes from: a hash of its messages, or the row's own field `split`."""
    distractors: int = 4
    """How many tools of the catalogue stand beside those that a Seal-Tools request needs."""

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        """Take one path where a list is expected."""
        return (value,) if isinstance(value, (str, Path)) else value
