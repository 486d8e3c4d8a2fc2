"""Every dialect reads what it writes, types included; what it cannot write it refuses with a sentence."""

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tool_calls import CALLS, same, tools_of

from secondthought.errors import TaskError
from secondthought.tools.calls import Call, Unwritable
from secondthought.tools.dialects import DIALECTS
from secondthought.tools.reading import read_calls
from secondthought.tools.writing import write_calls

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
@pytest.mark.parametrize(
    "around", ["{}", "\n {} \n", "<think>\nf(a=1)? <tool_call>\n</think>\n\n{}", "Hm.\n</think>\n{}"]
)
def test_calls_are_read_as_they_were_written(dialect, around):
    assert same(read_calls(around.format(write_calls(TWO, dialect))).calls, TWO)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=150, deadline=None)
@given(calls=CALLS)
def test_reading_undoes_writing(dialect, calls):
    try:
        text = write_calls(calls, dialect)
    except Unwritable:
        assume(False)
    found = read_calls(text, tools_of(calls))
    assert found.malformed == ""
    if dialect == "qwen3.5":  # a value of two types that could be either is JSON where it reads as JSON
        assume(
            all(
                len(schema["type"]) == 1
                for tool in tools_of(calls)
                for schema in tool["parameters"]["properties"].values()
            )
        )
    assert same(found.calls, calls)


@pytest.mark.parametrize("dialect", [name for name, dialect in DIALECTS.items() if dialect.mark and name != "llama3"])
def test_prose_may_stand_before_marked_calls(dialect):
    assert same(read_calls(f"I look it up.\n{write_calls(TWO, dialect)}").calls, TWO)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=60, deadline=None)
@given(calls=CALLS, data=st.data())
def test_a_call_that_breaks_off_is_never_an_answer_without_calls(dialect, calls, data):
    """Cut anywhere after its mark and the first signs, it is malformed or holds the calls before the cut."""
    try:
        text = write_calls(calls, dialect)
    except Unwritable:
        assume(False)
    begun = len("<start_function_call>call:") if DIALECTS[dialect].mark and dialect != "llama3" else len('[{"name":')
    if dialect == "python":
        begun = text.index("(") + 1
    cut = data.draw(st.integers(min(begun, len(text)), len(text)))
    found = read_calls(text[:cut], tools_of(calls))
    assert found.malformed or found.calls


def test_what_a_dialect_cannot_write_is_refused():
    for dialect, call in {
        "qwen3.5": Call("f", {"a": "</parameter>"}),
        "functiongemma": Call("f", {"a": "<escape>"}),
        "python": Call("get-weather", {}),
        "mistral-named": Call("get weather", {}),
    }.items():
        with pytest.raises(Unwritable, match=r"cannot|which ends"):
            write_calls([call], dialect)
    with pytest.raises(TaskError, match="there is no dialect 'klingon' of calls; there are tool_call, "):
        write_calls(TWO, "klingon")


@pytest.mark.parametrize(
    ("types", "text", "value"),
    [
        (["string"], "5", "5"),
        (["integer"], "5", 5),
        (["number"], "5", 5),
        (["boolean"], "True", True),
        (["boolean"], "true", True),
        (["null", "string"], "None", None),
        (["string", "integer"], "five", "five"),
        (["array"], "[1, 2]", [1, 2]),
        (["integer"], "five", "five"),
    ],
)
def test_the_schema_gives_the_types_of_what_stands_as_text(types, text, value):
    tools = [{"name": "f", "parameters": {"properties": {"a": {"type": types}}}}]
    said = f"<tool_call>\n<function=f>\n<parameter=a>\n{text}\n</parameter>\n</function>\n</tool_call>"
    assert same(read_calls(said, tools).calls, [Call("f", {"a": value})])
