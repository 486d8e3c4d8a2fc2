"""Calls become text of a dialect, as the chat templates of its models write them."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.errors import TaskError
from secondthought.tools.calls import Call
from secondthought.tools.dialects import DIALECTS


def write_calls(calls: Sequence[Call], dialect: str = "tool_call") -> str:
    r"""Return the text of an answer that makes these calls.

    >>> write_calls([Call("f", {"a": 1})])
    '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    >>> write_calls([Call("f", {"a": 1})], "python")
    '[f(a=1)]'

    Raises:
        TaskError: there is no such dialect.
        Unwritable: the dialect has no way to write one of the calls.
    """
    if dialect not in DIALECTS:
        raise TaskError(f"there is no dialect {dialect!r} of calls; there are {', '.join(DIALECTS)}")
    return DIALECTS[dialect].write(calls)
