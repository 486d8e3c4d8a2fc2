"""`secondthought failures import` reads retries that instructor and pydantic-ai logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.disk import read_text, why_unread
from secondthought.errors import ConfigError, RunError
from secondthought.tasks.chat_request.stated import FIELDS


class Options(ProgressFlags):
    """Make failures of the logs in which instructor or pydantic-ai sent an answer back to its model.

    A log is JSON, or one JSON value a line: of instructor what its hook `completion:kwargs` is given, of pydantic-ai
    what `result.all_messages_json()` returns. A try becomes a failure of the task chat_request where the schema or the
    tools of its request find it wrong.
    """

    logs: tuple[Path, ...] = ()
    """The logs."""
    out: Path
    """The JSONL file to write; `train reflect-retry --task chat_request --train.failures` reads it."""
    request: Path | None = None
    """A JSON file of what the logs lack: tools, tool_choice, response_format. It goes before what a log says."""
    overwrite: bool = False
    """Replace the file."""
    json_: bool = False
    """One JSON object instead of a sentence."""


def run(argv: list[str], prog: str) -> None:
    """Read the logs, write the failures, and say what came of them."""
    given = parse(Options, argv, prog, positional=("logs",), required=("logs",))
    if not given.logs:
        raise ConfigError(f"{prog}: name at least one log")
    if given.out.exists() and not given.overwrite:
        raise RunError(f"{given.out}: exists already; choose another --out, or give --overwrite")
    stated = {} if given.request is None else _request(given.request)
    from secondthought.bridges.retry_logs.failures import imported, write

    with progress(given) as shown:
        found = imported(given.logs, stated, shown)
    write(given.out, found)
    counts = {name: getattr(found, name) for name in ("conversations", "repeated", "unstated", "unchecked")}
    if given.json_:
        write_line({"out": str(given.out), "failures": len(found.rows), **counts})
        return
    write_text(
        f"{given.out}: {len(found.rows)} failures of {found.conversations} conversations; left out: {found.repeated}"
        f" that stand there again, {found.unstated} that fail by a rule which no schema states, {found.unchecked} whose"
        " request states nothing (--request FILE tells what it stated) or holds what is no text"
    )


def _request(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(read_text(path))
    except OSError as error:
        raise RunError(why_unread(path, error)) from None
    except ValueError as error:
        raise ConfigError(f"{path}: is no JSON: {error}") from None
    allowed = [name for name in FIELDS if name != "messages"]
    if not isinstance(found, dict) or not found or set(found) - set(allowed):
        raise ConfigError(f"{path}: must be an object of {', '.join(allowed)}")
    return found
