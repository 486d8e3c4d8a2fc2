"""Tables for people: as wide as the terminal, and lists of lines where it is too narrow for one."""

import json
import re
from pathlib import Path

import pytest

RUNS = Path(__file__).parents[2] / "golden/earlier"
RIGHT = {"problem": {"numbers": [1, 2, 3], "target": 6}, "completion": "I think.\n<answer>1 + 2 + 3</answer>"}
WRONG = {**RIGHT, "completion": "Let me check this. <answer>1 + 2 - 3</answer>"}
ROWS = "".join(json.dumps(row) + "\n" for row in [RIGHT, WRONG, WRONG] * 10).encode()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("words", [["score", "countdown"], ["habits"], ["tasks", "list"], ["runs", "list"]])
def test_nothing_is_wider_than_the_terminal(on_terminal, words, width):
    result = on_terminal(width, *words, *([RUNS] if words[0] == "runs" else []), stdin=ROWS)
    assert result.code == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", result.out).splitlines()
    assert max(map(len, lines)) <= width
    assert "{" not in "".join(lines)


@pytest.mark.parametrize("width", [60, 120])
def test_score_shows_people_the_first_rows_and_the_totals(on_terminal, width):
    said = " ".join(on_terminal(width, "score", "countdown", stdin=ROWS).out.split())
    assert "the first 20 of 30 rows; --json writes all" in said
    assert "33.3 [19.2, 51.2]" in said
    assert "missed_target" in said
    assert "<answer>1 + 2 - 3</answer>" in said


def test_habits_shows_people_the_rates(on_terminal):
    said = on_terminal(60, "habits", stdin=ROWS).out
    assert "verification\n  presence, percent: 66.7 [48.8, 80.8]" in said


@pytest.mark.parametrize("words", [["score", "countdown"], ["habits"]])
def test_json_and_pipes_get_lines(cli, on_terminal, words):
    piped = cli(*words, stdin=ROWS).rows
    assert len(piped) == 31
    assert piped[-1].keys() == {"summary"}
    assert on_terminal(80, *words, "--json", stdin=ROWS).rows == piped
    assert cli(*words, "--json", stdin=ROWS).rows == piped


def test_bad_rows_are_named_in_tables_too(on_terminal):
    result = on_terminal(120, "score", "countdown", stdin=ROWS + b"{broken\n")
    assert result.code == 1
    assert "line 31: is not JSON" in result.err
    assert "not judged" in result.out


def test_a_run_shows_what_it_was_what_it_took_and_where_its_checkpoints_are(cli):
    shown = cli("runs", "show", RUNS / "interrupted").out
    assert re.search(r"reflect-retry on lucky_task:Lucky, model model, seed 0; interrupted after 4 steps", shown)
    assert "goes on with --resume" in shown
    assert re.search(r"tokens sampled +\S +266", shown)
    assert re.search(r"last checkpoint +\S +step 3: \S+step_000003", shown)
    assert re.search(r"first try, temperature 1.0 +\S +37.5 \[", cli("runs", "show", RUNS / "whole").out)
