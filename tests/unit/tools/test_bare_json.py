"""Bare JSON is a call where it begins a line or follows a colon or a tag; in the middle of a sentence it is talk."""

import pytest

from secondthought.tools.calls import Call
from secondthought.tools.reading import read_calls

BODY = '{"name": "f", "arguments": {"a": 1}}'
CALL = (Call("f", {"a": 1}),)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "  {}",
        "To find X, you can call the function:\n\n```json\n{}\n```",
        "To find X, you can call the function:\n\n```json\n{}\n```\nThis finds X.",
        "Like so:\n```\n\n   {}```",
        "I call f.\n{}",
        "I call f.\r\n\t{}",
        "I call f.\n{} does it.",
        "Output: {}",
        "**Call:** {}",
        "The call: `{}`.",
        "`{}`",
        "1. {}",
        "- {}",
        "* `{}`",
        "> {}",
        "<json>{}</json>",
        "<tools>\n{}\n</tools>",
        '{"tool_call": {}}',
        '{"calls": [{}]}',
        "[{}]",
        "[\n        {}\n]",
        "I [first] looked.\n[{}]",
        'With {"a": 1} in mind:\n{}',
        "You could call {} but better:\n{}",
    ],
)
def test_it_is_a_call(text):
    assert read_calls(text.replace("{}", BODY)).calls == CALL


@pytest.mark.parametrize(
    "text",
    [
        "You could call {} but I will not.",
        "you could call {}",
        "It is wrong to answer {} here.",
        "First (see `{}`) I think.",
        "One would say '{}'.",
        'f({"a": 1}) {}',
        "The list [{}] is no answer.",
        "You could call {}\nbut I will not.",
    ],
)
def test_it_is_talk(text):
    assert read_calls(text.replace("{}", BODY)).calls == ()
    assert not read_calls(text.replace("{}", BODY)).malformed


def test_talk_that_breaks_off_is_no_broken_call():
    assert not read_calls('You could call {"name": "f", "argu').malformed
    assert read_calls('I call:\n{"name": "f", "argu').malformed
