"""`secondthought watch` serves the report of runs to this machine while they go on."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import Field

from secondthought.cli.options import parse
from secondthought.cli.output import write_text
from secondthought.config import Config


class Options(Config):
    """Serve the report of runs to this machine, and renew it in the browser as they go on. Ctrl-C ends it, not them."""

    runs: tuple[Path, ...] = ()
    """Run directories; several seeds and arms are compared."""
    port: int = Field(0, ge=0, le=65535)
    """Port of this machine; 0 takes one that is free."""


def run(argv: list[str], prog: str) -> None:
    """Print the address, and serve until Ctrl-C."""
    given = parse(Options, argv, prog, positional=("runs",), required=("runs",))
    from secondthought.report.live.server import LiveServer
    from secondthought.report.live.state import LiveReport

    report = LiveReport(given.runs)
    report.now()  # what is no run is said before an address is given
    with LiveServer(report, given.port) as server:
        write_text(server.url)
        sys.stdout.flush()  # whoever reads a pipe waits for it
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
