"""Rows of `rollout.failure_file` from logs: each try that was sent back and that a request's own terms find wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.bridges.retry_logs import instructor, pydantic_ai
from secondthought.bridges.retry_logs.conversations import SentBack, sent_back
from secondthought.disk import read_text, why_unread
from secondthought.errors import RunError, TaskError
from secondthought.progress import SILENT, Onlooker, each
from secondthought.tasks.chat_request.messages import in_text
from secondthought.tasks.chat_request.stated import FIELDS
from secondthought.tasks.chat_request.task import NAME, ChatRequest
from secondthought.tasks.judging import judge
from secondthought.types import Message


@dataclass(slots=True)
class Imported:
    """`Imported` counts what came of logs."""

    conversations: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    repeated: int = 0
    """Tries that a later request of the same log holds again."""
    unstated: int = 0
    """Tries that fit what their request states: they failed by a rule that no schema says."""
    unchecked: int = 0
    """Tries whose request states nothing, or holds what is no text."""


def imported(paths: Sequence[Path], given: Mapping[str, Any], onlooker: Onlooker = SILENT) -> Imported:
    """Read logs, each told by its form.

    Args:
        paths: JSON or JSON lines; a line is a request of instructor's or a history of pydantic-ai's.
        given: fields of a request that the logs lack, or say too little of: `tools`, `response_format` and the like.
        onlooker: who is told how far the reading is.

    Raises:
        RunError: a file or a line cannot be read, or is no such log; the sentence names it.
    """
    task, found, seen = ChatRequest(), Imported(), set[str]()
    for path in paths:
        for place, value in each(_values(path), str(path), onlooker):
            tries, request = _tries(value, place)
            found.conversations += 1
            for item in tries:
                _take(task, found, seen, item, {**request, **given})
    return found


def _tries(value: Any, place: str) -> tuple[Iterator[SentBack], dict[str, Any]]:
    """Return the tries of a logged value that were sent back, and what else its request says."""
    within = value.get("messages") if isinstance(value, Mapping) else None
    history: Any = within if pydantic_ai.is_log(within) else value
    if pydantic_ai.is_log(history):
        return sent_back(pydantic_ai.messages_of(history), pydantic_ai.told), {}
    request = value.get("kwargs", value) if isinstance(value, Mapping) else value
    if instructor.is_log(request):
        kept = {name: request[name] for name in FIELDS if request.get(name) is not None and name != "messages"}
        return sent_back(request["messages"], instructor.told), kept
    raise RunError(f"{place}: is neither a request with 'messages' (instructor) nor a history (pydantic-ai)")


def _take(task: ChatRequest, found: Imported, seen: set[str], item: SentBack, request: Mapping[str, Any]) -> None:
    key = json.dumps([item.before, item.attempt], sort_keys=True, default=str)
    if key in seen:
        found.repeated += 1
        return
    seen.add(key)
    try:
        read = task.read({**request, "messages": list(item.before)})
    except TaskError:
        read = None
    if read is None or not read[1]:
        found.unchecked += 1
        return
    problem, _ = read
    text = in_text([item.attempt]).messages[0].content
    verdict = judge(task, problem, text)  # type: ignore[arg-type]
    if verdict.correct:
        found.unstated += 1
        return
    found.rows.append(
        {
            "problem_id": problem.id,
            "task": NAME,
            "data": dict(problem.data),
            "attempt": {"text": text, "stop": "end", "reason": verdict.reason, "feedback": verdict.feedback},
            "provenance": {"source": "log", "told": item.told},
            "after": [{"role": said.role, "text": said.content} for said in _after(item)],
        }
    )


def _after(item: SentBack) -> Sequence[Message]:
    return in_text(item.after).messages if item.after else ()


def _values(path: Path) -> Iterable[tuple[str, Any]]:
    """Yield what a file logs, with its place: a history or request alone, a list of them, or one a line."""
    try:
        text = read_text(path)
    except OSError as error:
        raise RunError(why_unread(path, error)) from None
    except ValueError as error:
        raise RunError(f"{path}: {error}") from None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        yield from _lines(path, text)
        return
    if isinstance(value, list) and not pydantic_ai.is_log(value):
        yield from ((f"{path}, item {number}", item) for number, item in enumerate(value, start=1))
    else:
        yield str(path), value


def _lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """Yield the value of each line: an object, or a list, which is a history."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield f"{path}, line {number}", json.loads(line)
        except (ValueError, RecursionError):
            raise RunError(f"{path}, line {number}: is not JSON") from None


def write(path: Path, found: Imported) -> None:
    """Write the rows to a new file."""
    jsonl.write(path, found.rows)
