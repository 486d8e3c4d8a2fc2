"""A study: the same training for several arms and seeds, in pieces that can be stopped and resumed.

A piece is one arm with one seed, or a priming, in a directory and a process of its own. Finished pieces are reused if
their settings are still the same, begun ones resumed, failed ones named. An arm with `tokens_of = "OTHER"` is trained
until it has sampled as many tokens as that arm did (the mean over its seeds): equal cost, whatever a step is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from secondthought.errors import ConfigError
from secondthought.evaluate import peers
from secondthought.report import build_report
from secondthought.study.arms import Part, check, missing_models, parts_of, run_pieces, runs_of
from secondthought.study.config import StudyConfig, load_study
from secondthought.study.jobs import AnyPiece, State
from secondthought.study.queue import work_off


def run_study(
    path: Path, *, minutes: float | None = None, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Run what is left of a study; no new piece begins after `minutes`.

    Returns: `{"pieces": {name: state}, "runs": [directories of finished pieces], "complete": bool, "report": path or
        None}`. The report compares the finished runs, also while others are still to come.

    Raises:
        ConfigError: a setting of an arm is unknown or out of range, or its model is not there; nothing was begun then.
        RunError: a piece is there that was made with other settings.
    """
    study, began, tell = load_study(path), time.monotonic(), progress or _tell
    check(study, str(path))
    for sentence in missing_models(study, str(path)):
        raise ConfigError(sentence)
    left = _Left(study, str(path))
    deadline = None if minutes is None else began + 60 * minutes
    worked = False
    for piece, done in work_off(left.ready, jobs=study.jobs, deadline=deadline, tell=tell):
        left.states[piece.name], worked = done, True
    for about in left.blocked():
        tell(about)
    complete = all(state == "finished" for state in left.states.values())
    names = [name for arm in study.arms for name in runs_of(study, arm)]
    finished = [str(study.out / name) for name in names if left.states[name] == "finished"]
    if complete and study.peers:
        played = [piece for name in study.arms for piece in run_pieces(study, name, str(path))]
        peers.add_to_runs([(piece.config.run_dir, piece.config) for piece in played], study.peers, tell)
    report = _report(study.out / "report.html", finished, tell, anew=worked or bool(study.peers))
    return {"pieces": left.states, "runs": finished, "complete": complete, "report": report}


def _report(out: Path, runs: list[str], tell: Callable[[str], None], *, anew: bool) -> str | None:
    """Write the report if something is new; of fifty runs it takes a minute."""
    if runs and (anew or not out.exists()):
        tell(f"report of {len(runs)} runs: begins")
        build_report([Path(run) for run in runs], out)
    return str(out) if runs else None


class _Left:
    """What is still to do."""

    def __init__(self, study: StudyConfig, source: str) -> None:
        self._waiting = list(parts_of(study, source))
        self.states: dict[str, State] = {part.name: "pending" for part in self._waiting}

    def ready(self) -> list[AnyPiece]:
        """Pieces that can begin and are not finished, each once."""
        found: list[AnyPiece] = []
        while pieces := [part.piece() for part in self._take()]:  # a finished one may be all that others waited for
            self.states.update({piece.name: piece.state() for piece in pieces})
            found += [piece for piece in pieces if self.states[piece.name] != "finished"]
        return found

    def blocked(self) -> Iterator[str]:
        """Sentences about the arms that wait for something."""
        missing: dict[str, dict[str, None]] = {}
        for part in self._waiting:
            missing.setdefault(part.arm, {}).update(dict.fromkeys(self._missing(part)))
        for arm, names in missing.items():
            first, *more = names
            yield f"{arm} waits for {first}" + (f" and {len(more)} more" if more else "")

    def _take(self) -> list[Part]:
        free, waiting = list[Part](), list[Part]()
        for part in self._waiting:
            (waiting if self._missing(part) else free).append(part)
        self._waiting = waiting
        return free

    def _missing(self, part: Part) -> list[str]:
        return [name for name in part.needs if self.states[name] != "finished"]


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
