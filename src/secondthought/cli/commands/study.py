"""`secondthought study` runs several arms and seeds of the same training, in jobs that can be stopped and resumed."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field

from secondthought.cli.errors import warn
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress


class Options(ProgressFlags):
    """Run what is left of a study. Run the same command again to go on where it stopped."""

    file: Path
    """A study file: settings common to all, then [arms.NAME] with its seeds and what differs."""
    minutes: float | None = Field(None, gt=0)
    """Begin no new job after so many minutes."""
    dry_run: bool = False
    """Check the settings of every arm, print the study as JSON and stop."""
    json_: bool = False
    """One JSON object instead of a table."""


def run(argv: list[str], prog: str) -> int:
    """Run what is left of the study; return 1 if a job failed."""
    given = parse(Options, argv, prog, positional=("file",))
    from secondthought.study.run import run_study

    if given.dry_run:
        _dry_run(given.file)
        return 0
    with progress(given) as shown:
        found = run_study(given.file, minutes=given.minutes, progress=shown.note, onlooker=shown)
    if given.json_:
        write_line(found)
    else:
        write_table("", ["job", "state"], list(found["pieces"].items()))
        if found["report"]:
            write_text(f"report: {found['report']}")
        write_text("complete" if found["complete"] else f"not complete; go on with: {prog} {given.file}")
    return 1 if "failed" in found["pieces"].values() else 0


def _dry_run(file: Path) -> None:
    from secondthought.study.arms import check
    from secondthought.study.config import load_study
    from secondthought.study.shortfalls import missing

    study = load_study(file)
    check(study, str(file))
    for sentence in missing(study, str(file)):
        warn(sentence)
    write_text(json.dumps(study.model_dump(mode="json"), indent=2))
