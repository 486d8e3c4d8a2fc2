"""Probes on disk: a line for each problem, written when it is done, so that an interrupted search goes on.

{"made_by", "problem_id", "num_tries", "num_sampled_tokens", "failure": {a row as of a failure file} | null,
 "reflections": [{"reflection", "retries": ["..."], "correct": [true]}]}

The file holds every failure with its counts, also those that are not kept: to keep others, nothing is sampled again.
`made_by` is a digest of all that decides the samples. Lines of another maker are refused.
A line without `reflections`, of an older version, is taken too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.disk import why_unread, why_unwritten
from secondthought.errors import RunError, SecondthoughtError
from secondthought.protocols import Policy, Task
from secondthought.rollout import failure_file
from secondthought.rollout.probing import PROBE, Probed, ProbeReflection

_FIELDS = ("problem_id", "num_tries", "num_sampled_tokens")
_COUNTS = ("reflections", "rescued", "tokens")


class ProbeFile:
    """A `ProbeFile` holds the problems that are done, by their ids."""

    def __init__(self, path: Path, made_by: str, task: Task, policy: Policy) -> None:
        """Read what is there.

        Raises:
            RunError: the file cannot be read, or a line of it was made otherwise.
        """
        self.path, self.made_by = path, made_by
        self.done: dict[str, Probed] = {}
        if path.exists():
            self._read(task, policy)

    def add(self, found: Probed) -> None:
        """Write a problem down, on disk before this returns."""
        failure = None if found.failure is None else failure_file.to_row(found.failure)
        row = {"made_by": self.made_by, **{name: getattr(found, name) for name in _FIELDS}, "failure": failure}
        row["reflections"] = [item._asdict() for item in found.reflections]
        try:
            with self.path.open("ab") as file:
                file.write((jsonl.dumps(row) + "\n").encode())
        except OSError as error:
            raise RunError(why_unwritten(self.path, error)) from None
        self.done[found.problem_id] = found

    def _read(self, task: Task, policy: Policy) -> None:
        try:
            jsonl.require_plain(self.path)
            jsonl.drop_torn_line(self.path)
            for line in jsonl.read(self.path):
                if line.value is None:
                    raise RunError(f"{self.path}, line {line.number}: {line.error}")
                try:
                    found = _probed(line.value, self.made_by, task, policy)
                except SecondthoughtError as error:
                    raise RunError(f"{self.path}, line {line.number}: {error}") from None
                self.done[found.problem_id] = found
        except OSError as error:
            raise RunError(why_unread(self.path, error)) from None


def _probed(row: Mapping[str, Any], made_by: str, task: Task, policy: Policy) -> Probed:
    if row.get("made_by") != made_by:
        raise RunError("was probed by another model or with other settings; choose another --out, or give --overwrite")
    name, tries, tokens = (row.get(field) for field in _FIELDS)
    if not (isinstance(name, str) and isinstance(tries, int) and isinstance(tokens, int)):
        raise RunError(f"{', '.join(map(repr, _FIELDS))} must be a text and two whole numbers")
    given = row.get("failure")
    if given is not None and not isinstance(given, Mapping):
        raise RunError("'failure' must be an object or null")
    failure = None if given is None else failure_file.from_row(given, task, policy)
    if failure is not None and not _has_counts(failure.provenance.get(PROBE)):
        raise RunError(f"'failure.provenance.{PROBE}' must hold {', '.join(_COUNTS)} as whole numbers")
    written = _reflections(row.get("reflections", []))
    return Probed(problem_id=name, failure=failure, reflections=written, num_tries=tries, num_sampled_tokens=tokens)


def _reflections(rows: Any) -> tuple[ProbeReflection, ...]:
    if not isinstance(rows, list) or not all(_is_reflection(row) for row in rows):
        raise RunError("'reflections' must be a list of objects with 'reflection', 'retries' and 'correct'")
    return tuple(ProbeReflection(row["reflection"], tuple(row["retries"]), tuple(row["correct"])) for row in rows)


def _is_reflection(row: Any) -> bool:
    if not isinstance(row, Mapping) or not isinstance(row.get("reflection"), str):
        return False
    lists = (("retries", str), ("correct", bool))
    return all(
        isinstance(row.get(name), list) and all(isinstance(item, kind) for item in row[name]) for name, kind in lists
    )


def _has_counts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_is_count(value.get(name)) for name in _COUNTS)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
