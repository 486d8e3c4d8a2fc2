"""How tools reach a model is measured: its template is rendered with a tool and without, and what it does is compared.

A template uses tools where the tool's name stands in the rendering, and the conversation goes on as without tools: the
same header before the answer, the same text after it. Nothing is declared, by us or by the model's files.
"""

from __future__ import annotations

from typing import NamedTuple

from secondthought.errors import PolicyError
from secondthought.models.conversation import ANSWER, QUESTION, REQUEST, Form
from secondthought.models.template import Template

_NAME, _ABOUT, _PARAMETER = "tool7f3t", "about7f3b", "parameter7f3p"
_TOOL = {
    "name": _NAME,
    "description": _ABOUT,
    "parameters": {
        "type": "object",
        "properties": {_PARAMETER: {"type": "string", "description": _ABOUT}},
        "required": [_PARAMETER],
    },
}


class ToolForm(NamedTuple):
    """A `ToolForm` says how tools reach a model."""

    by_template: bool
    """Whether the template tells of them; otherwise the plain prompt does."""
    in_words: str
    """How they reach it, for people."""


def examine_tools(template: Template, form: Form) -> ToolForm:
    """Render a template with a tool and without, and return how tools reach its model."""
    turns = [{"role": "user", "content": QUESTION}]
    try:
        asked = template.render(turns, header=True, tools=[_TOOL])
    except PolicyError as error:
        return ToolForm(False, f"by a plain prompt, since the template refuses them ({error})")
    if _NAME not in asked or _PARAMETER not in asked:
        return ToolForm(False, "by a plain prompt, since the template does not use them")
    if _tail(asked) != _tail(template.render(turns, header=True)):
        return ToolForm(False, "by a plain prompt, since the template asks for answers in another way with tools")
    turns += [{"role": "assistant", "content": form.prefill + ANSWER}, {"role": "user", "content": REQUEST}]
    later = template.render(turns, header=True, tools=[_TOOL])
    own, bare = later.rpartition(ANSWER), template.render(turns, header=True).rpartition(ANSWER)
    if own[0].partition(QUESTION)[0] == asked.partition(QUESTION)[0] and own[2] == bare[2]:
        return ToolForm(True, "by its own template")
    return ToolForm(True, "by its own template, which moves them to later turns; here they stay in the first prompt")


def _tail(text: str) -> str:
    return text.rpartition(QUESTION)[2]
