"""How tools reach a model is measured: its template is rendered with a tool and without, and what it does is compared.

A template uses tools where the tool's name stands in the rendering, and the conversation goes on as without tools: the
same header before the answer, the same text after it. Nothing is declared, by us or by the model's files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from secondthought.errors import PolicyError
from secondthought.models.conversation import ANSWER, QUESTION, REQUEST, Form
from secondthought.models.template import Template
from secondthought.tools.wrapping import unwrapped

Turns: TypeAlias = Sequence[Mapping[str, str]]
Tools: TypeAlias = Sequence[Mapping[str, Any]]

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


Way: TypeAlias = Literal["variable", "variable beside a system message", "field of the system message", "plain prompt"]
"""A `Way` is a place from which a template takes tools (Phi-4-mini's: a field), or, last, that it takes none."""


class ToolForm(NamedTuple):
    """A `ToolForm` says how tools reach a model."""

    way: Way
    in_words: str
    """How they reach it, for people."""

    @property
    def by_template(self) -> bool:
        """Return whether the template tells of them; otherwise the plain prompt does."""
        return self.way != "plain prompt"


def placed(turns: Turns, tools: Tools, way: Way) -> tuple[Turns, Tools]:
    """Return the conversation that a template is given, and what it is given as `tools`.

    >>> placed([{"role": "user", "content": "?"}], [{"name": "f"}], "field of the system message")
    ([{'role': 'system', 'content': '', 'tools': '[{"name": "f"}]'}, {'role': 'user', 'content': '?'}], [])
    """
    if way == "variable":
        return turns, tools
    opened = list(turns) if turns[:1] and turns[0]["role"] == "system" else [{"role": "system", "content": ""}, *turns]
    if way == "variable beside a system message":
        return opened, tools
    written = json.dumps([unwrapped(tool) for tool in tools], ensure_ascii=False)
    return [{**opened[0], "tools": written}, *opened[1:]], []


def examine_tools(template: Template, form: Form) -> ToolForm:
    """Render a template with a tool and without, and return how tools reach its model."""
    tried = []
    for way in get_args(Way)[:-1]:
        try:
            tried.append(_examine(template, form, way))
        except PolicyError as error:
            tried.append(ToolForm("plain prompt", f"by a plain prompt, since the template refuses them ({error})"))
        if tried[-1].by_template:
            return tried[-1]
    return tried[0]


def _examine(template: Template, form: Form, way: Way) -> ToolForm:
    def rendered(turns: Turns, *, tool: bool) -> str:
        given, tools = placed(turns, [_TOOL], way)
        if not tool:
            given, tools = [{key: turn[key] for key in ("role", "content")} for turn in given], []
        return template.render(given, header=True, tools=tools)

    turns: Turns = [{"role": "user", "content": QUESTION}]
    asked = rendered(turns, tool=True)
    if _NAME not in asked or _PARAMETER not in asked:
        return ToolForm("plain prompt", "by a plain prompt, since the template does not use them")
    if _tail(asked) != _tail(rendered(turns, tool=False)):
        return ToolForm(
            "plain prompt", "by a plain prompt, since the template asks for answers in another way with tools"
        )
    turns = [*turns, {"role": "assistant", "content": form.prefill + ANSWER}, {"role": "user", "content": REQUEST}]
    own, bare = (rendered(turns, tool=tool).rpartition(ANSWER) for tool in (True, False))
    where = "" if way == "variable" else ", in the system message"
    if own[0].partition(QUESTION)[0] == asked.partition(QUESTION)[0] and own[2] == bare[2]:
        return ToolForm(way, f"by its own template{where}")
    return ToolForm(
        way, f"by its own template{where}, which moves them to later turns; here they stay in the first prompt"
    )


def _tail(text: str) -> str:
    return text.rpartition(QUESTION)[2]
