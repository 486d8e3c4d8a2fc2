"""What a dialect writes as text becomes what the tool's schema says; without a schema, JSON where it reads as JSON."""

import pytest
from hypothesis import assume, given, settings
from tool_calls import CALLS, same, tools_of

from secondthought.tasks.function_calling import FunctionCalling
from secondthought.tools.calls import Call, Unwritable
from secondthought.tools.reading import read_calls
from secondthought.tools.writing import write_calls

ROW = {
    "query": "Find order 0042.",
    "tools": [{"name": "find", "description": "", "parameters": {"order": {"type": "str"}, "years": {"type": "int"}}}],
    "answers": [{"name": "find", "arguments": {"order": "0042", "years": 3}}],
}


def said(value, name="f", key="a"):
    return f"<tool_call>\n<function={name}>\n<parameter={key}>\n{value}\n</parameter>\n</function>\n</tool_call>"


def tool(schema):
    return {"name": "f", "description": "", "parameters": {"type": "object", "properties": {"a": schema}}}


def read(value, schema):
    return read_calls(said(value), [tool(schema)]).calls


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "string"}, "5", "5"),
        ({"type": "string"}, "true", "true"),
        ({"type": "string"}, "None", "None"),
        ({"type": "string"}, '{"k": 1}', '{"k": 1}'),
        ({"type": "string"}, '"quoted"', '"quoted"'),
        ({"type": "string"}, " \n two lines \n", " \n two lines \n"),
        ({"type": "integer"}, "5", 5),
        ({"type": "integer"}, "five", "five"),
        ({"type": "number"}, "5", 5),
        ({"type": "number"}, "2.5", 2.5),
        ({"type": "number"}, "NaN", "NaN"),
        ({"type": "boolean"}, "True", True),
        ({"type": "boolean"}, "false", False),
        ({"type": "null"}, "None", None),
        ({"type": "array"}, "[1, 2]", [1, 2]),
        ({"type": "array"}, "[1, 2", "[1, 2"),
        ({"type": "object"}, '{"k": 1}', {"k": 1}),
        ({"type": "object"}, '{"k": 1, "k": 2}', '{"k": 1, "k": 2}'),
        ({"type": ["string", "null"]}, "None", None),
        ({"type": ["string", "null"]}, "5", "5"),
        ({"type": ["string", "integer"]}, "five", "five"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "5", "5"),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, "[1]", [1]),
        ({"enum": ["1", "2"]}, "1", "1"),
        ({"enum": [1, 2]}, "1", 1),
        ({"const": "1"}, "1", "1"),
        ({}, "5", 5),
        ({}, "True", True),
        ({}, "five", "five"),
        ({"type": "klingon"}, "5", 5),
        ({"type": 3}, "5", 5),
        ("string", "5", 5),
    ],
)
def test_the_schema_says_what_a_text_becomes(schema, text, value):
    assert same(read(text, schema), [Call("f", {"a": value})])


def test_tools_may_be_wrapped_as_chat_endpoints_wrap_them():
    wrapped = {"type": "function", "function": tool({"type": "string"})}
    assert same(read_calls(said("5"), [wrapped]).calls, [Call("f", {"a": "5"})])


@pytest.mark.parametrize("tools", [[], [{}], [{"name": "f"}], [{"name": "f", "parameters": []}], ["f"], [None]])
def test_tools_that_say_nothing_leave_json_where_it_reads_as_json(tools):
    assert same(read_calls(said("5"), tools).calls, [Call("f", {"a": 5})])


def test_other_tools_and_other_arguments_are_unknown():
    strings = [tool({"type": "string"})]
    assert same(read_calls(said("5", name="g"), strings).calls, [Call("g", {"a": 5})])
    assert same(read_calls(said("5", key="b"), strings).calls, [Call("f", {"b": 5})])


@settings(max_examples=150, deadline=None)
@given(calls=CALLS)
def test_with_schemas_reading_undoes_writing(calls):
    """Of an argument that is a text in one call and something else in another the schema does not tell which."""
    tools = tools_of(calls)
    kinds = [schema["type"] for item in tools for schema in item["parameters"]["properties"].values()]
    assume(all("string" not in kind or len(kind) == 1 for kind in kinds))
    try:
        text = write_calls(calls, "qwen3.5")
    except Unwritable:
        assume(False)
    found = read_calls(text, tools)
    assert found.malformed == ""
    assert same(found.calls, calls)


@pytest.mark.parametrize("mode", ["exact", "strict", "bfcl"])
def test_the_task_reads_with_the_tools_of_its_problem(mode):
    task = FunctionCalling(mode=mode)
    problem = task.parse(ROW)
    right = write_calls([Call("find", {"order": "0042", "years": 3})], "qwen3.5")
    assert task.verify(problem, right).correct
    assert task.answer(problem, right) == task.answer(problem, task.gold(problem))
    assert not task.verify(problem, right.replace("0042", "42")).correct
