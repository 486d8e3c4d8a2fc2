"""Rows of a file as texts to compare: whose problem they are about, and what is wrong with them."""

import json

import pytest

from secondthought import jsonl
from secondthought.errors import ConfigError, TaskError
from secondthought.habits.discovery.texts import texts_of_rows


def read(*rows, turn=None):
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return texts_of_rows(jsonl.parse(lines), "rows.jsonl", turn)


def test_a_row_is_a_text_with_its_problem():
    problem = {"numbers": [3, 4], "question": "Make 7."}
    rows = read(
        {"completion": "a", "problem": problem}, {"text": "b", "problem": problem}, {"text": "c", "problem_id": 7}
    )
    assert [row.text for row in rows] == ["a", "b", "c"]
    assert rows[0].problem == rows[1].problem != rows[2].problem
    assert rows[0].given == "Make 7."
    assert rows[2].source == "rows.jsonl, line 3"


def test_rows_without_a_problem_are_problems_of_their_own():
    assert len({row.problem for row in read({"text": "a"}, {"text": "a"}, {"text": "a"})}) == 3


def test_half_characters_are_made_whole():
    [row] = read(b'{"text": "a\\ud800", "prompt": "b\\ud800"}')
    assert (row.text, row.given) == ("a\ufffd", "b\ufffd")


def test_a_bad_row_is_named_with_its_line():
    with pytest.raises(TaskError, match=r"rows.jsonl, line 2: field 'completion' is missing.*; mend the row"):
        read({"text": "a"}, {"id": 3})


def test_kinds_of_turns_are_chosen():
    rows = [{"text": "a", "kind": "attempt"}, {"text": "b", "kind": "reflection"}, {"text": "c", "kind": "attempt"}]
    assert [row.text for row in read(*rows, turn="attempt")] == ["a", "c"]
    with pytest.raises(ConfigError, match=r"several kinds of turn \(attempt 2, reflection 1\); choose one with --turn"):
        read(*rows)
    with pytest.raises(ConfigError, match="none of its rows is of the kind 'retry'; their kinds: attempt, reflection"):
        read(*rows, turn="retry")
    with pytest.raises(ConfigError, match="leave --turn out"):
        read({"text": "a"}, turn="retry")
    assert len(read(*rows[::2])) == 2
    assert read() == []
