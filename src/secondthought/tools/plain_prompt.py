"""The plain prompt tells a model of tools in words, where its chat template has no place for them.

It is system text: the list of tools as JSON schemas, and how a call is written. Where no system message can be used, it
opens the user's first message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from secondthought.tools.schemas import Tool, normalised
from secondthought.types import Message

BEFORE = "You may call functions to answer. These are the functions, as JSON schemas, one a line:"
AFTER = (
    "To call a function, write a JSON object with its name and its arguments between <tool_call> tags, and nothing "
    "else; for several calls, write several of them, one after the other:\n"
    '<tool_call>\n{"name": "NAME", "arguments": {"PARAMETER": VALUE}}\n</tool_call>\n'
    "If none of the functions fits, or a value that is required is missing, say so in plain words and call none."
)


def in_words(tools: Sequence[Tool]) -> str:
    """Return the text that tells of the tools and of how they are called."""
    listed = [json.dumps(dict(normalised(tool)), ensure_ascii=False) for tool in tools]
    return "\n".join([BEFORE, "<tools>", *listed, "</tools>", AFTER])


def with_tools(messages: Sequence[Message], tools: Sequence[Tool], *, system: bool = True) -> tuple[Message, ...]:
    """Return the messages with the tools told in words; without tools, the messages as they are.

    Args:
        messages: a conversation.
        tools: what may be called in it.
        system: the tools stand in the system message, after what it says; else they open the first user message.
    """
    if not tools:
        return tuple(messages)
    told = in_words(tools)
    if system:
        own, rest = (messages[0].content, messages[1:]) if messages and messages[0].role == "system" else ("", messages)
        return (Message(role="system", content=f"{own}\n\n{told}" if own else told), *rest)
    first = next((place for place, message in enumerate(messages) if message.role == "user"), None)
    if first is None:
        return (Message(role="user", content=told), *messages)
    opened = Message(role="user", content=f"{told}\n\n{messages[first].content}")
    return (*messages[:first], opened, *messages[first + 1 :])
