"""Failed attempts as rows of JSON lines: token ids included, so that the trunk of every group is exact.

Ids mean something to one tokenizer and one template only: a row remembers theirs, and is refused under another. A row
without ids (written by hand, or stripped to move to another model) is encoded from its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.disk import why_unread
from secondthought.errors import RunError, SecondthoughtError
from secondthought.protocols import Policy, Task
from secondthought.rollout.mining import fingerprint
from secondthought.tasks.abilities import MixedTask
from secondthought.tasks.judging import judge
from secondthought.types import Completion, Failure, StopReason, TokenIds, Turn, TurnKind


def to_row(failure: Failure) -> dict[str, Any]:
    """Write one row. The verdict is for people: reading the row back asks the task again."""
    turn, problem = failure.attempt, failure.problem
    return {
        "problem_id": problem.id,
        "task": problem.task,
        "data": dict(problem.data),
        "attempt": {
            "text": turn.completion.text,
            "stop": turn.completion.stop.value,
            "reason": turn.verdict.reason if turn.verdict else None,
            **({"feedback": turn.verdict.feedback} if turn.verdict and turn.verdict.feedback else {}),
            "prompt_ids": list(turn.prompt_ids),
            "token_ids": list(turn.completion.token_ids),
            "logprobs": list(turn.completion.logprobs),
        },
        "provenance": dict(failure.provenance),
    }


def from_row(row: Mapping[str, Any], task: Task, policy: Policy) -> Failure:
    """Read a failure that this policy can continue.

    Raises:
        RunError: a field is missing or wrong, the ids belong to another tokenizer or prompt, or the attempt is right.
        TaskError: the problem's data is wrong.
    """
    data, attempt = _mapping(row, "data"), _mapping(row, "attempt")
    own = row.get("task", task.name)
    if own != task.name and not (isinstance(task, MixedTask) and own in task.reflection_requests):
        raise RunError(f"'task' is {own!r}, but the task of this run is {task.name!r}")
    problem = task.parse(data)
    if row.get("problem_id", problem.id) != problem.id:
        raise RunError(f"'problem_id' is {row['problem_id']!r}, but its data is that of {problem.id!r}")
    provenance = row.get("provenance") or {}
    if not isinstance(provenance, dict):
        raise RunError("'provenance' must be an object")
    start = policy.start(problem.messages, problem.tools)
    completion = _completion(attempt, policy, start, provenance)
    verdict = judge(task, problem, completion.text)
    if verdict.correct:
        raise RunError(f"'attempt' of {problem.id!r} is correct, so there is nothing to reflect on; leave the row out")
    turn = Turn(kind=TurnKind.ATTEMPT, prompt_ids=start, completion=completion, verdict=verdict)
    return Failure(problem=problem, attempt=turn, provenance=provenance)


def write(path: Path, failures: Iterable[Failure]) -> int:
    """Write a new file and return how many rows it has."""
    return jsonl.write(path, (to_row(failure) for failure in failures))


def read(path: Path, task: Task, policy: Policy) -> list[Failure]:
    """Read all failures of a file.

    Raises:
        RunError: the file cannot be read, is empty, or a line is wrong; the sentence names the line.
    """
    failures = []
    try:
        for line in jsonl.read(path):
            if line.value is None:
                raise RunError(f"{path}, line {line.number}: {line.error}")
            try:
                failures.append(from_row(line.value, task, policy))
            except SecondthoughtError as error:
                raise RunError(f"{path}, line {line.number}: {error}") from None
    except OSError as error:
        raise RunError(why_unread(path, error)) from None
    if not failures:
        raise RunError(f"{path}: holds no failures; make some with `secondthought failures`")
    return failures


def _completion(
    attempt: Mapping[str, Any], policy: Policy, start: TokenIds, provenance: Mapping[str, Any]
) -> Completion:
    text = attempt.get("text")
    if not isinstance(text, str):
        raise RunError("'attempt.text' must be a text")
    if attempt.get("token_ids") is None:
        return policy.encode(text)
    _check_tokenizer(policy, provenance)
    if _ids(attempt, "prompt_ids") != start:
        raise RunError(
            "'attempt.prompt_ids' is not how this model and task write the problem (other task options?);"
            " remove token_ids and prompt_ids from the rows to encode their text again"
        )
    token_ids = _ids(attempt, "token_ids")
    return Completion(token_ids=token_ids, logprobs=_logprobs(attempt, len(token_ids)), text=text, stop=_stop(attempt))


def _check_tokenizer(policy: Policy, provenance: Mapping[str, Any]) -> None:
    recorded, own = provenance.get("tokenizer"), fingerprint(policy)
    if recorded is not None and own is not None and recorded != own:
        raise RunError(
            f"the token ids are those of {provenance.get('policy', 'another model')}, whose tokenizer or template is"
            f" not that of {policy.name}; mine failures with this model, or remove token_ids and prompt_ids from the"
            " rows to encode their text again"
        )


def _mapping(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    if not isinstance(value, dict):
        raise RunError(f"{name!r} must be an object; was the file written by `secondthought failures`?")
    return value


def _ids(attempt: Mapping[str, Any], name: str) -> TokenIds:
    value = attempt.get(name)
    if not isinstance(value, list) or any(isinstance(item, bool) or not isinstance(item, int) for item in value):
        raise RunError(f"'attempt.{name}' must be a list of whole numbers")
    return tuple(value)


def _logprobs(attempt: Mapping[str, Any], count: int) -> tuple[float, ...]:
    """Read log-probabilities as recorded; NaN, which JSON writes as null, where there is none."""
    value = attempt.get("logprobs") or [None] * count
    if not isinstance(value, list) or len(value) != count:
        raise RunError("'attempt.logprobs' must have one number per token of 'attempt.token_ids'")
    try:
        return tuple(float("nan") if item is None else float(item) for item in value)
    except (TypeError, ValueError):
        raise RunError("'attempt.logprobs' must hold numbers") from None


def _stop(attempt: Mapping[str, Any]) -> StopReason:
    try:
        return StopReason(str(attempt.get("stop")))
    except ValueError:
        raise RunError(f"'attempt.stop' must be 'end' or 'length', not {attempt.get('stop')!r}") from None
