"""An evaluation keeps a row of each problem, as JSON lines (`evaluations/NAME.jsonl`): text, no token ids.

{"problem_id", "data", "temperature",
 "turns": [{"kind", "fresh" where it is true, "request", "text", "num_tokens", "stop", "verdict": {...} | null}],
 "leak": ["solution" | "first_step" | "none", one per reflection],
 "reflection_leak": [true | false, one per reflection], where "leak" does not say it,
 "feedback_leak": [true | false, one per try of which more was told], if any}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.disk import why_unread
from secondthought.errors import RunError
from secondthought.types import StopReason, Turn, TurnKind, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """A `TurnRow` is one turn as text; `request` is the user's text that it answers, None where there was none.

    A `fresh` one begins a conversation of its own: nothing that stands above it was in sight.
    """

    kind: TurnKind
    request: str | None
    text: str
    num_tokens: int
    stop: StopReason
    verdict: Verdict | None
    fresh: bool = False

    @classmethod
    def of(cls, turn: Turn, request: str | None) -> TurnRow:
        """Keep what a reader needs of a turn."""
        return cls(
            kind=turn.kind,
            request=request,
            text=turn.completion.text,
            num_tokens=len(turn.completion.token_ids),
            stop=turn.completion.stop,
            verdict=turn.verdict,
            fresh=turn.fresh,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """A `ProblemRow` is a problem as played; `leak` has a word per reflection, or none where the task cannot tell.

    `reflection_leak` says of each reflection whether it holds the right answer, `feedback_leak` of each failed try of
    which more was told than that it failed whether that did; both are empty where the task knows no answer.
    """

    problem_id: str
    data: Mapping[str, Any]
    temperature: float
    turns: tuple[TurnRow, ...]
    leak: tuple[str, ...] = ()
    reflection_leak: tuple[bool, ...] = ()
    feedback_leak: tuple[bool, ...] = ()

    @property
    def tries(self) -> tuple[TurnRow, ...]:
        """Return the turns that have a verdict, in order."""
        return tuple(turn for turn in self.turns if turn.verdict is not None)

    @property
    def reflections(self) -> tuple[TurnRow, ...]:
        """Return the reflections, which have no verdict, in order."""
        return tuple(turn for turn in self.turns if turn.kind is TurnKind.REFLECTION)

    def solved_by(self, num_tries: int) -> bool:
        """Tell whether one of the first `num_tries` tries is correct."""
        return any(turn.verdict is not None and turn.verdict.correct for turn in self.tries[:num_tries])


def hold_the_answer(leak: Iterable[str]) -> tuple[bool, ...]:
    """Return for each reflection whether it holds the right answer, by what it leaks.

    >>> hold_the_answer(["none", "solution"])
    (False, True)
    """
    return tuple(word == "solution" for word in leak)


def to_json(row: ProblemRow) -> dict[str, Any]:
    """Return one line of the file."""
    return {
        "problem_id": row.problem_id,
        "data": dict(row.data),
        "temperature": row.temperature,
        "turns": [_turn_json(turn) for turn in row.turns],
        "leak": list(row.leak),
        **({"reflection_leak": list(row.reflection_leak)} if row.reflection_leak and not row.leak else {}),
        **({"feedback_leak": list(row.feedback_leak)} if row.feedback_leak else {}),
    }


def from_json(value: Mapping[str, Any]) -> ProblemRow:
    """Read back what `to_json` wrote.

    Raises:
        RunError: a field is missing or of the wrong kind.
    """
    try:
        return ProblemRow(
            problem_id=value["problem_id"],
            data=value["data"],
            temperature=float(value["temperature"]),
            turns=tuple(_turn(turn) for turn in value["turns"]),
            leak=tuple(value["leak"]),
            reflection_leak=hold_the_answer(value["leak"]) or _flags(value, "reflection_leak"),
            feedback_leak=_flags(value, "feedback_leak"),
        )
    except KeyError as error:
        raise RunError(f"the row lacks {error}; was it written by an evaluation?") from None
    except (TypeError, ValueError) as error:
        raise RunError(f"the row is not one of an evaluation: {error}") from None


def _flags(value: Mapping[str, Any], name: str) -> tuple[bool, ...]:
    return tuple(found is True for found in value.get(name, ()))


def write_rows(path: Path, rows: Iterable[ProblemRow]) -> int:
    """Write a new file and return how many rows it has."""
    return jsonl.write(path, (to_json(row) for row in rows))


def read_rows(path: Path) -> tuple[ProblemRow, ...]:
    """Read all rows of a file.

    Raises:
        RunError: the file cannot be read, or a line is wrong; the sentence names the line.
    """
    rows = []
    try:
        for line in jsonl.read(path):
            if line.value is None:
                raise RunError(f"{path}, line {line.number}: {line.error}")
            try:
                rows.append(from_json(line.value))
            except RunError as error:
                raise RunError(f"{path}, line {line.number}: {error}") from None
    except OSError as error:
        raise RunError(why_unread(path, error)) from None
    return tuple(rows)


def _turn_json(turn: TurnRow) -> dict[str, Any]:
    return {
        "kind": turn.kind.value,
        **({"fresh": True} if turn.fresh else {}),
        "request": turn.request,
        "text": turn.text,
        "num_tokens": turn.num_tokens,
        "stop": turn.stop.value,
        "verdict": None if turn.verdict is None else _verdict_json(turn.verdict),
    }


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {name: value for name, value in asdict(verdict).items() if name != "feedback" or value}


def _turn(value: Mapping[str, Any]) -> TurnRow:
    return TurnRow(
        kind=TurnKind(value["kind"]),
        request=value["request"],
        text=value["text"],
        num_tokens=int(value["num_tokens"]),
        stop=StopReason(value["stop"]),
        verdict=None if value["verdict"] is None else Verdict(**value["verdict"]),
        fresh=value.get("fresh") is True,
    )
