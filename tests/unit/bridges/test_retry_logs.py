"""Logs of instructor 1.17 and pydantic-ai 2.38, as they wrote them of a scripted server."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.bridges.retry_logs import instructor, pydantic_ai
from secondthought.bridges.retry_logs.conversations import sent_back
from secondthought.bridges.retry_logs.failures import imported, write
from secondthought.errors import RunError
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout import failure_file
from secondthought.tasks import load

HERE = Path(__file__).parent / "retry_logs"
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
FORM = {"response_format": {"type": "json_schema", "json_schema": {"name": "Person", "schema": SCHEMA}}}
TOOLS = {"tools": [{"name": "final_result", "parameters": SCHEMA}], "tool_choice": "required"}


def test_instructor():
    """Three modes: a tool, JSON with a schema in words, and a schema that the API has; the third fails an own rule."""
    found = imported([HERE / "instructor.jsonl"], {})
    [row] = found.rows
    assert (
        row["attempt"]["text"]
        == '<tool_call>\n{"name": "Person", "arguments": {"name": "Ann", "age": "old"}}\n</tool_call>'
    )
    assert row["attempt"]["reason"] == "bad_arguments"
    assert row["provenance"]["told"].startswith("1 validation error for Person\nage")
    assert "Recall" not in row["provenance"]["told"]
    assert found.repeated == 1, "the third request holds the first failure again"
    assert found.unstated == 2, "{} is JSON, which is all that JSON mode states, and a validator says no schema"
    assert found.conversations == len((HERE / "instructor.jsonl").read_text().splitlines())


def test_what_a_log_says_too_little_of_can_be_given():
    found = imported([HERE / "instructor.jsonl"], FORM)
    assert '{"name": "Ann"}' in [row["attempt"]["text"] for row in found.rows]


def test_pydantic_ai():
    found = imported([HERE / "pydantic_ai.jsonl"], {**TOOLS})
    assert [row["attempt"]["reason"] for row in found.rows] == ["bad_arguments", "unknown_tool"]
    first = found.rows[0]
    assert first["data"]["messages"] == [
        {"role": "system", "content": "Read."},
        {"role": "user", "content": "Ann is 30."},
    ]
    assert first["provenance"]["told"].startswith("age: Input should be a valid integer")
    assert len(first["after"]) == 4, "the error, a retry with another error, that error, and the try that passed"
    native = imported([HERE / "pydantic_ai.jsonl"], FORM)
    assert '{"name": "Ann"}' in [row["attempt"]["text"] for row in native.rows]


def test_newer_histories_of_pydantic_ai_tell_retries_otherwise():
    """Since 2.68 a retry is a tool's return whose outcome says so, or feedback."""

    def history(retry, answer):
        return [
            {
                "kind": "request",
                "instructions": "Be brief.",
                "parts": [{"part_kind": "user-prompt", "content": ["Hi", {"kind": "image-url"}]}],
            },
            {"kind": "response", "parts": [answer]},
            {"kind": "request", "parts": [retry]},
            {"kind": "response", "parts": [{"part_kind": "text", "content": "fine"}]},
        ]

    call = {"part_kind": "tool-call", "tool_name": "f", "args": {"a": 1}}
    for retry in (
        {"part_kind": "tool-return", "outcome": "retried", "content": "no"},
        {"part_kind": "retry-feedback", "content": "no"},
    ):
        [item] = sent_back(pydantic_ai.messages_of(history(retry, call)), pydantic_ai.told)
        assert item.told == "no"
        assert item.before[0] == {"role": "system", "content": "Be brief."}
        assert item.before[1]["content"] == [{"type": "text", "text": "Hi"}, {"type": "image-url"}]
    kept = {"part_kind": "tool-return", "outcome": "success", "content": {"x": 1}}
    assert not list(sent_back(pydantic_ai.messages_of(history(kept, call)), pydantic_ai.told))


def test_train_reads_them(tmp_path):
    write(tmp_path / "f.jsonl", imported([HERE / "instructor.jsonl", HERE / "pydantic_ai.jsonl"], TOOLS))
    failures = failure_file.read(tmp_path / "f.jsonl", load("chat_request"), ScriptedPolicy(["x"] * 9))
    assert failures
    assert all(not item.attempt.verdict.correct for item in failures)


@given(st.lists(st.sampled_from("uaef"), max_size=12))
def test_chains_are_those_of_an_obvious_walk(kinds):
    """u: a user, a: a try, e: an error told of the try before it, f: what is neither."""
    roles = {"u": "user", "a": "assistant", "e": "user", "f": "tool"}
    messages = [{"role": roles[kind], "content": kind, "place": place} for place, kind in enumerate(kinds)]
    found = list(sent_back(messages, lambda message: "wrong" if message["content"] == "e" else None))
    failed = [k for k in range(len(kinds)) if kinds[k] == "a" and kinds[k + 1 : k + 2] == ["e"]]
    ends = {}
    for k in failed:
        after = k + 1
        while kinds[after : after + 1] == ["e"]:
            after += 1
        ends[k] = after
    firsts = [k for k in failed if k not in ends.values()]
    assert [item.attempt["place"] for item in found] == firsts
    for item in found:
        place = item.attempt["place"]
        assert item.before == messages[:place]
        assert [said["place"] for said in item.after] == list(range(place + 1, place + 1 + len(item.after)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1: is not JSON"),
        ('{"x": 1}', "is neither a request with 'messages'"),
        ("[1, 2]", "item 1: is neither"),
        ('{"messages": []}\n3', "line 2: is neither"),
        (None, "No such file"),
    ],
)
def test_a_damaged_log_is_named(tmp_path, text, says):
    path = tmp_path / "log.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RunError, match=says):
        imported([path], {})


@given(
    st.recursive(
        st.none() | st.text(max_size=4) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["role", "content", "parts", "part_kind", "kind", "messages", "tool_calls", "args"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=15,
    )
)
def test_whatever_a_log_holds_is_read_or_refused(tmp_path, value):
    path = tmp_path / "log.json"
    path.write_text(json.dumps([value]))
    with contextlib.suppress(RunError):
        imported([path], FORM)


def test_what_instructor_says_of_failures():
    assert (
        instructor.told(
            {"role": "user", "content": "Recall the function correctly, fix the errors, exceptions found\nx"}
        )
        == "x"
    )
    assert instructor.told({"role": "assistant", "content": "Validation Error found:\nx"}) is None
    assert instructor.told({"role": "user", "content": "Hello."}) is None
