"""Rows of any shape are judged by `secondthought score function_calling FILE`, without an option."""

from __future__ import annotations

import json

from call_rows import BFCL, XLAM

from secondthought.cli import main

RIGHT = '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}</tool_call>'
BFCL_RIGHT = '[weather.get(city="oslo", at=(3, 4.5), where={"floor": 2})]'
IN_TEXTS = {**XLAM, "tools": json.dumps(XLAM["tools"]), "answers": json.dumps(XLAM["answers"])}
NO_ID = {key: BFCL[key] for key in ("question", "function", "ground_truth")}


def score(tmp_path, capsys, rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"problem": row, "completion": said}) + "\n" for row, said in rows))
    assert main(["score", "function_calling", str(path)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"completion"' in line]


def test_both_shapes_are_scored(tmp_path, capsys):
    found = score(
        tmp_path,
        capsys,
        [
            (XLAM, RIGHT),
            (IN_TEXTS, RIGHT),
            (NO_ID, BFCL_RIGHT),
            (XLAM, RIGHT.replace('"days": 3', '"days": 3.0')),
            (XLAM, RIGHT.replace("days", "day")),
            (NO_ID, "I do not know."),
            ({**NO_ID, "ground_truth": []}, "I do not know."),
        ],
    )
    assert [row["reason"] for row in found] == [
        "correct",
        "correct",
        "correct",
        "wrong_parameter_values",
        "wrong_parameter_names",
        "no_call",
        "correct",
    ]
    assert found[4]["feedback"] == "`get_weather` has no argument 'day'."
