"""One message of a transcript, and whether it is to be imitated."""

from __future__ import annotations

from typing import NamedTuple

from secondthought.types import Role


class Said(NamedTuple):
    """One message; `learn` is true for what the model is to imitate."""

    role: Role
    text: str
    learn: bool
