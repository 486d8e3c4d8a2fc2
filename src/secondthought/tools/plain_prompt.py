"""The plain prompt: how tools are told to a model whose chat template has no place for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from secondthought.tools.wrapping import unwrapped
from secondthought.types import Message

_TOLD = """You can call these functions, each a JSON schema:

{tools}

To call one, write a JSON object with its name and its arguments between tags, as many of them as calls are needed:
<tool_call>
{{"name": "NAME", "arguments": {{"ARGUMENT": "VALUE"}}}}
</tool_call>"""


def told(tools: Sequence[Mapping[str, Any]]) -> str:
    """Write the tools, a line each, and how a call is written."""
    return _TOLD.format(tools="\n".join(json.dumps(unwrapped(tool), ensure_ascii=False) for tool in tools))


def with_tools_told(
    messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], *, takes_system: bool
) -> list[Message]:
    """Return the conversation with the tools told in it: at the end of the system text, or before the first words.

    Without a system message one is made, where the template takes any.
    """
    text = told(tools)
    first, *rest = messages
    if first.role == "system":
        return [replace(first, content=f"{first.content}\n\n{text}"), *rest]
    if takes_system:
        return [Message(role="system", content=text), first, *rest]
    return [replace(first, content=f"{text}\n\n{first.content}"), *rest]
