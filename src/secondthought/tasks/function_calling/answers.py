"""The answer in a completion is its calls, in one form whatever their order, spacing and dialect."""

from __future__ import annotations

import json

from secondthought.tools.calls import CallReading


def answer_of(reading: CallReading) -> str | None:
    r"""Return the calls as text, the same for the same calls in any order; None where a call cannot be read.

    An answer that calls nothing is one answer, however it is worded.

    >>> from secondthought.tools.calls import Call
    >>> answer_of(CallReading((Call("b", {}), Call("a", {"y": 1, "x": 2}))))
    '["a", {"x": 2, "y": 1}]\n["b", {}]'
    """
    if reading.malformed:
        return None
    try:
        calls = sorted(json.dumps([call.name, dict(call.arguments)], sort_keys=True) for call in reading.calls)
    except (ValueError, TypeError, RecursionError):  # numbers of thousands of digits, nesting without end
        return None
    return "\n".join(calls)
