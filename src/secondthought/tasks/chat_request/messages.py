"""Messages as OpenAI's chat/completions takes them become messages of ours: three roles, and text alone.

| there | here |
|---|---|
| `developer` | `system` |
| text parts of a content | their texts, joined |
| an assistant's `tool_calls` | `<tool_call>` tags after its words |
| `tool`, `function` | a user's `<tool_response>` |
| an image, a sound, a file | what kind it was, in brackets: the text is no longer all that was said |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from secondthought.errors import TaskError, shown
from secondthought.tools.served_calls import calls_as_text
from secondthought.types import Message, Role

_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_RESULTS = ("tool", "function")
_TEXTS = ("text", "input_text", "output_text", "refusal")


class InText(NamedTuple):
    """`InText` is a conversation in text; `is_all` is False where something that was said is no text."""

    messages: tuple[Message, ...]
    is_all: bool


def in_text(messages: Any) -> InText:
    """Read the messages of a request.

    Raises:
        TaskError: they are no list of messages; the sentence names the place.

    >>> in_text([{"role": "developer", "content": "Be short."}]).messages
    (Message(role='system', content='Be short.'),)
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str | bytes) or not messages:
        raise TaskError(f"'messages' must be a list of at least one message, not {shown(messages)}")
    read = [_message(item, f"messages[{place}]") for place, item in enumerate(messages)]
    return InText(tuple(message for message, _ in read), all(is_all for _, is_all in read))


def _message(item: Any, place: str) -> tuple[Message, bool]:
    if not isinstance(item, Mapping):
        raise TaskError(f"{place} must be an object with 'role' and 'content', not {shown(item)}")
    role = item.get("role")
    if role in _RESULTS:
        text, is_all = _content(item.get("content"), place)
        return Message(role="user", content=f"<tool_response>\n{text}\n</tool_response>"), is_all
    if not isinstance(role, str) or role not in _ROLES:
        raise TaskError(f"{place}: the role {shown(role)} is none of {', '.join([*_ROLES, *_RESULTS])}")
    calls = calls_as_text(item.get("tool_calls")) if role == "assistant" else ""
    text, is_all = _content(item.get("content", "" if calls else None), place)
    return Message(role=_ROLES[role], content="\n".join(filter(None, (text, calls)))), is_all


def _content(content: Any, place: str) -> tuple[str, bool]:
    if content is None or isinstance(content, str):
        return content or "", True
    if not isinstance(content, Sequence) or not all(isinstance(part, Mapping) for part in content):
        raise TaskError(f"{place}: 'content' must be a text or a list of parts, not {shown(content)}")
    read = [_part(part) for part in content]
    return "\n".join(text for text, _ in read), all(is_all for _, is_all in read)


def _part(part: Mapping[str, Any]) -> tuple[str, bool]:
    kind = part.get("type")
    text = part.get("refusal" if kind == "refusal" else "text")
    if kind in _TEXTS and isinstance(text, str):
        return text, True
    return f"[{kind}]", False
