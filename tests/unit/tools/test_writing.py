"""Calls are written in each dialect's form and read back; what a dialect cannot write it refuses with a sentence."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from tool_calls import CALLS, same

from secondthought.errors import TaskError
from secondthought.tools.calls import Call, Unwritable
from secondthought.tools.reading import read_calls
from secondthought.tools.writing import DIALECTS, write_calls

TWO = (
    Call("get_weather", {"city": "Paris", "days": 2}),
    Call("math.sqrt", {"n": 2.5, "deep": [True, None, {"k": "v"}]}),
)
FORMS = {
    "tool_call": '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>',
    "qwen3.5": "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>",
    "llama3": '{"name": "f", "parameters": {"a": 1}}',
    "phi4": '<|tool_call|>[{"name": "f", "arguments": {"a": 1}}]<|/tool_call|>',
    "mistral-named": '[TOOL_CALLS]f[ARGS]{"a": 1}',
    "granite3": '<|tool_call|>[{"name": "f", "arguments": {"a": 1}}]',
    "functiongemma": "<start_function_call>call:f{a:1}<end_function_call>",
    "python": "[f(a=1)]",
    "json": '[{"name": "f", "arguments": {"a": 1}}]',
}


@pytest.mark.parametrize("dialect", FORMS)
def test_a_call_is_written_in_its_form(dialect):
    assert write_calls([Call("f", {"a": 1})], dialect) == FORMS[dialect]


def test_mistrals_ids_have_nine_signs_and_differ_by_place():
    items = json.loads(write_calls([TWO[0], TWO[0]], "mistral").removeprefix("[TOOL_CALLS]"))
    first, second = (item["id"] for item in items)
    assert len(first) == len(second) == 9
    assert first.isalnum()
    assert first != second


@pytest.mark.parametrize("dialect", DIALECTS)
def test_calls_are_read_as_they_were_written(dialect):
    assert same(read_calls(write_calls(TWO, dialect)).calls, TWO)


def test_reading_undoes_writing():
    """Types included; in Qwen3.5's dialect every value is text, so that one is read by rules of its own."""
    dialects, written = DIALECTS.keys() - {"qwen3.5"}, Counter()

    @settings(max_examples=150, deadline=None)
    @given(calls=CALLS)
    def is_undone(calls):
        for dialect in sorted(dialects):
            try:
                text = write_calls(calls, dialect)
            except Unwritable:
                continue
            found = read_calls(text)
            assert found.malformed == "", dialect
            assert same(found.calls, calls), dialect
            written[dialect] += 1

    is_undone()  # the drawing takes longest: each draw is written in all dialects
    assert written.keys() == dialects
    assert min(written.values()) >= 50


def test_what_a_dialect_cannot_write_is_refused():
    for dialect, call in (
        ("qwen3.5", Call("f", {"a": "</parameter>"})),
        ("functiongemma", Call("f", {"a": "<escape>"})),
        ("python", Call("get-weather", {})),
        ("python", Call("try", {})),
        ("python", Call("mail.import", {})),
        ("python", Call("f", {"from": 1})),
        ("python", Call("\ufb01nd", {})),  # a ligature, which Python reads as the two letters
        ("mistral-named", Call("get weather", {})),
    ):
        with pytest.raises(Unwritable, match=r"cannot|which ends"):
            write_calls([call], dialect)
    with pytest.raises(TaskError, match="there is no dialect 'klingon' of calls; there are tool_call, "):
        write_calls(TWO, "klingon")
