"""Programs in forks of the test's own process: it has imported already what an interpreter imports for seconds."""

import os
import runpy
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path


def run(*words, cwd=".", env=None):
    """Do what `python WORDS` does, for `-m MODULE`, `-c CODE` and a script; `env` is added to the environment."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        child = os.fork()
        if child == 0:  # pragma: no cover
            _live_and_die([str(word) for word in words], cwd, env or {}, out, err)
        _, status = os.waitpid(child, 0)
        return subprocess.CompletedProcess(words, os.waitstatus_to_exitcode(status), out.read_text(), err.read_text())


def _live_and_die(words, cwd, env, out, err):
    code = 1
    try:
        for file, number in ((out, 1), (err, 2)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        os.environ |= env
        os.chdir(cwd)
        sys.path[:0] = ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")  # modules that are loaded already
        _work(words)
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if code and not isinstance(stop.code, int):
            print(stop.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _work(words):
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
    elif words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        sys.path.insert(0, str(Path(words[0]).parent))
        runpy.run_path(words[0], run_name="__main__")
