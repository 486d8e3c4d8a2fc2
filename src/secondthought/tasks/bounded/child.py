"""The other process of `bounded.calls`: a call is a line of JSON, and so is its reply.

    python -m secondthought.tasks.bounded.child MODULE:FUNCTION SECONDS BYTES MADE_WITH

A call that uses up its processor time is ended by the kernel, and with it the process. No handler is asked: a loop of C
would not let it come to its turn.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from typing import Any

from secondthought.errors import SecondthoughtError


def main(target: str, seconds: float, memory: int, made_with: list[Any] | None) -> None:
    """Answer calls until there are no more."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no reply
    try:
        module, _, name = target.partition(":")
        function = getattr(importlib.import_module(module), name)
        if made_with is not None:
            function = function(*made_with)
    except (ImportError, SecondthoughtError) as error:
        _reply(replies, {"raised": str(error)})
        return
    _limit_memory(memory)
    if made_with is not None:
        _shut_in()
    _reply(replies, {"value": None})
    for line in sys.stdin.buffer:
        arguments = json.loads(line)
        _limit_time(seconds)
        try:
            reply = {"value": function(*arguments)}
            json.dumps(reply)
        except Exception as error:  # whatever a library does with hostile text
            reply = {"raised": type(error).__name__}
        _limit_time(0.0)
        _reply(replies, reply)


def _reply(replies: Any, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()


def _limit_time(seconds: float) -> None:
    """End the process when it has computed so long; 0 takes the limit off."""
    with contextlib.suppress(ImportError, AttributeError):  # not there on Windows, where the clock alone limits
        import signal

        signal.setitimer(signal.ITIMER_PROF, seconds)


def _shut_in() -> None:
    """Leave the process computing, and files to read: libraries read theirs late.

    It is a second wall. Where the kernel has none, the first one stands.
    """
    with contextlib.suppress(ImportError, OSError):
        from secondthought.tasks.sandbox.child import give_up_system_calls

        give_up_system_calls(timers=True, reads=True)


def _limit_memory(memory: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4]))
