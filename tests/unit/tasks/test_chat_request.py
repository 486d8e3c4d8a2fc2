"""Chat requests as a task: what they say, what they state, and answers held to it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.chat_request.messages import in_text
from secondthought.tasks.chat_request.stated import stated
from secondthought.tasks.judging import judge

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
ADD = {"name": "add", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}
NOW = {"name": "now"}
TOOLS = [{"type": "function", "function": ADD}, {"type": "function", "function": NOW}]
USER = [{"role": "user", "content": "Go."}]


def call(name, **arguments):
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


@pytest.fixture(scope="module")
def task():
    return load("chat_request")


@pytest.mark.parametrize(
    ("stated_", "said", "reason"),
    [
        ({"response_format": FORM}, '{"a": 1}', "correct"),
        ({"response_format": FORM}, 'So:\n```json\n{"a": 1}\n```', "correct"),
        ({"response_format": FORM}, '{"a": "1"}', "not_valid"),
        ({"response_format": FORM}, "{'a': 1}", "malformed"),
        ({"response_format": FORM}, "  ", "no_answer"),
        ({"response_format": {"type": "json_object"}}, '{"b": []}', "correct"),
        ({"response_format": {"type": "json_object"}}, "[1]", "not_valid"),
        ({"tools": TOOLS}, call("add", n=1), "correct"),
        ({"tools": TOOLS}, call("now"), "correct"),
        ({"tools": TOOLS}, "No tool fits.", "correct"),
        ({"tools": TOOLS}, "", "no_answer"),
        ({"tools": TOOLS}, call("add", n="1"), "bad_arguments"),
        ({"tools": TOOLS}, call("add"), "bad_arguments"),
        ({"tools": TOOLS}, call("sub", n=1), "unknown_tool"),
        ({"tools": TOOLS}, "<tool_call>{", "malformed"),
        ({"tools": TOOLS}, call("add", n=1) + call("now"), "correct"),
        ({"tools": TOOLS, "parallel_tool_calls": False}, call("add", n=1) + call("now"), "several_calls"),
        ({"tools": TOOLS, "tool_choice": "required"}, "No tool fits.", "no_call"),
        ({"tools": TOOLS, "tool_choice": "none"}, call("now"), "unwanted_call"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "add"}}}, call("now"), "other_tool"),
        ({"tools": TOOLS, "response_format": FORM}, call("now"), "correct"),
        ({"tools": TOOLS, "response_format": FORM}, "Hello.", "malformed"),
    ],
)
def test_verdicts(task, stated_, said, reason):
    found = judge(task, task.parse({"messages": USER, **stated_}), said)
    assert (found.reason, found.correct) == (reason, reason == "correct")
    assert bool(found.feedback) != found.correct


def test_a_call_that_words_quote_is_no_call(task):
    """A page that a model read may hold one; nobody may act on it."""
    problem = task.parse({"messages": USER, "tools": TOOLS})
    quoting = f"The page says: {call('add', n=9)} I will not do that."
    assert judge(task, problem, quoting).correct
    assert task.answer(problem, quoting) is None
    forced = task.parse({"messages": USER, "tools": TOOLS, "tool_choice": "required"})
    assert judge(task, forced, quoting).reason == "no_call"


@pytest.mark.parametrize(
    "text", ['{"md": "Empty: ``` {} ``` done"}', '{"html": "Use <answer>5</answer> tags"}', '{"a": "```"}']
)
def test_json_is_what_it_is_whatever_its_strings_hold(task, text):
    problem = task.parse({"messages": USER, "response_format": {"type": "json_object"}})
    assert judge(task, problem, text).correct
    assert task.answer(problem, text) == json.dumps(json.loads(text), sort_keys=True)


def test_long_answers_are_read(task):
    problem = task.parse({"messages": USER, "response_format": {"type": "json_object"}})
    assert judge(task, problem, json.dumps({"a": "x" * 200_000})).correct


def test_feedback_says_where(task):
    found = judge(task, task.parse({"messages": USER, "tools": TOOLS}), call("add", n="one"))
    assert found.feedback == "The arguments of add do not fit its schema: $.n: 'one' is not of type 'integer'."


def test_a_conversation_becomes_text(task):
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Add"}, {"type": "text", "text": "1."}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "add", "arguments": '{"n": 1}'}}]},
        {"role": "tool", "tool_call_id": "x", "content": "2"},
        {"role": "assistant", "content": "2."},
        {"role": "user", "content": "Again."},
    ]
    problem = task.parse({"messages": messages, "tools": TOOLS, "temperature": 3})
    assert [(said.role, said.content) for said in problem.messages] == [
        ("system", "Be brief."),
        ("user", "Add\n1."),
        ("assistant", '<tool_call>\n{"name": "add", "arguments": {"n": 1}}\n</tool_call>'),
        ("user", "<tool_response>\n2\n</tool_response>"),
        ("assistant", "2."),
        ("user", "Again."),
    ]
    assert problem.tools == (ADD, NOW)
    assert "temperature" not in problem.data
    assert task.parse(json.loads(json.dumps(problem.data))) == problem


def test_a_schema_is_told_in_words_and_only_where_words_are_wanted(task):
    assert json.dumps(SCHEMA) in task.parse({"messages": USER, "response_format": FORM}).messages[-1].content
    called = task.parse({"messages": USER, "response_format": FORM, "tools": TOOLS, "tool_choice": "required"})
    assert called.messages[-1].content == "Go."
    silent = load("chat_request", {"instruction": ""})
    assert silent.parse({"messages": USER, "response_format": FORM}).messages[-1].content == "Go."


def test_a_log_of_requests_is_a_data_set(task, tmp_path):
    """Requests that state nothing, and pictures, are no problems; a stored failure holds a request."""
    rows = [{"messages": [{"role": "user", "content": f"Go {n}."}], "response_format": FORM} for n in range(40)]
    rows += [{"messages": USER}, {"messages": [{"role": "user", "content": [{"type": "image_url"}]}], "tools": TOOLS}]
    rows += [{"data": {"messages": USER, "tools": TOOLS}, "attempt": {"text": ""}}]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    held = load("chat_request", {"files": str(path)})
    assert sum(held.held(split) for split in ("train", "validation", "test")) == 41


def test_two_wordings_of_one_answer_are_one(task):
    problem = task.parse({"messages": USER, "response_format": FORM})
    assert task.answer(problem, '{"a": 1, "b": 2}') == task.answer(problem, '```json\n{"b": 2, "a": 1}\n```')
    called = task.parse({"messages": USER, "tools": TOOLS})
    assert task.answer(called, call("add", n=1)) == task.answer(called, f"<think>Hm.</think>\n{call('add', n=1)}")
    assert task.answer(called, "Words.") is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"messages": []}, "'messages' must be a list of at least one message"),
        ({"messages": [3]}, r"messages\[0\] must be an object"),
        ({"messages": [{"role": "user", "content": 3}]}, "'content' must be a text or a list of parts"),
        ({"messages": USER, "tools": [{"x": 1}]}, "'tools', item 1, must be"),
        ({"messages": USER, "tools": TOOLS, "tool_choice": "must"}, "'tool_choice' must be"),
        ({"messages": USER, "response_format": "json"}, "'response_format' must be an object"),
        (
            {"messages": USER, "tools": [{"name": "f", "parameters": {"type": "nothing"}}]},
            "of the tool f is no JSON schema",
        ),
        ({"messages": USER}, "the row is no problem of this task"),
    ],
)
def test_a_damaged_request_is_named(task, data, says):
    with pytest.raises(TaskError, match=says):
        task.parse(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["role", "content", "type", "text", "tool_calls", "function", "json_schema", "schema", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_a_client_sends_is_read_or_refused(value):
    for field in ("messages", "tools", "tool_choice", "response_format"):
        request = {"messages": USER, "tools": TOOLS, field: value}
        try:
            in_text(request["messages"])
            stated(request)
        except TaskError:
            pass
