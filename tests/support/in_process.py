"""`score` without pytest's capture, for properties."""

import contextlib
import io
import json
import sys
from unittest import mock

from secondthought.cli.commands.score import run


def score(stdin):
    out = io.StringIO()
    with (
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        run(["countdown"], "secondthought score")
    return [json.loads(line) for line in out.getvalue().splitlines()]
