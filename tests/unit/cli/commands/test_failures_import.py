"""`failures import` on the command line."""

import json
from pathlib import Path

LOG = Path(__file__).parents[2] / "bridges" / "retry_logs" / "pydantic_ai.jsonl"
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
TOOLS = {"tools": [{"name": "final_result", "parameters": SCHEMA}], "tool_choice": "required"}


def test_on_the_command_line(cli, one_sentence, tmp_path):
    stated = tmp_path / "stated.json"
    stated.write_text(json.dumps(TOOLS))
    words = ["failures", "import", LOG, "--request", stated, "--out", tmp_path / "f.jsonl"]
    found = cli(*words)
    assert "2 failures of 2 conversations" in found.out
    assert "exists already" in one_sentence(cli(*words), 1)
    assert cli(*words, "--overwrite", "--json").object["failures"] == 2
    stated.write_text('{"x": 1}')
    assert "must be an object of tools" in one_sentence(cli(*words, "--overwrite"), 2)
    assert "name at least one log" in one_sentence(cli("failures", "import", "--out", "f"), 2)
