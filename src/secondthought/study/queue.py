"""The queue of a study runs its jobs, each in a process of its own, some at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from secondthought.progress import SILENT, Stage
from secondthought.runs import files
from secondthought.study.jobs import AnyJob, Job, State

POLL_SECONDS = 0.5


def work_off(
    ready: Callable[[], Sequence[AnyJob]],
    *,
    at_once: int,
    deadline: float | None,
    progress: Callable[[str], None],
    stage: Stage = SILENT,
) -> Iterator[tuple[AnyJob, State]]:
    """Run jobs, some at a time; yield each with how it ended.

    Args:
        ready: gives the jobs that can begin now, each once. It is asked again whenever some may have ended, so nothing
            waits for the last job of an arm.
        at_once: how many run at once.
        deadline: on the monotonic clock; no job begins after it.
        progress: hears what begins and ends.
        stage: is told of each job that has ended, and that others go on.
    """
    waiting, running = list[AnyJob](), dict[str, tuple[AnyJob, subprocess.Popen[bytes]]]()
    try:
        while True:
            waiting = sorted([*waiting, *ready()], key=_first_seeds_first)
            late = deadline is not None and time.monotonic() > deadline
            while waiting and len(running) < at_once and not late:
                job = waiting.pop(0)
                progress(f"{job.name}: begins")
                running[job.name] = (job, _start(job))
            if not running:
                return
            time.sleep(POLL_SECONDS)
            stage.beat()
            for name, (job, process) in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    stage.advance()
                    done: State = "finished" if process.returncode == 0 else "failed"
                    progress(f"{name}: {done}" + ("" if done == "finished" else _why(job)))
                    yield job, done
    finally:
        for _, process in running.values():  # all before any is waited for: each takes its time to keep what it learned
            process.terminate()
        for _, process in running.values():
            process.wait()


def _first_seeds_first(job: AnyJob) -> tuple[int, bool]:
    """Return a key that sorts jobs by seed: a study stopped early has one seed of every arm, not all of some."""
    return (-1 if job.seed is None else job.seed, isinstance(job, Job))


def _start(job: AnyJob) -> subprocess.Popen[bytes]:
    """Start the process of a job: jobs share no memory, and one that dies takes no other with it."""
    directory = job.directory
    file = directory.parent / f"{directory.name}.json"
    files.write_json(file, job.to_json())
    command = [sys.executable, "-m", "secondthought.study.worker", str(file)]
    with _log(job).open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _why(job: AnyJob) -> str:
    """Return the last line of a job's log, and where the rest of it is."""
    log = _log(job)
    said = log.read_text(encoding="utf-8", errors="replace").strip() if log.exists() else ""
    return f": {said.splitlines()[-1]} (see {log})" if said else f", see {log}"


def _log(job: AnyJob) -> Path:
    return job.directory.parent / f"{job.directory.name}.log"
