"""JSON by schema: where the JSON is read, what makes it right, and schemas that would hold the check up."""

from __future__ import annotations

import json
import time

import pytest

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.checks import run_checks

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
ROW = {"question": "Ann is 30.", "schema": SCHEMA, "answer": {"name": "Ann", "age": 30}}
RIGHT = '{"name": "Ann", "age": 30}'


@pytest.fixture(scope="module")
def task():
    return load("json_schema")


REFERRING = {
    "leads nowhere": [
        {"$ref": "#/$defs/absent"},
        {"type": "object", "properties": {"a": {"items": {"$ref": "https://example.com/elsewhere"}}}},
        {"$defs": {"a": {"anyOf": [{"$ref": "b.json"}]}}},
    ],
    "without end": [{"$ref": "#"}, {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}],
}


@pytest.mark.parametrize(("said", "schema"), [(said, one) for said, each in REFERRING.items() for one in each])
def test_a_schema_that_cannot_judge_is_none(task, said, schema):
    with pytest.raises(TaskError, match=said):
        task.parse({"question": "?", "schema": schema})


def test_references_within_a_schema_are_followed(task):
    schema = {
        "$defs": {
            "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "integer"}}}
        },
        "$ref": "#/$defs/node",
    }
    inner = {
        "$id": "https://example.com/list",
        "type": "array",
        "items": {"$ref": "#/$defs/n"},
        "$defs": {"n": {"type": "null"}},
    }
    problem = task.parse(
        {"question": "?", "schema": {"properties": {"a": schema, "b": inner}} | {"$defs": schema["$defs"]}}
    )
    assert task.verify(problem, '{"a": {"next": {"v": 1}}, "b": [null]}').correct
    assert not task.verify(problem, '{"a": {"next": {"v": "one"}}}').correct
    assert not task.verify(problem, '{"b": [1]}').correct


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (RIGHT, "correct"),
        (f"\n {RIGHT}\n", "correct"),
        (f"Here:\n```json\n{RIGHT}\n```\nDone.", "correct"),
        (f"```\n1\n``` or ```json\n{RIGHT}```", "correct"),
        (f"so <answer>{RIGHT}</answer>", "correct"),
        ('{"name": "Bob", "age": 3e1}', "correct"),
        ('{"name": "Ann", "age": -1}', "not_valid"),
        ('{"name": "Ann", "age": true}', "not_valid"),
        ('{"name": "Ann"}', "not_valid"),
        ('{"name": "Ann", "age": 30, "x": 1}', "not_valid"),
        ("30", "not_valid"),
        (f"Here: {RIGHT}", "malformed"),
        (f"{RIGHT} {RIGHT}", "malformed"),
        ('{"name": "Ann", "name": "Ann", "age": 30}', "malformed"),
        ('{"name": "Ann", "age": NaN}', "malformed"),
        ("[" * 10_000, "malformed"),
        ("1" * 30_000, "malformed"),
        ("", "no_answer"),
        ("<answer> </answer>", "no_answer"),
    ],
)
def test_reasons(task, said, reason):
    verdict = task.verify(task.parse(ROW), said)
    assert (verdict.reason, verdict.correct, verdict.well_formed) == (
        reason,
        reason == "correct",
        reason in ("correct", "not_valid"),
    )
    assert bool(verdict.feedback) == (reason != "correct")


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ('{"age": 30.0, "name": "Ann"}', True),
        ('{"age": 31, "name": "Ann"}', False),
        ('{"age": 30, "name": "ann"}', False),
    ],
)
def test_the_value_itself_may_be_wanted(said, right):
    task = load("json_schema", {"match": "equal"})
    assert task.verify(task.parse(ROW), said).correct is right
    with pytest.raises(TaskError, match="'answer' is missing"):
        task.parse({"question": "q", "schema": SCHEMA})


def test_the_fault_is_told_with_its_place_and_without_the_answer(task):
    said = task.verify(task.parse(ROW), '{"name": "Ann", "age": "30"}').feedback
    assert said == "The JSON does not fit the schema: $.age: '30' is not of type 'integer'."


def test_a_pattern_that_never_ends_ends_the_check_and_not_the_program(task):
    schema = {"type": "string", "pattern": "^(a+)+$"}
    problem = task.parse({"question": "q", "schema": schema})
    began = time.monotonic()
    verdict = task.verify(problem, json.dumps("a" * 60 + "b"))
    assert (verdict.reason, verdict.correct) == ("not_valid", False)
    assert "cannot be validated" in verdict.feedback
    assert time.monotonic() - began < 30
    assert task.verify(problem, json.dumps("aaa")).correct


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROW, "schema": {"type": "number-ish"}}, "'schema' is no JSON schema"),
        ({**ROW, "schema": "{"}, "'schema' must be JSON"),
        ({**ROW, "answer": {"name": 3, "age": 3}}, "'answer' does not fit the schema"),
        ({**ROW, "schema": {"$ref": "https://example.com/s"}}, "leads nowhere"),
        ({"question": "q"}, "field 'schema' is missing"),
        ({"schema": SCHEMA}, "field 'question' is missing"),
    ],
)
def test_damaged_rows_are_told(task, row, said):
    with pytest.raises(TaskError, match=said):
        task.parse(row)


@pytest.mark.parametrize("match", ["schema", "equal"])
def test_all_checks_pass(match, tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{**ROW, "question": f"Ann is {n}.", "answer": {"name": "Ann", "age": n}} for n in range(60)]
    path.write_text("\n".join(json.dumps({**row, "schema": json.dumps(SCHEMA)}) for row in rows))
    found = run_checks(lambda: load("json_schema", {"files": [str(path)], "match": match}), 5)
    wanted = {} if match == "equal" else {"rewards"}  # any fitting value is right, another problem's too
    assert {item.check for item in found if item.status != "passed"} <= set(wanted), found
