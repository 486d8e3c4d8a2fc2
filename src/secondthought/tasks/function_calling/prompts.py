"""The prompts of function calling: what is asked besides the request. The tools are rendered by the template."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.types import Message

CALL_ALONE = (
    "Answer the request with the function call that it needs, and nothing else. Give every argument that the request"
    " determines, with the value that it states. If no function fits, say so in one sentence and call none."
)
THINK_FIRST = (
    "Think step by step first: which function fits the request, which arguments it needs, and which value the request"
    " states for each. Then write the function call. If no function fits, say so in one sentence and call none."
)


def conversation(messages: Sequence[Message], think: bool) -> tuple[Message, ...]:
    """Return the messages with the task's instruction after the last request, and no two turns of one role in a row.

    The instruction stands in the user's turn, since many templates take no system message; those of the row are kept.
    """
    instruction = Message(role="user", content=THINK_FIRST if think else CALL_ALONE)
    merged: list[Message] = []
    for said in (*messages, instruction):
        if merged and merged[-1].role == said.role:
            said = Message(role=said.role, content=f"{merged.pop().content}\n\n{said.content}")
        merged.append(said)
    return tuple(merged)
