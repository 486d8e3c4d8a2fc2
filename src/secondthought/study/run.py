"""A study runs the same training for several arms and seeds, in jobs that can be stopped and resumed.

A job is one arm with one seed, or a priming, in a directory and a process of its own. Finished jobs are reused if their
settings are still the same, begun ones resumed, failed ones named. An arm with `tokens_of = "OTHER"` is trained until
it has sampled as many tokens as that arm did (the mean over its seeds): equal cost, whatever a step is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from secondthought.errors import ConfigError
from secondthought.evaluate import peers
from secondthought.progress import SILENT, Onlooker
from secondthought.report import build_report
from secondthought.runs.declaration import declare
from secondthought.runs.directory import RunDirectory
from secondthought.runs.files import disk_errors
from secondthought.runs.lock import Lock, require_free
from secondthought.study.arms import PlannedJob, StudyArm, arms_of, check, planned_jobs
from secondthought.study.config import StudyConfig, load_study
from secondthought.study.jobs import AnyJob, State
from secondthought.study.queue import work_off
from secondthought.study.shortfalls import missing


def run_study(
    path: Path,
    *,
    minutes: float | None = None,
    progress: Callable[[str], None] = lambda text: None,
    onlooker: Onlooker = SILENT,
) -> dict[str, Any]:
    """Run what is left of a study; no new job begins after `minutes`.

    Returns: `{"pieces": {name of a job: state}, "runs": [directories of finished runs], "complete": bool, "report":
        path or None}`. The report compares the finished runs, also while others are still to come.

    Raises:
        ConfigError: a setting of an arm is unknown or out of range, or its model, file or problems are not there;
            nothing was begun then.
        RunError: a job is there that was made with other settings, or another process works at this study.
    """
    study, began = load_study(path), time.monotonic()
    check(study, str(path))
    if lacking := list(missing(study, str(path))):
        raise ConfigError("\n".join(lacking))
    deadline = None if minutes is None else began + 60 * minutes
    with disk_errors(study.out):
        study.out.mkdir(parents=True, exist_ok=True)
    with Lock.acquire(study.out, "study"):
        return _run(study, str(path), deadline, progress, onlooker)


def _run(
    study: StudyConfig, source: str, deadline: float | None, progress: Callable[[str], None], onlooker: Onlooker
) -> dict[str, Any]:
    left, arms = _Left(study, source), arms_of(study, source)
    for planned in planned_jobs(study, source):  # a job outlives a study that was killed
        require_free(planned.run_dir)
    worked = False
    begin = left.ready()  # finished ones are none of the jobs whose time is told
    batches = chain([begin], iter(left.ready, None))
    with onlooker.stage("jobs", len(begin) + left.count()) as stage:
        for job, done in work_off(
            lambda: next(batches), at_once=study.jobs, deadline=deadline, progress=progress, stage=stage
        ):
            left.states[job.name], worked = done, True
    for sentence in left.blocked():
        progress(sentence)
    complete = all(state == "finished" for state in left.states.values())
    finished = [(arm, name) for arm in arms for name in arm.run_names if left.states[name] == "finished"]
    declared = _declare(finished)
    if complete and study.peers:
        configs = [job.config for arm in arms for job in arm.jobs()]
        runs_of = [(config.run_dir, config) for config in configs]
        peers.add_to_runs(runs_of, study.peers, progress, onlooker=onlooker)
    runs, anew = [str(study.out / name) for _, name in finished], worked or declared or bool(study.peers)
    report = _report(study.out / "report.html", runs, progress, anew=anew)
    return {"pieces": left.states, "runs": runs, "complete": complete, "report": report}


def _declare(finished: Sequence[tuple[StudyArm, str]]) -> bool:
    """Write beside finished runs what the study says of them now; return True if that differs from what was there."""
    written = [declare(RunDirectory.open(arm.study.out / name), arm.declaration()) for arm, name in finished]
    return any(written)


def _report(out: Path, runs: list[str], progress: Callable[[str], None], *, anew: bool) -> str | None:
    """Write the report if something is new; of fifty runs it takes a minute."""
    if runs and (anew or not out.exists()):
        progress(f"report of {len(runs)} runs: begins")
        build_report([Path(run) for run in runs], out)
    return str(out) if runs else None


class _Left:
    """A `_Left` knows the jobs of a study that are still to do, and the state of all."""

    def __init__(self, study: StudyConfig, source: str) -> None:
        self._waiting = list(planned_jobs(study, source))
        self.states: dict[str, State] = {planned.name: "pending" for planned in self._waiting}

    def count(self) -> int:
        """Return how many jobs wait for others."""
        return len(self._waiting)

    def ready(self) -> list[AnyJob]:
        """Return the jobs that can begin and are not finished, each once."""
        found: list[AnyJob] = []
        while jobs := [planned.job() for planned in self._take()]:  # a finished one may be all that others waited for
            self.states.update({job.name: job.state() for job in jobs})
            found += [job for job in jobs if self.states[job.name] != "finished"]
        return found

    def blocked(self) -> Iterator[str]:
        """Yield a sentence for each arm that waits for something."""
        missing: dict[str, dict[str, None]] = {}
        for planned in self._waiting:
            missing.setdefault(planned.arm.name, {}).update(dict.fromkeys(self._missing(planned)))
        for arm, names in missing.items():
            first, *more = names
            yield f"{arm} waits for {first}" + (f" and {len(more)} more" if more else "")

    def _take(self) -> list[PlannedJob]:
        free, waiting = list[PlannedJob](), list[PlannedJob]()
        for planned in self._waiting:
            (waiting if self._missing(planned) else free).append(planned)
        self._waiting = waiting
        return free

    def _missing(self, planned: PlannedJob) -> list[str]:
        return [name for name in planned.needs if self.states[name] != "finished"]
