"""Failures of real use are stored for training: rows of `rollout.failure_file`, without token ids.

A row is written only where the operator named a file and consent is given, after redaction, and only if the redacted
try still fails its check: what `train` reads must be a failure. A disk that is full or a file that has its size ends
the storing, never the serving.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from secondthought import jsonl
from secondthought.disk import why_unread, why_unwritten
from secondthought.errors import RunError
from secondthought.serve.proxy.redaction import Redactor
from secondthought.serve.proxy.requests import ChatCall
from secondthought.serve.thinking import TextTurn, Thoughts
from secondthought.types import StopReason, TurnKind

logger = logging.getLogger(__name__)

Consent: TypeAlias = Literal["asked", "all"]
"""Whose failures are stored: of clients that send `"store": true`, or of all but those that send false."""
_LONGEST = 2**18
"""Characters that were said in an episode, and bytes of its row; a longer one is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFailure:
    """A `StoredFailure` is what a row is made of, before redaction."""

    task: str
    data: Mapping[str, Any]
    thoughts: Thoughts
    model: str


class FailureStore:
    """A `FailureStore` appends rows to one file, each whole or not at all; `of` makes one for another check beside it.

    A file holds rows of one check: training judges all of them alike.
    """

    def __init__(self, path: Path, consent: Consent, redactor: Redactor, max_bytes: int) -> None:
        """Open the file; a last line that a killed process left torn is cut off.

        Raises:
            RunError: the file cannot be written.
        """
        self.path, self.consent, self.redactor, self.max_bytes = path, consent, redactor, max_bytes
        self._lock = asyncio.Lock()
        self._others: dict[str, FailureStore] = {}
        self.trouble = ""
        """Why nothing more is stored; empty while all is well."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            jsonl.require_plain(path)
            if path.exists():
                jsonl.drop_torn_line(path)
            with path.open("ab"):
                pass
        except OSError as error:
            raise RunError(why_unwritten(path, error) if path.parent.exists() else why_unread(path, error)) from None

    def of(self, check: str) -> FailureStore:
        """Return the store of the failures under a check by name: PATH.NAME.jsonl beside PATH.jsonl."""
        if check not in self._others:
            path = self.path.with_name(f"{self.path.name.removesuffix('.jsonl')}.{check}.jsonl")
            self._others[check] = FailureStore(path, self.consent, self.redactor, self.max_bytes)
        return self._others[check]

    def wants(self, call: ChatCall, thoughts: Thoughts) -> bool:
        """Tell whether an episode is to be stored: its first try failed, and nobody objects."""
        first = thoughts.turns[0].verdict
        if first is None or first.correct or self.trouble:
            return False  # what was refused, or could not be judged, has no verdict
        return call.may_store is True if self.consent == "asked" else call.may_store is not False

    def is_short(self, failure: StoredFailure) -> bool:
        """Tell whether an episode is short enough to be redacted and stored."""
        said = sum(len(turn.spoken.text) + len(turn.request) for turn in failure.thoughts.turns)
        return said + len(jsonl.dumps(dict(failure.data))) <= _LONGEST

    async def append(self, row: Mapping[str, Any]) -> bool:
        """Write a row; return False where it is too long, or nothing is stored any more."""
        line = (jsonl.dumps(row) + "\n").encode()
        if len(line) > _LONGEST:
            return False
        async with self._lock:
            return not self.trouble and await asyncio.to_thread(self._append, line)

    def row(self, failure: StoredFailure, data: Mapping[str, Any], text: str, problem_id: str) -> dict[str, Any]:
        """Build a row of redacted data, the redacted text of the first try, and what came after it."""
        first, *after = failure.thoughts.turns
        return {
            "problem_id": problem_id,
            "task": failure.task,
            "data": dict(data),
            "attempt": {"text": text, "stop": _stop(first), **_told(first)},
            "provenance": {
                "source": "serve",
                "policy": failure.model,
                "time": round(time.time()),
                "rescued": failure.thoughts.ending == "passed",
                "ending": failure.thoughts.ending,
            },
            "after": [_turn(turn, self.redactor) for turn in after],
        }

    def _append(self, line: bytes) -> bool:
        try:
            size = self.path.stat().st_size
            if size + len(line) > self.max_bytes:
                return self._end(f"{self.path} has its size of {self.max_bytes / 1e6:g} MB")
            with self.path.open("ab", buffering=0) as file:
                try:
                    left = memoryview(line)
                    while left:
                        left = left[file.write(left) :]
                except OSError:
                    file.truncate(size)
                    raise
        except OSError as error:
            return self._end(why_unwritten(self.path, error))
        return True

    def _end(self, why: str) -> bool:
        self.trouble = why
        logger.warning("failures are no longer stored: %s", why)
        return False


def _stop(turn: TextTurn) -> str:
    return (StopReason.LENGTH if turn.spoken.is_cut else StopReason.END).value


def _turn(turn: TextTurn, redactor: Redactor) -> dict[str, Any]:
    told = {} if turn.kind is TurnKind.REFLECTION else _told(turn)
    said = {"request": redactor.text(turn.request), "text": redactor.text(turn.spoken.text)}
    return {"kind": turn.kind.value, **said, **told}


def _told(turn: TextTurn) -> dict[str, Any]:
    verdict = turn.verdict
    return {} if verdict is None else {"reason": verdict.reason, "correct": verdict.correct}
