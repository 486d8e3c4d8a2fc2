"""A worker does one job of a study in a process of its own: `python -m secondthought.study.worker JOB.json`.

The file holds the job's settings under `run`, with what the study says of the run under `declared`, or under `priming`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from secondthought.config import resolve
from secondthought.errors import SecondthoughtError
from secondthought.interrupts import terminable
from secondthought.runs import declaration
from secondthought.runs.directory import is_run
from secondthought.study.priming_job import PrimingStage, prime
from secondthought.train.run import execute


def main(path: str) -> int:
    """Begin the job or go on with it; return 0 when it is finished."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        if "priming" in job:
            prime(PrimingStage.model_validate(job["priming"]))
        else:
            config = resolve(job["run"], source=path)
            declared = declaration.parse(job["declared"], source=path) if "declared" in job else None
            execute(config, resume=is_run(config.run_dir), quiet=False, command=sys.argv, declared=declared)
    except SecondthoughtError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    try:
        with terminable():  # a study that is stopped sends SIGTERM: the job keeps what it learned
            code = main(sys.argv[1])
    except KeyboardInterrupt as stop:
        sys.stderr.write("; ".join(["stopped", *getattr(stop, "__notes__", ())]) + "\n")
        code = 130
    sys.exit(code)
