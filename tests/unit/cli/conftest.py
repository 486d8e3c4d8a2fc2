"""The command line as tests run it: in process, or as the console script's module in a process of its own."""

import io
import json
import subprocess
import sys
from typing import NamedTuple

import pytest

from secondthought.cli import main


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def object(self):
        """The one JSON object on stdout."""
        return json.loads(self.out)

    @property
    def rows(self):
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def cli(capsys, monkeypatch):
    """Run a command in this process; `stdin` is bytes. SystemExit (help) becomes its code."""

    def run(*words, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        done = capsys.readouterr()
        return Result(code or 0, done.out, done.err)

    return run


@pytest.fixture
def on_terminal(cli, monkeypatch):
    """Run a command as if stdout were a terminal of some width; stderr is none."""

    def run(width, *words, stdin=b""):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        return cli(*words, stdin=stdin)

    return run


@pytest.fixture
def process():
    """Run a command in a process of its own."""

    def run(*words, stdin=b"", cwd=None):
        command = [sys.executable, "-m", "secondthought", *map(str, words)]
        done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, timeout=60, check=False)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def one_sentence():
    """Assert that a command failed with one line on stderr and no traceback, and return the line."""

    def check(result, code):
        assert result.code == code, result
        assert result.out == ""
        assert len(result.err.splitlines()) == 1, result.err
        assert result.err.startswith("secondthought: ")
        assert "Traceback" not in result.err
        return result.err

    return check
