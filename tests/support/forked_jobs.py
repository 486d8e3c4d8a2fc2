"""Jobs of a study in forks of the test's own process, which has imported everything: seconds less for each."""

import multiprocessing
import os
import sys
import traceback

from secondthought.study import queue, worker

DEVNULL = None


class Popen:
    """What the queue asks of `subprocess.Popen`."""

    def __class_getitem__(cls, item):
        return cls

    def __init__(self, command, stdin, stdout, stderr):
        self._process = multiprocessing.get_context("fork").Process(target=_work, args=(command[-1], stdout.name))
        self._process.start()

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def terminate(self):
        self._process.terminate()

    def wait(self):
        self._process.join()


def _work(argument, log):
    with open(log, "ab", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        try:
            code = worker.main(argument)
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def fork_jobs(monkeypatch):
    """Let the queue of studies fork in place of starting interpreters."""
    monkeypatch.setattr(queue, "subprocess", sys.modules[__name__])
    monkeypatch.setattr(queue, "POLL_SECONDS", 0.02)
