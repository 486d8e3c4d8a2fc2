"""Rows of a file as examples to learn from: prompt and completion as token ids, bad rows named by file and line.

A row holds a "completion" and one of

    "messages"    [{"role", "content"}, ...], rendered by the model's chat template as when it is sampled, with
                  the row's "tools" if it has any: JSON schemas in a list, or that list as JSON in a text;
    "problem"     data of a task, which gives the messages (the contract of `secondthought score`);
    "prompt"      a text that is taken as it is, without a template, begun as the tokenizer begins a text.

A "prompt" has no place for "tools", and a problem brings its own. Other fields are passed over. Control tokens that a
prompt spells out are text, and half a character (a lone surrogate) becomes U+FFFD, as wherever text enters a
conversation. The completion is tokenized apart from the prompt, as sampling would continue it, and ends with the token
that ends a turn: the template's, or after a plain prompt the eos token. Nothing is ever cut short.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from secondthought import jsonl, rng
from secondthought.disk import why_unread
from secondthought.errors import ConfigError, SecondthoughtError, TaskError
from secondthought.models.local import LengthLimit, LocalModel
from secondthought.protocols import Task
from secondthought.tools.stored import tools_of
from secondthought.train.likelihood.material import Example
from secondthought.types import Message, Role, TokenIds

SHOWN_LINES = 10
"""Line numbers that a sentence names before it says how many more there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """A file's examples in its order, apart from those that were too long."""

    kept: tuple[Example, ...]
    dropped_lines: tuple[int, ...]
    digest: str


def read_examples(
    path: Path, policy: LocalModel, task: Task | None, *, max_length: int, too_long: Literal["refuse", "drop"]
) -> Examples:
    """Read every row of a file as an example.

    Raises:
        ConfigError: the file cannot be read, or holds no example.
        TaskError: a row is wrong, or longer than `max_length` (or than the model can hold) and may not be dropped.
    """
    found, digest = _parsed(path, policy, task)
    limit, reason = _limit(policy, max_length)
    long = [example for example in found if example.num_tokens > limit]
    if long and too_long == "refuse":
        worst = max(long, key=lambda example: example.num_tokens)
        raise TaskError(
            f"{path}: {_lines([example.line for example in long])} longer than {limit} tokens ({reason}), the longest "
            f"{worst.num_tokens}; raise max_length, shorten them, or leave them out with --too-long drop"
        )
    kept = tuple(example for example in found if example.num_tokens <= limit)
    if not kept:
        why = f": all {len(long)} rows are longer than {limit} tokens ({reason})" if long else ""
        raise ConfigError(f"{path}: holds no example to learn from{why}")
    return Examples(kept=kept, dropped_lines=tuple(example.line for example in long), digest=digest)


def split(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Split examples into those to learn from and held-out ones, by prompt: no prompt is on both sides.

    Raises:
        ConfigError: there are too few prompts for both sides.
    """
    if not share:
        return list(examples), []
    prompts = list(dict.fromkeys(example.prompt for example in examples))
    count = max(1, round(share * len(prompts)))
    if count >= len(prompts):
        raise ConfigError(f"eval_share: {len(prompts)} prompts are too few to hold out {share:g} of them")
    rng.stream(seed, "sft", "held out").shuffle(prompts)
    held = set(prompts[:count])
    return [e for e in examples if e.prompt not in held], [e for e in examples if e.prompt in held]


def _parsed(path: Path, policy: LocalModel, task: Task | None) -> tuple[list[Example], str]:
    """Read all examples and hash the file. Every row is looked at, so that one sentence tells how many are bad."""
    found: list[Example] = []
    bad: list[tuple[int, str]] = []
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            for line in jsonl.parse(_hashed(file, digest)):
                try:
                    if line.value is None:
                        raise TaskError(str(line.error))
                    found.append(_example(line.number, line.value, policy, task))
                except SecondthoughtError as error:
                    bad.append((line.number, str(error)))
    except OSError as error:
        raise ConfigError(f"{why_unread(path, error)}; give a file of JSON lines with --data") from None
    if bad:
        more = f" ({len(bad) - 1} more of its rows are bad)" if len(bad) > 1 else ""
        raise TaskError(f"{path}, line {bad[0][0]}: {bad[0][1]}{more}")
    return found, digest.hexdigest()


def _hashed(lines: Iterator[bytes] | Any, digest: Any) -> Iterator[bytes]:
    for line in lines:
        digest.update(line)
        yield line


def _example(number: int, row: Mapping[str, Any], policy: LocalModel, task: Task | None) -> Example:
    text = row.get("completion")
    if not isinstance(text, str) or not text:
        raise TaskError(f"field 'completion' {_is_wrong(row, 'completion')} a text that is not empty")
    prompt, is_chat = _prompt(row, policy, task)
    if not prompt:
        raise TaskError("the prompt is empty, so nothing predicts the completion's first token")
    chat = policy.chat
    inside = next((name for name in map(chat.codec.names.get, chat.stop_ids) if name and name in text), None)
    if inside is not None:
        raise TaskError(f"the completion holds the token {inside}, which ends a turn; leave it out: one is added")
    if is_chat:
        return Example(number, prompt, chat.encode(text))
    end = chat.tokenizer.eos_token_id
    return Example(number, prompt, (*chat.plain_answer(text), chat.end_of_turn if end is None else end))


def _prompt(row: Mapping[str, Any], policy: LocalModel, task: Task | None) -> tuple[TokenIds, bool]:
    """Encode a row's prompt, and tell whether the chat template made its ids."""
    if task is not None and "problem" in row:
        if not isinstance(row["problem"], dict):
            raise TaskError("field 'problem' must be a JSON object")
        problem = _parse(task, row["problem"])
        return policy.start(problem.messages, problem.tools), True
    given = [name for name in ("messages", "prompt") if name in row]
    if len(given) == 2:
        raise TaskError("has both 'messages' and 'prompt'; keep one of them")
    if given == ["messages"]:
        return policy.start(_messages(row["messages"]), _tools(row)), True
    if given == ["prompt"]:
        if not isinstance(row["prompt"], str):
            raise TaskError("field 'prompt' must be a text")
        if _tools(row):
            raise TaskError("has 'tools', and a plain 'prompt' has no place for them; give 'messages' in its place")
        return policy.chat.plain(row["prompt"]) if row["prompt"] else (), False
    if "problem" in row:
        raise TaskError("has a 'problem'; say which task's with --task")
    raise TaskError("has none of 'messages', 'problem' and 'prompt'")


def _parse(task: Task, data: Mapping[str, Any]) -> Any:
    try:
        return task.parse(data)
    except SecondthoughtError:
        raise
    except Exception as error:
        raise TaskError(f"task {task.name} failed with {type(error).__name__}: {error}") from error


def _messages(value: Any) -> list[Message]:
    if not isinstance(value, list) or not value:
        raise TaskError("field 'messages' must be a list of one message or more")
    found = [_message(place, item) for place, item in enumerate(value)]
    if found[-1].role == "assistant":
        raise TaskError("field 'messages' ends with the assistant's; what it should say belongs in 'completion'")
    return found


def _message(place: int, item: Any) -> Message:
    given = item if isinstance(item, dict) else {}
    role: Role | None = next((name for name in get_args(Role) if name == given.get("role")), None)
    content = given.get("content")
    if role is None or not isinstance(content, str):
        raise TaskError(f"messages[{place}] must be {{'role': {' | '.join(get_args(Role))}, 'content': TEXT}}")
    return Message(role=role, content=content)


def _tools(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the tools of a row's conversation."""
    given = row.get("tools")
    return tools_of(given, "field 'tools'") if given is not None else []


def _is_wrong(row: Mapping[str, Any], name: str) -> str:
    return "must be" if name in row else "is missing; it must be"


def _limit(policy: LocalModel, max_length: int) -> LengthLimit:
    """Return the most tokens of an example, and who says so."""
    return min((LengthLimit(max_length, "max_length"), *policy.length_limits), key=lambda limit: limit.tokens)


def _lines(numbers: Sequence[int]) -> str:
    """Write line numbers in words.

    >>> _lines([3]), _lines([3, 5]), _lines(range(1, 13))
    ('line 3 is', 'lines 3, 5 are', 'lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more are')
    """
    if len(numbers) == 1:
        return f"line {numbers[0]} is"
    more = f" and {len(numbers) - SHOWN_LINES} more" if len(numbers) > SHOWN_LINES else ""
    return f"lines {', '.join(map(str, numbers[:SHOWN_LINES]))}{more} are"
