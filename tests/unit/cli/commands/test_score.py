"""The output contract of row commands."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_process import score

from secondthought.tasks import load

RIGHT = {"problem": {"numbers": [1, 2, 3], "target": 6}, "completion": "<answer>1 + 2 + 3</answer>"}
WRONG = {**RIGHT, "completion": "<answer>1 + 2 - 3</answer>"}


def lines(*rows):
    return b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)


def test_verdicts_are_those_of_the_task_and_other_fields_are_kept(cli):
    result = cli("score", "countdown", stdin=lines({**RIGHT, "id": 7, "index": 99}, WRONG))
    assert result.code == 0
    first, second, last = result.rows
    assert first == {**RIGHT, "id": 7, "index": 0, "correct": True, "reward": 1.0, "reason": "correct"}
    assert (second["index"], second["correct"], second["reward"], second["reason"]) == (1, False, 0.0, "missed_target")
    assert last == {
        "summary": {
            "rows": 2,
            "errors": 0,
            "correct": 1,
            "accuracy": 0.5,
            "mean_reward": 0.5,
            "reasons": {"correct": 1, "missed_target": 1},
        }
    }
    assert result.err == ""


def test_bad_rows_keep_their_index_and_the_rest_is_done(cli):
    bad = [
        (b"\xff\xfe\n", "is not UTF-8"),
        (b"{not json\n", "is not JSON"),
        (b"[1]\n", "is not a JSON object"),
        (lines({"problem": RIGHT["problem"]}), "'completion' is missing"),
        (lines({"completion": "x"}), "'problem' is missing"),
        (lines({**RIGHT, "completion": 3}), "'completion' must be a text"),
        (lines({**RIGHT, "problem": [1]}), "'problem' must be a JSON object"),
        (lines({**RIGHT, "problem": {"numbers": [1, 2]}}), "'target' is missing"),
        (b'{"problem": {}, "completion": "", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}\n", "nested too deeply"),
    ]
    stdin = lines(RIGHT, b"\n", *(row for row, _ in bad), b"   \n", WRONG)
    result = cli("score", "countdown", stdin=stdin)
    assert result.code == 1
    *rows, last = result.rows
    assert [row["index"] for row in rows] == list(range(len(bad) + 2))
    for row, complaint, (_, expected) in zip(rows[1:-1], result.err.splitlines(), bad, strict=True):
        assert set(row) == {"index", "error"}
        assert expected in row["error"]
        assert f"stdin, line {row['index'] + 2}: " in complaint  # one blank line before, and lines count from 1
        assert expected in complaint
    assert rows[-1]["reason"] == "missed_target"
    assert last["summary"] | {"reasons": None} == {
        "rows": len(bad) + 2,
        "errors": len(bad),
        "correct": 1,
        "accuracy": 0.5,
        "mean_reward": 0.5,
        "reasons": None,
    }


def test_no_rows_have_no_accuracy(cli):
    result = cli("score", "countdown", stdin=b"\n \n")
    assert result.code == 0
    [last] = result.rows
    assert last["summary"]["rows"] == 0
    assert last["summary"]["accuracy"] is None


def test_a_last_line_without_its_end_counts(cli):
    assert cli("score", "countdown", stdin=lines(RIGHT).rstrip()).rows[-1]["summary"]["correct"] == 1


def test_the_mark_that_some_editors_put_first_is_no_error(cli):
    result = cli("score", "countdown", stdin=b"\xef\xbb\xbf" + lines(RIGHT, RIGHT))
    assert [row.get("correct") for row in result.rows[:-1]] == [True, True]


def test_extra_fields_that_json_cannot_say_do_not_break_the_line(cli):
    row = lines(RIGHT)[:-2] + b', "a": "\\ud800", "b": NaN, "deep": ' + b"[" * 400 + b"]" * 400 + b"}\n"
    result = cli("score", "countdown", stdin=row + lines(RIGHT))
    assert len(result.rows) == 3
    assert result.rows[1]["correct"]
    first = result.rows[0]
    assert "error" in first or (first["a"], first["b"]) == ("\ud800", None)


@given(st.lists(st.one_of(st.binary(max_size=30).filter(lambda raw: b"\n" not in raw), st.just(lines(RIGHT)[:-1]))))
def test_one_line_out_per_non_blank_line_in(raw):
    rows = score(b"\n".join(raw))
    expected = [line for line in raw if not _is_blank(line)]
    assert [row["index"] for row in rows[:-1]] == list(range(len(expected)))
    assert rows[-1]["summary"]["rows"] == len(expected)
    assert rows[-1]["summary"]["correct"] == sum(line == lines(RIGHT)[:-1] for line in expected)


def _is_blank(line):
    try:
        return not line.decode().strip()
    except UnicodeDecodeError:
        return False


def test_file_and_stdin_agree(cli, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(RIGHT, WRONG))
    assert cli("score", "countdown", file).out == cli("score", "countdown", "-", stdin=file.read_bytes()).out


def test_options_reach_the_task(cli):
    boxed = lines({**RIGHT, "completion": "\\boxed{1 + 2 + 3}"})
    assert cli("score", "countdown", stdin=boxed).rows[0]["reason"] == "no_answer"
    assert cli("score", "countdown", "--options.answer-format", "boxed", stdin=boxed).rows[0]["reason"] == "correct"


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["countdown", "missing.jsonl"], 2, "missing.jsonl: no such file"),
        (["countdown", "."], 2, ".: cannot be read: Is a directory"),
        (["countdwon"], 1, "did you mean 'countdown'?"),
        (["countdown", "--options.presett", "tiny"], 1, "did you mean 'preset'?"),
        (["countdown", "--options.preset"], 2, "--options.preset needs a value"),
        (["countdown", "--jsn"], 2, "--jsn"),
        ([], 2, "TASK is missing"),
    ],
)
def test_misuse_is_one_sentence(cli, one_sentence, tmp_path, monkeypatch, words, code, expected):
    monkeypatch.chdir(tmp_path)
    assert expected in one_sentence(cli("score", *words), code)


def test_rows_are_answered_as_they_come(tmp_path):
    """Streaming: the first answer is there before the second question is asked."""
    command = [sys.executable, "-m", "secondthought", "score", "countdown"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        for row in (RIGHT, WRONG):
            child.stdin.write(lines(row))
            child.stdin.flush()
            assert json.loads(child.stdout.readline())["correct"] is (row is RIGHT)
        child.stdin.close()
        assert json.loads(child.stdout.readline())["summary"]["rows"] == 2


def test_a_reader_that_goes_away_is_no_error(process):
    rows = lines(RIGHT) * 20_000
    command = f"{sys.executable} -m secondthought score countdown | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], input=rows, capture_output=True, timeout=60, check=False)
    assert json.loads(done.stdout)["index"] == 0
    assert done.stderr == b""
    assert done.returncode == 141


def test_a_task_that_raises_makes_a_bad_row(cli, tmp_path, monkeypatch):
    (tmp_path / "faulty_task.py").write_text(
        "from secondthought.tasks.arithmetic import Arithmetic\n"
        "class Faulty(Arithmetic):\n"
        "    def verify(self, problem, text):\n"
        "        return super().verify(problem, text) if text else 1 / 0\n"
    )
    monkeypatch.chdir(tmp_path)
    problem = dict(load("arithmetic").problems("train", 1, 0)[0].data)
    rows = lines({"problem": problem, "completion": ""}, {"problem": problem, "completion": "1"})
    result = cli("score", "faulty_task:Faulty", stdin=rows)
    assert result.code == 1
    assert "ZeroDivisionError" in result.rows[0]["error"]
    assert result.rows[1]["correct"] is False
    assert str(tmp_path) not in sys.path
