"""The command line finds a command, imports its module, runs it, and turns what goes wrong into one sentence.

A command's module parses, calls the library and prints; torch is imported only after parsing. Exit codes: 0 done, 1
failed, 2 misuse, 130 Ctrl-C, 143 SIGTERM, 141 the reader of stdout went away.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from secondthought.cli.command_table import COMMANDS, HELP, find, overview
from secondthought.cli.errors import guarded

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int | None:
    """Run one command: the console script `secondthought` calls this.

    Args:
        argv: the words after the program's name; default: the process's own.

    Returns:
        The exit code; None is 0.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    return guarded(lambda: _run(words), words, debug=debug)


def _run(words: list[str]) -> int | None:
    if words[:1] in (["--version"], ["-V"], ["version"]):
        from importlib.metadata import version

        sys.stdout.write(f"secondthought {version('secondthought')}\n")
        return 0
    if words[:1] == ["help"] or (words[:1] and words[0] in HELP):
        words = [*words[1:], HELP[-1]]  # `help eval` is `eval --help`
    name, rest = find(words)
    if name is None:
        sys.stdout.write(overview(words))
        return 0
    module, _, function = COMMANDS[name].target.partition(":")
    run = getattr(importlib.import_module(f"secondthought.cli.commands.{module}"), function)
    code: int | None = run(rest, f"secondthought {name}")
    return code
