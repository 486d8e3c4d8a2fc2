"""Failures are probed problem by problem, and each is written down as soon as it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secondthought.errors import RunError
from secondthought.rollout.mining import fingerprint
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.probe_file import ProbeFile
from secondthought.rollout.probing import Probed, find_and_probe, noting, probe
from secondthought.rollout.scheduler import Course
from secondthought.runs import contents
from secondthought.types import Failure, Problem, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRequest:
    """A `ProbeRequest` says whose failures are probed, and how."""

    problems: Sequence[Problem]
    """Where failures are looked for, unless they are `stored`."""
    stored: Sequence[Failure] | None
    tries: int
    """First tries at a problem, at most."""
    reflections: int
    """Reflections on a failure."""
    retries: int = 1
    """Retries after a reflection."""
    split: Split
    seed: int
    about: Mapping[str, Any]
    """Names of task and model with their options, as far as they decide what is sampled."""


def play(player: Player, wanted: ProbeRequest, path: Path, *, overwrite: bool = False) -> list[Probed]:
    """Probe what is not in the file yet, adding each to it, and return all in the order of the request.

    Args:
        player: writes reflections and retries.
        wanted: whose failures.
        path: the file of probes; what an interrupted call left there is taken from it.
        overwrite: whether a file that was made otherwise is begun anew.

    Raises:
        RunError: the file was made otherwise, is damaged, or cannot be written, or a problem failed twice.
    """
    names = _names(wanted)
    if len(set(names)) < len(names):
        raise RunError("the stored failures hold a problem twice; a probe takes one failure of a problem")
    made_by = contents.digest_of(_maker(player, wanted))
    if overwrite and path.exists() and made_by not in _first_line(path):
        path.unlink()
    kept = ProbeFile(path, made_by, player.task, player.policy)
    todo = {name: course for name, course in _courses(player, wanted).items() if name not in kept.done}
    player.run([noting(course, kept.add) for course in todo.values()], "problems, each failure probed")
    return [kept.done[name] for name in names]


def _courses(player: Player, wanted: ProbeRequest) -> dict[str, Course[Probed]]:
    keys = Keys(seed=wanted.seed, phase="failures")
    counts = {"reflections": wanted.reflections, "retries": wanted.retries}
    if wanted.stored is not None:
        return {item.problem.id: probe(player, keys, item, **counts) for item in wanted.stored}
    source = {"split": wanted.split}
    return {
        item.id: find_and_probe(player, keys, item, tries=wanted.tries, provenance=source, **counts)
        for item in wanted.problems
    }


def _names(wanted: ProbeRequest) -> list[str]:
    if wanted.stored is not None:
        return [item.problem.id for item in wanted.stored]
    return [item.id for item in wanted.problems]


def _maker(player: Player, wanted: ProbeRequest) -> dict[str, Any]:
    """Return all that decides what is sampled, but for the problems: more of them may be asked for later."""
    stored = wanted.stored
    return {
        **wanted.about,
        "policy": [player.policy.name, fingerprint(player.policy)],
        "played": repr((player.requests, player.sampling)),
        "numbers": [wanted.tries, wanted.reflections, wanted.retries, wanted.split, wanted.seed],
        "stored": stored and {item.problem.id: item.attempt.completion.text for item in stored},
    }


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline()
