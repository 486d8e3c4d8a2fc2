"""The table of commands, help, exit codes, and the sentences for what goes wrong."""

import importlib
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from secondthought.cli import main
from secondthought.cli.command_table import COMMANDS, Command
from secondthought.cli.errors import advice_after_stop
from secondthought.errors import CheckError, ConfigError, RunError

HELP_SECONDS = 1.0
"""Of processor time, so that other work on the machine does not fail the test."""

ROOT = Path(__file__).parents[3]


def run_as(monkeypatch, error):
    """Let `runs list` raise."""

    def fail(argv, prog):
        raise error

    monkeypatch.setattr("secondthought.cli.commands.runs.list_all", fail)
    return main(["runs", "list"])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_has_help(cli, name):
    module, _, function = COMMANDS[name].target.partition(":")
    assert callable(getattr(importlib.import_module(f"secondthought.cli.commands.{module}"), function))
    result = cli(*name.split(), "--help")
    assert result.code == 0
    assert result.out.startswith(f"usage: secondthought {name}")
    assert "None" not in result.out.splitlines()[2]


HELPER = """
import json, os, sys
from secondthought.cli import main
import secondthought.cli.loading, secondthought.cli.options  # what most commands import is imported once
assert not {'torch', 'transformers', 'jinja2'} & set(sys.modules)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            main(json.loads(line))
        except SystemExit:
            pass
        os._exit(3 if {'torch', 'transformers', 'jinja2'} & set(sys.modules) else 0)
    _, status, child = os.wait4(child, 0)
    own = os.times()
    print(json.dumps([status, own.user + own.system + child.ru_utime + child.ru_stime]), flush=True)
"""
"""For each list of words, whether the command went well and imported nothing heavy, and its processor time, with that
of the imports that all commands share."""


@pytest.fixture(scope="module")
def helped():
    """Run a command in a fork of one that has imported what all commands do."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HELPER], **pipes) as helper:

        def run(*words):
            helper.stdin.write(json.dumps(words) + "\n")
            helper.stdin.flush()
            return json.loads(helper.stdout.readline())

        yield run
        helper.stdin.close()


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_fast_and_loads_no_torch(name, helped):
    seconds = []
    for _ in range(3):
        status, taken = helped(*name.split(), "--help")
        assert status == 0, "torch was imported"
        seconds.append(taken)
        if min(seconds) < HELP_SECONDS:
            return
    pytest.fail(f"--help takes {min(seconds):.2f} s")


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_what_needs_no_settings_loads_no_pydantic(word):
    code = "import sys\nfrom secondthought.cli import main\nmain(sys.argv[1:])\nsys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, word], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_overview_lists_every_command(cli, words):
    result = cli(*words)
    assert result.code == 0
    assert all(f"  {name} " in result.out for name in COMMANDS)


def test_a_group_lists_its_own_commands(cli):
    assert cli("tasks").out == cli("tasks", "--help").out
    assert "tasks sample" in cli("tasks").out
    assert "organism" not in cli("tasks").out


def test_every_command_is_documented():
    page = (ROOT / "docs/cli.md").read_text()
    assert [name for name in COMMANDS if f"`{name}" not in page] == []


@pytest.mark.parametrize(
    ("words", "meant"), [(["scroe"], "score"), (["tasks", "lst"], "tasks list"), (["train", "gpro"], "train grpo")]
)
def test_unknown_commands_get_a_suggestion(cli, one_sentence, words, meant):
    assert f"(did you mean {meant!r}?)" in one_sentence(cli(*words), 2)


def test_version(cli):
    assert cli("--version").out.startswith("secondthought 0.")


LESS_MEMORY = (
    "`secondthought plan` says what takes how much; lower train.micro_batch_tokens or the groups of a step, train an"
    " adapter (model.lora.rank), or take a smaller model"
)
RIGHTS = "choose a place that is yours, or change its rights"


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ConfigError("a.toml: wrong"), 2, "secondthought: a.toml: wrong\n"),
        (RunError("two\nlines"), 1, "secondthought: two lines\n"),
        (CheckError("drift"), 1, "secondthought: drift\n"),
        (KeyboardInterrupt(), 130, "secondthought: interrupted\n"),
        (PermissionError(13, "Permission denied", "/x"), 1, f"secondthought: /x: Permission denied; {RIGHTS}\n"),
        (MemoryError(), 1, f"secondthought: out of memory (no message); {LESS_MEMORY}\n"),
        (
            type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory.\nTried to allocate 2 GiB"),
            1,
            f"secondthought: out of memory (CUDA out of memory. Tried to allocate 2 GiB); {LESS_MEMORY}\n",
        ),
        (
            ZeroDivisionError("by zero"),
            1,
            "secondthought: unexpected error ZeroDivisionError: by zero; run again with --debug for the traceback\n",
        ),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_errors_are_one_sentence_and_a_code(monkeypatch, capsys, error, code, sentence):
    assert run_as(monkeypatch, error) == code
    assert capsys.readouterr() == ("", sentence)


def test_debug_shows_the_traceback(cli, monkeypatch, capsys):
    monkeypatch.setattr("secondthought.cli.commands.runs.list_all", lambda argv, prog: 1 / 0)
    assert main(["runs", "--debug", "list"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "run again" not in err


def test_ctrl_c_says_how_to_go_on(monkeypatch, capsys):
    def stop(argv, prog):
        raise KeyboardInterrupt

    monkeypatch.setattr("secondthought.cli.commands.train.rl.run", stop)
    assert main(["train", "grpo"]) == 130
    assert "--resume" in capsys.readouterr().err


def test_ctrl_c_in_a_real_process():
    # Where the tests themselves run in the background, children are born deaf to Ctrl-C.
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from secondthought.cli import main\n"
        "sys.exit(main(['score', 'countdown']))\n"
    )
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as child:
        child.stdin.write(b"{}\n")
        child.stdin.flush()
        assert b"error" in child.stdout.readline()
        child.send_signal(2)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert b"Traceback" not in err
    assert err.splitlines()[-1] == b"secondthought: interrupted"


def test_sigterm_unwinds_what_runs_and_says_how_to_go_on(monkeypatch, capsys):
    left = []

    def wait(argv, prog):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        except Exception:  # no error handler may swallow it
            left.append("taken for an error")
        finally:
            left.append("tidied up")

    monkeypatch.setattr("secondthought.cli.commands.train.rl.run", wait)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["train", "grpo"]) == 143
    assert left == ["tidied up"]
    assert "--resume" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def test_processes_of_torchrun_die_of_sigterm_as_ever(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    found = []
    monkeypatch.setattr(
        "secondthought.cli.commands.train.rl.run", lambda argv, prog: found.append(signal.getsignal(15))
    )
    main(["train", "grpo"])
    assert found == [signal.SIG_DFL]


def test_the_log_goes_to_stderr_and_is_left_as_it_was(monkeypatch, capsys):
    def speak(argv, prog):
        logging.getLogger("secondthought.somewhere").info("halfway")

    logger = logging.getLogger("secondthought")
    before = (list(logger.handlers), logger.level)
    monkeypatch.setattr("secondthought.cli.commands.runs.list_all", speak)
    assert main(["runs", "list"]) is None
    assert capsys.readouterr() == ("", "halfway\n")
    assert (list(logger.handlers), logger.level) == before


def test_what_no_locale_can_say_is_escaped(process, tmp_path):
    row = b'{"problem": {"numbers": [1, 2], "target": 3}, "completion": "\\ud800"}\n'
    result = process("score", "countdown", stdin=row)
    assert result.code == 0
    assert result.rows[0]["completion"] == "\ud800"


def test_advice_survives_an_unknown_command():
    assert advice_after_stop(["nothing"]) == ""
    assert isinstance(COMMANDS["score"], Command)
