"""The error of a call that a text begins and that cannot be read."""

from __future__ import annotations

from secondthought.errors import SecondthoughtError

MAX_CALLS = 64
"""A completion that makes more calls is malformed: no request needs them."""


class BrokenCallError(SecondthoughtError):
    """A `BrokenCallError` says in a few words why a call cannot be read."""
