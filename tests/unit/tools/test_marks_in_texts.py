"""A mark inside of an argument's text neither ends nor begins a call."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_calls import same

from secondthought.tools.calls import Call, Unwritable
from secondthought.tools.reading import read_calls
from secondthought.tools.writing import DIALECTS, write_calls

MARKS = [
    "<tool_call>", "</tool_call>", "<|tool_call|>", "<|/tool_call|>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>",
    "<|eom_id|>", "<|eot_id|>", "</s>", "<start_function_call>", "<end_function_call>", "<function=g>", "</function>",
    "<parameter=b>", "</parameter>", "<escape>", "```", "```json\n", "<think>", "</think>", "; ", '{"name": "g", ',
]  # fmt: skip
NEXT = Call("g", {"n": 1})


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_mark_in_a_text_is_text(dialect, mark):
    calls = [Call("f", {"a": f"one {mark} two\n{mark}", "k": [mark]}), NEXT]
    try:
        text = write_calls(calls, dialect)
    except Unwritable:
        pytest.skip("this dialect has no way to write it, and says so")
    found = read_calls(text)
    assert found.malformed == ""
    assert same(found.calls, calls)


@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"qwen3.5"}))
@settings(max_examples=60, deadline=None)
@given(said=st.lists(st.sampled_from(MARKS) | st.text(max_size=5), max_size=6).map("".join))
def test_texts_of_many_marks_outlive_the_way(dialect, said):
    calls = [Call("f", {"a": said}), NEXT]
    try:
        text = write_calls(calls, dialect)
    except Unwritable:
        return
    assert same(read_calls(text).calls, calls)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(
    "around", ["Here:\n```json\n{}\n```\nDone.", "I call:\n<tool_call>{}</tool_call>", "{}<|eom_id|>"]
)
def test_a_mark_in_a_text_ends_nothing_where_words_stand_around(around, mark):
    call = Call("f", {"a": f"one {mark} two"})
    body = json.dumps({"name": call.name, "arguments": call.arguments})
    text = f"<|python_tag|>{body}<|eom_id|>" if around.startswith("{}") else around.replace("{}", body)
    if "<think>" in mark or "</think>" in mark:
        text = f"<think>Which one?</think>{text}"
    assert read_calls(text).calls == (call,)


@pytest.mark.parametrize("dialect", ["json", "llama3", "tool_call"])
def test_what_looks_like_a_call_inside_of_an_argument_is_none(dialect):
    call = Call("f", {"k": {"name": "g", "arguments": {}}, "a": "<tool_call>", "l": [{"name": "h", "arguments": {}}]})
    assert read_calls(write_calls([call], dialect)).calls == (call,)


@pytest.mark.parametrize(
    "text",
    [
        "<think>\nf(a=1)? <tool_call>\n</think>\n\n<tool_call>{}</tool_call>",
        "f or g?\n</think>\n\n<tool_call>{}</tool_call>",
        "Well. <think>f?</think> <tool_call>{}</tool_call>",
        "<think>f?</think><think>g?</think><tool_call>{}</tool_call>",
        "f?</think> <think>g?</think> <tool_call>{}</tool_call>",
        "<tool_call>{}</tool_call><think>was that right?",
    ],
)
def test_a_thought_calls_nothing(text):
    assert read_calls(text.replace("{}", '{"name": "f", "arguments": {}}')).calls == (Call("f", {}),)


@pytest.mark.parametrize("text", ["<think><tool_call>{}</tool_call>", "Well. <think><tool_call>{}</tool_call>"])
def test_a_thought_that_does_not_end_calls_nothing(text):
    assert read_calls(text.replace("{}", '{"name": "f", "arguments": {}}')).calls == ()


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_in_the_json_of_a_function_tag_is_text(mark):
    """Llama 3.1 writes its users' functions so."""
    calls = [Call("f", {"a": f"one {mark} two\n{mark}", "k": [mark]}), NEXT]
    text = "\n".join(f"<function={call.name}> {json.dumps(call.arguments)} </function>" for call in calls)
    found = read_calls(f"<think>So.</think>{text}")
    assert found.malformed == ""
    assert found.calls == tuple(calls)
