from __future__ import annotations

import json

import pytest
from call_rows import BFCL, SEAL, SEAL_TOOL, TIME, TOOLALPACA, WEATHER, XLAM

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.checks import run_checks
from secondthought.tasks.function_calling import FunctionCalling
from secondthought.tasks.function_calling.signatures import shown, signature
from secondthought.types import SPLITS


def file_of(tmp_path, rows, name="rows.jsonl"):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def all_of(task):
    return [problem for split in SPLITS for problem in task.problems(split, task.held(split), 0)]


def numbered(row, count):
    """Return rows that ask different things."""
    field = "query" if "query" in row else "question"
    asked = [f"{n}?" if field == "query" else [[{"role": "user", "content": f"{n}?"}]] for n in range(count)]
    return [{**row, "id": f"simple_{n}", field: text} for n, text in enumerate(asked)]


def test_json_in_texts_is_the_same_problem():
    task = FunctionCalling()
    xlam = {**XLAM, "tools": json.dumps(XLAM["tools"]), "answers": json.dumps(XLAM["answers"])}
    bfcl = {key: json.dumps(value) if key != "id" else value for key, value in BFCL.items()}
    assert task.parse(xlam) == task.parse(XLAM)
    assert task.parse(bfcl) == task.parse(BFCL)


def test_openai_form_is_the_same_call():
    tools = [{"type": "function", "function": tool} for tool in XLAM["tools"]]
    call = XLAM["answers"][0]
    answers = [{"type": "function", "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])}}]
    task = FunctionCalling()
    assert task.parse({**XLAM, "tools": tools, "answers": answers}) == task.parse(XLAM)


def test_tools_are_shown_as_json_schema():
    assert shown(WEATHER, "get_weather")["parameters"] == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city."},
            "days": {"type": "integer", "description": "Days ahead.", "default": 1},
        },
        "required": ["city"],
    }
    tool = FunctionCalling().parse(BFCL).tools[0]
    properties = tool["parameters"]["properties"]
    assert tool["parameters"]["type"] == "object"
    assert properties["at"] == {"type": "array", "items": {"type": "number"}}
    assert properties["where"] == {"type": "object", "properties": {"floor": {"type": "integer"}}}
    assert properties["any"] == {}


@pytest.mark.parametrize(
    ("declared", "kind", "item"),
    [
        ("str, optional", "string", None),
        ("List[int]", "array", "integer"),
        ("list(str)", "array", "string"),
        ("Optional[List[float]]", "array", "float"),
        ("Dict[str, int]", "dict", None),
        (["integer", "null"], "integer", None),
        ("Callable[[float], float]", "any", None),
        (None, "any", None),
        ("[" * 5000, "any", None),
        ("optional[" * 300, "any", None),
    ],
)
def test_kinds_of_declared_types(declared, kind, item):
    own = signature({"name": "f", "parameters": {"x": {"type": declared}}}, "f").parameters["x"]
    assert own.kind == kind
    assert (own.item.kind if own.item else None) == item


def test_a_flat_parameter_called_type_or_properties_is_a_parameter():
    flat = {"name": "f", "parameters": {"type": {"type": "str"}, "properties": {"type": "int"}}}
    assert set(signature(flat, "f").parameters) == {"type", "properties"}


def test_system_messages_stay_and_the_instruction_follows_the_request():
    row = {**BFCL, "question": [[{"role": "system", "content": "Be kind."}, *BFCL["question"][0]]]}
    plain, thinking = FunctionCalling().parse(row), FunctionCalling(think=True).parse(row)
    assert [said.role for said in plain.messages] == ["system", "user"]
    assert plain.messages[0].content == "Be kind."
    assert plain.request.startswith(BFCL["question"][0][0]["content"])
    assert "nothing else" in plain.request
    assert "step by step" in thinking.request
    assert plain.id == thinking.id


def test_dotted_names():
    kept, changed = FunctionCalling(), FunctionCalling(dotted_names="underscore")
    assert kept.parse(BFCL).tools[0]["name"] == "weather.get"
    problem = changed.parse(BFCL)
    assert problem.tools[0]["name"] == "weather_get"
    assert '"weather_get"' in changed.gold(problem)
    assert changed.verify(problem, changed.gold(problem)).correct
    assert changed.verify(problem, kept.gold(problem)).reason == "wrong_tool"


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"text": "x"}, "a row needs the fields query, tools, answers; or question, function, ground_truth"),
        ({**XLAM, "tools": "[{"}, "'tools' is a text that is no JSON"),
        ({**XLAM, "tools": [3]}, "'tools', item 1, must be"),
        ({**XLAM, "tools": [{"name": "f", "parameters": 3}]}, "the parameters of f must be an object"),
        ({**XLAM, "answers": 3}, "'answers' must be a list of calls"),
        ({**XLAM, "answers": [{"name": "f", "arguments": [1]}]}, "the arguments of f must be an object"),
        ({**XLAM, "query": " "}, "'query' is empty"),
        ({"query": "q", "tools": []}, "field 'answers' is missing"),
        ({**BFCL, "question": [[], []]}, "'question' has 2 turns"),
        ({**BFCL, "question": [[{"role": "tool", "content": "x"}]]}, "each message of 'question' needs a role"),
        ({**BFCL, "ground_truth": [{"f": 3}]}, "each of 'ground_truth' must be"),
        ({key: BFCL[key] for key in ("question", "function")}, r"'ground_truth' is missing; write \[\] where"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_by_its_field(tmp_path, row, sentence):
    with pytest.raises(TaskError, match=sentence):
        FunctionCalling().parse(row)
    with pytest.raises(TaskError, match=f"rows.jsonl, line 1: .*{sentence}"):
        FunctionCalling(files=file_of(tmp_path, [row]))


def test_answers_in_a_file_of_their_own_are_joined_by_id(tmp_path):
    rows = numbered(BFCL, 30)
    questions = [{key: row[key] for key in ("id", "question", "function")} for row in rows]
    answers = [{"id": row["id"], "ground_truth": row["ground_truth"]} for row in rows]
    path = file_of(tmp_path, questions, "BFCL_simple.json")
    other = file_of(tmp_path, answers, "answers.json")
    listed = FunctionCalling(files=[path, other])
    (tmp_path / "possible_answer").mkdir()
    file_of(tmp_path / "possible_answer", answers, "BFCL_simple.json")
    beside = FunctionCalling(files=path)
    assert len(all_of(listed)) == 30
    assert all_of(listed) == all_of(beside)
    assert {problem.data["ground_truth"] == BFCL["ground_truth"] for problem in all_of(listed)} == {True}


def test_one_json_array_is_read_like_lines(tmp_path):
    rows = numbered(XLAM, 20)
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows, indent=1))
    assert all_of(FunctionCalling(files=path)) == all_of(FunctionCalling(files=file_of(tmp_path, rows)))
    path.write_text("[1]")
    with pytest.raises(TaskError, match=r"rows.json, row 1: is not a JSON object"):
        FunctionCalling(files=path)
    path.write_text('[{"query"')
    with pytest.raises(TaskError, match=r"rows.json: is not JSON"):
        FunctionCalling(files=path)


def test_seal_tools_requests_get_the_tools_that_they_need_and_others(tmp_path):
    catalogue = [SEAL_TOOL, *({**SEAL_TOOL, "api_name": f"other{n}"} for n in range(9))]
    nested = {**SEAL, "calling": [{"api": "getSongs", "parameters": {"genre": "API_call_0"}}]}
    files = [file_of(tmp_path, [SEAL, nested], "dev.jsonl"), file_of(tmp_path, catalogue, "tool.jsonl")]
    task = FunctionCalling(files=files, distractors=4)
    (problem,) = all_of(task)
    assert task.left_out == 1
    assert "getSongs" in [tool["name"] for tool in problem.tools]
    assert len(problem.tools) == 5
    assert task.verify(problem, task.gold(problem)).correct
    with pytest.raises(TaskError, match=r"the tool 'getSongs' is in none of the files; add Seal-Tools' tool.jsonl"):
        FunctionCalling(files=files[0])


def test_toolalpaca_requests_are_rows_of_their_own(tmp_path):
    task = FunctionCalling(files=file_of(tmp_path, [TOOLALPACA]))
    (problem,) = all_of(task)
    assert task.left_out == 2
    assert problem.tools[0]["parameters"]["required"] == ["country"]
    assert problem.tools[0]["parameters"]["properties"]["day"] == {"type": "integer", "description": "The day."}
    assert task.verify(problem, task.gold(problem)).correct


def test_rows_may_keep_their_own_split(tmp_path):
    rows = [{**row, "split": "test" if n < 5 else "train"} for n, row in enumerate(numbered(XLAM, 20))]
    task = FunctionCalling(files=file_of(tmp_path, rows), splits="rows")
    assert (task.held("train"), task.held("validation"), task.held("test")) == (15, 0, 5)
    with pytest.raises(TaskError, match="the field 'split' must be one of train, validation, test"):
        FunctionCalling(files=file_of(tmp_path, [XLAM]), splits="rows")


def test_the_same_request_is_in_one_split_whatever_its_tools(tmp_path):
    rows = [
        {**row, "tools": tools} for row in numbered(XLAM, 60) for tools in ([WEATHER], [WEATHER, TIME], [TIME, WEATHER])
    ]
    task = FunctionCalling(files=file_of(tmp_path, [*rows, *rows]))
    assert task.repeated == 180
    asked = [{problem.request for problem in task.problems(split, task.held(split), 0)} for split in SPLITS]
    assert sum(map(len, asked)) == 60


def test_splits_do_not_change_when_the_file_does(tmp_path):
    rows = numbered(XLAM, 100)
    small = FunctionCalling(files=file_of(tmp_path, rows[:50], "a.jsonl"))
    large = FunctionCalling(files=file_of(tmp_path, rows[::-1], "b.jsonl"))
    held = {problem.id: split for split in SPLITS for problem in large.problems(split, large.held(split), 0)}
    for split in SPLITS:
        assert all(held[problem.id] == split for problem in small.problems(split, small.held(split), 0))


@pytest.mark.parametrize("row", [XLAM, BFCL, {**XLAM, "answers": []}], ids=["xlam", "bfcl", "none wanted"])
def test_files_of_every_shape_pass_the_checks(tmp_path, row):
    path = file_of(tmp_path, numbered(row, 120))
    results = run_checks(lambda: load("function_calling", {"files": path}), 10)
    assert not [result for result in results if result.status == "failed"], results


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(TaskError, match=r"none\.jsonl: cannot be read"):
        FunctionCalling(files=tmp_path / "none.jsonl")
    with pytest.raises(TaskError, match="no row holds a request"):
        FunctionCalling(files=file_of(tmp_path, []))
