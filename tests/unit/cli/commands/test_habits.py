import contextlib
import csv
import io
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

import pytest
from fake_runs import write_evaluation
from hypothesis import given, settings
from hypothesis import strategies as st
from misbehaving_server import serving

from secondthought.cli.commands.habits.find import run
from secondthought.habits.patterns import PatternDetector
from secondthought.runs import RunDirectory
from secondthought.types import Thought

NAMES = ("verification", "backtracking", "subgoal_setting", "backward_chaining")
TEXT = "It is 3. Wait, that's not right. Let me check: 1 + 2 = 3."
COUNTDOWN = {"problem": {"numbers": [3, 7, 8, 24], "target": 32}}
TURNED = "8 * 3 = 24, 24 + 7 = 31. Too low. 8 * 7 = 56, 56 - 24 = 32."


def lines(*rows):
    return b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)


def test_counts_and_spans_are_those_of_the_detector(cli):
    result = cli("habits", stdin=lines({"completion": TEXT, "id": 7}, {"text": "Nothing."}))
    assert (result.code, result.err) == (0, "")
    first, second, last = result.rows
    [reading] = PatternDetector().detect([Thought(text=TEXT)])
    assert set(first) == {"index", "counts", "spans"}
    assert first["counts"] == reading.counts
    assert tuple(first["counts"]) == NAMES
    assert first["counts"]["backtracking"] == 1
    for span in first["spans"]:
        assert TEXT[span["start"] : span["end"]] == span["text"]
        assert span["behavior"] in NAMES
    assert second == {"index": 1, "counts": dict.fromkeys(NAMES, 0), "spans": []}
    summary = last["summary"]
    assert (summary["rows"], summary["errors"], summary["detector"], summary["unjudged"]) == (2, 0, "patterns", 2)
    assert summary["behaviors"]["backtracking"]["presence"] | {"low": 0, "high": 0} == {
        "estimate": 0.5, "low": 0, "high": 0, "n": 2
    }  # fmt: skip


def test_bad_rows_keep_their_index_and_the_rest_is_done(cli):
    bad = [
        (b"\xff\xfe\n", "is not UTF-8"),
        (b"[1]\n", "is not a JSON object"),
        (lines({"id": 1}), "'completion' is missing"),
        (lines({"completion": 3}), "'completion' must be a text"),
        (lines({"text": None}), "'text' must be a text"),
        (lines({"completion": TEXT, "correct": "yes"}), "'correct' must be true or false"),
        (lines({"completion": TEXT, "num_tokens": -1}), "'num_tokens' must be"),
    ]
    stdin = lines({"completion": TEXT}, b"\n", *(row for row, _ in bad), {"completion": TEXT})
    result = cli("habits", stdin=stdin)
    assert result.code == 1
    *rows, last = result.rows
    assert [row["index"] for row in rows] == list(range(len(bad) + 2))
    for row, complaint, (_, expected) in zip(rows[1:-1], result.err.splitlines(), bad, strict=True):
        assert set(row) == {"index", "error"}
        assert expected in row["error"]
        assert f"stdin, line {row['index'] + 2}: " in complaint
    assert (last["summary"]["rows"], last["summary"]["errors"], last["summary"]["texts"]) == (9, 7, 2)
    assert last["summary"]["behaviors"]["verification"]["presence"]["n"] == 2


def test_no_rows_have_no_rates_and_are_said(cli):
    result = cli("habits", stdin=b"\n")
    [last] = result.rows
    assert last["summary"]["behaviors"]["verification"]["presence"]["estimate"] is None
    assert result.err.count("\n") == 1
    assert "stdin: holds no rows" in result.err


def test_the_functional_detector_says_that_rows_lack_their_problem(cli):
    rows = lines({"completion": TURNED}, {"completion": TURNED})
    result = cli("habits", "--detector", "functional", stdin=rows)
    assert [row["counts"] for row in result.rows[:2]] == [dict.fromkeys(NAMES)] * 2
    assert 'stdin: no row has a "problem"' in result.err
    both = rows + lines({"completion": TURNED, **COUNTDOWN})
    assert cli("habits", "--detector", "functional", stdin=both).err == ""
    assert cli("habits", stdin=rows).err == ""


def test_any_text_is_read_with_code_points(cli):
    odd = "\U0001f600 \ud800 Wait, that's not right. \x00"
    result = cli("habits", stdin=lines({"completion": odd}))
    [span] = result.rows[0]["spans"]
    assert odd[span["start"] : span["end"]] == span["text"]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=30).filter(lambda raw: b"\n" not in raw), st.just(lines({"text": TEXT})[:-1]))
    )
)
def test_one_line_out_per_non_blank_line_in(raw):
    out = io.StringIO()
    with (
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(raw)))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        run([], "secondthought habits")
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [row["index"] for row in rows[:-1]] == list(range(rows[-1]["summary"]["rows"]))
    assert rows[-1]["summary"]["texts"] == sum(b"completion" in line or b"text" in line for line in raw)


def test_rows_are_answered_as_they_come():
    command = [sys.executable, "-m", "secondthought", "habits"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        for index in range(2):
            child.stdin.write(lines({"completion": TEXT}))
            child.stdin.flush()
            assert json.loads(child.stdout.readline())["index"] == index
        child.stdin.close()
        assert json.loads(child.stdout.readline())["summary"]["rows"] == 2


def test_given_right_and_wrong_by_the_rows_and_by_the_task(cli):
    right = {**COUNTDOWN, "completion": f"{TURNED} <answer>8 * 7 - 24 * (7 - 6)</answer>", "correct": True}
    rows = lines(right, {**COUNTDOWN, "completion": TEXT, "correct": False}, {**COUNTDOWN, "completion": TEXT})
    own = cli("habits", stdin=rows).rows[-1]["summary"]
    assert (own["correct"], own["wrong"], own["unjudged"]) == (1, 1, 1)
    judged = cli("habits", "--task", "countdown", stdin=rows).rows[-1]["summary"]
    assert (judged["correct"], judged["wrong"], judged["unjudged"]) == (0, 3, 0)
    assert judged["behaviors"]["backtracking"]["given_wrong"]["presence"]["n"] == 3
    result = cli("habits", "--task", "countdown", stdin=lines({"completion": TEXT}))
    assert result.code == 1
    assert "--task needs it" in result.rows[0]["error"]


def test_what_score_writes_can_be_read(cli):
    rows = lines({**COUNTDOWN, "completion": f"{TURNED} <answer>0</answer>"})
    scored = cli("score", "countdown", stdin=rows).out.encode()
    result = cli("habits", stdin=scored)
    assert result.code == 0
    assert (len(result.rows), result.rows[-1]["summary"]["wrong"]) == (2, 1)


def test_lengths_are_tokens_only_where_all_are_known(cli):
    rows = [{"completion": TEXT, "token_ids": [5] * 20}, {"completion": TEXT, "num_tokens": 30}]
    known = cli("habits", stdin=lines(*rows)).rows[-1]["summary"]
    assert known["unit"] == "tokens"
    assert known["behaviors"]["backtracking"]["per_1000_tokens"]["estimate"] == pytest.approx(1000 * 2 / 50)
    words = cli("habits", stdin=lines(*rows, {"completion": TEXT})).rows[-1]["summary"]
    assert words["unit"] == "words"
    assert words["behaviors"]["backtracking"]["per_1000_words"]["estimate"] == pytest.approx(1000 / len(TEXT.split()))


def test_functional_needs_the_problem_and_without_it_tells_nothing(cli):
    rows = lines({**COUNTDOWN, "completion": TURNED}, {"completion": TURNED})
    result = cli("habits", "--detector", "functional", stdin=rows)
    first, second, last = result.rows
    assert first["counts"]["backtracking"] == 1
    assert second["counts"] == dict.fromkeys(NAMES)
    found = last["summary"]["behaviors"]["backtracking"]
    assert (found["missing"], found["mean_count"]["estimate"]) == (1, 1.0)


def test_behaviours_of_a_users_own(cli, tmp_path):
    own = tmp_path / "doubt.toml"
    own.write_text(
        'name = "doubt"\ndefinition = "The writer is not sure."\n'
        "[[patterns]]\nliterals = ['not sure']\nmatch = '\\bnot sure\\b'\n"
    )
    result = cli("habits", "--behaviors", own, stdin=lines({"text": "I am not sure about that."}))
    assert result.rows[0]["counts"] == {"doubt": 1}
    assert list(result.rows[-1]["summary"]["behaviors"]) == ["doubt"]


def test_keep_and_limit_and_table(cli):
    rows = lines({"completion": TEXT, "id": 7, "counts": 1, "index": 9}, {"completion": TEXT}, b"broken\n")
    [row, last] = cli("habits", "--keep", "--limit", "1", stdin=rows).rows
    assert (row["id"], row["index"], row["completion"]) == (7, 0, TEXT)
    assert row["counts"]["backtracking"] == 1
    assert last["summary"]["rows"] == 1
    table = cli("habits", "--table", stdin=lines({"completion": TEXT})).out
    assert "subgoal setting" in table
    assert "{" not in table


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["missing.jsonl"], 2, "missing.jsonl: no such file"),
        (["--detector", "functional", "--behaviors", "x.toml"], 2, "functional knows its own only"),
        (["--detector", "functional", "--task", "arithmetic"], 2, "task arithmetic has none; use patterns"),
        (["--detector", "nobody"], 2, "there is no detector 'nobody'; known: functional, learned, patterns, judge, or"),
        (["--detector", "nowhere:Nobody"], 2, "module 'nowhere' cannot be imported"),
        (["--detector", "judge"], 2, "needs --judge-model"),
        (["--endpoint", "http://localhost:1"], 2, "--endpoint goes with --detector judge"),
        (["--behaviors", "nowhere.toml"], 2, "nowhere.toml: cannot be read"),
        (["--out", "x.csv"], 2, "--out has no use with a file"),
        (["."], 1, "is not a run directory"),
        ([".", "--keep"], 2, "--keep has no use with a run directory"),
        (
            ["--detector", "judge", "--judge-model", "m", "--endpoint", "http://localhost:1"],
            2,
            "give --yes, or --limit",
        ),
    ],
)
def test_misuse_is_one_sentence(cli, one_sentence, tmp_path, monkeypatch, words, code, expected):
    monkeypatch.chdir(tmp_path)
    assert expected in one_sentence(cli("habits", *words), code)


@pytest.fixture
def run_dir(tmp_path):
    def turn(kind, text, correct=None):
        verdict = None if correct is None else {"correct": correct}
        return {"kind": kind, "request": "", "text": text, "num_tokens": 20, "stop": "end", "verdict": verdict}

    def group(problem, *branches):
        retry = turn("retry", "Nothing.", True)
        tried = [{"reflection": turn("reflection", text), "tries": [retry]} for text in branches]
        history = [turn("attempt", TEXT, False)]
        return {"step": 1, "problem_id": problem, "data": COUNTDOWN["problem"], "history": history, "branches": tried}

    path = tmp_path / "runs/one"
    with RunDirectory.create(path) as run_directory:
        run_directory.write_config({})
        for step, text in ((0, "Nothing."), (10, TEXT), (20, TEXT)):
            rows = [group("a", text, "Nothing."), group("b", text, text)]
            run_directory.episodes_path(step).parent.mkdir(exist_ok=True)
            run_directory.episodes_path(step).write_bytes(lines(*rows))
        rows = [{"problem_id": name, "data": {}, "turns": [turn("attempt", TURNED, True)]} for name in "ab"]
        write_evaluation(run_directory, "after_t1.0", rows)
    return path


def test_curves_of_a_run(cli, run_dir, tmp_path):
    found = cli("habits", run_dir, "--json", "--out", tmp_path / "figure.csv").object
    places = [(point["source"], point["step"], point["turn"], point["texts"]) for point in found["points"]]
    assert places == [
        *(("episodes", step, turn, 4) for step in (0, 10, 20) for turn in ("reflection", "retry")),
        ("after_t1.0", None, "attempt", 2),
    ]
    shares = [point["behaviors"]["backtracking"]["presence"]["estimate"] for point in found["points"]]
    assert shares[:5:2] == [0.0, 0.75, 0.75]
    assert shares[1:6:2] == [0.0, 0.0, 0.0]
    assert found["points"][2]["behaviors"]["backtracking"]["presence"]["n"] == 2  # problems
    assert [(picked["turn"], picked["texts"]) for picked in found["picked"]] == [("reflection", 12), ("retry", 12)]
    with (tmp_path / "figure.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7 * 4
    [row] = [row for row in rows if (row["step"], row["turn"], row["behavior"]) == ("10", "reflection", "backtracking")]
    assert (row["presence"], row["mean_count"], row["per_1000_tokens"]) == ("0.75", "0.75", "37.5")


def test_points_stand_as_time_runs(cli, run_dir):
    with RunDirectory.resume(run_dir) as run_directory:
        rows = [{"problem_id": "a", "data": {}, "turns": [{"kind": "attempt", "text": "No."}]}]
        write_evaluation(run_directory, "before_t1.0", rows)
    found = cli("habits", run_dir, "--json").object["points"]
    sources = list(dict.fromkeys(point["source"] for point in found))
    assert sources == ["before_t1.0", "episodes", "after_t1.0"]


def test_curves_for_people_and_every_and_limit(cli, run_dir):
    out = cli("habits", run_dir, "--every", "2", "--limit", "1").out
    assert "step 20" in out
    assert "step 10" not in out
    assert "after_t1.0" in out
    assert "what the reward picks" in out
    found = cli("habits", run_dir, "--limit", "1", "--json").object
    assert {point["problems"] for point in found["points"]} == {1}


def test_functional_reads_the_problems_of_a_run(cli, run_dir):
    found = cli("habits", run_dir, "--detector", "functional", "--json").object["points"]
    assert found[0]["behaviors"]["verification"]["missing"] == 0
    assert found[-1]["behaviors"]["verification"]["missing"] == 2  # rows without a problem


def test_a_full_disk_leaves_the_figure_that_was_there(cli, run_dir, tmp_path, one_sentence, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    path = tmp_path / "figure.csv"
    path.write_text("before")
    monkeypatch.setattr("secondthought.runs.files.os.fsync", full)
    said = one_sentence(cli("habits", run_dir, "--limit", "1", "--out", path), 1)
    assert f"{path}: the disk is full" in said
    assert [item.name for item in tmp_path.glob("figure*")] == ["figure.csv"]
    assert path.read_text() == "before"


def test_a_run_that_kept_nothing(cli, tmp_path, one_sentence):
    with RunDirectory.create(tmp_path / "run") as run_directory:
        run_directory.write_config({})
    assert "keeps no episodes" in one_sentence(cli("habits", tmp_path / "run"), 1)


@pytest.fixture
def server():
    """An endpoint that finds its quote where the question is about backtracking; `asked` counts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
            with lock:
                found.append(asked)
            quotes = ["Wait, that's not right."] if "Behaviour: backtracking" in asked else []
            said = "no JSON" if "Behaviour: subgoal" in asked else json.dumps({"notes": "", "evidence": quotes})
            body = json.dumps({"choices": [{"message": {"content": said}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    found, lock = [], threading.Lock()
    web = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{web.server_port}/v1", found
    web.shutdown()
    thread.join()
    web.server_close()


def test_a_judge_says_what_it_takes_and_asks_once(cli, tmp_path, server, one_sentence):
    url, asked = server
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines({"completion": TEXT}, {"completion": " "}, b"broken\n"))
    words = ["habits", file, "--detector", "judge", "--judge-model", "m", "--endpoint", url]
    words += ["--answers", tmp_path / "answers.jsonl"]
    assert "this takes 4 requests" in one_sentence(cli(*words), 2)
    assert asked == []
    result = cli(*words, "--yes")
    assert result.code == 1
    assert len(asked) == 4
    first, blank, _, last = result.rows
    assert first["counts"] == {
        "verification": 0, "backtracking": 1, "subgoal_setting": None, "backward_chaining": 0
    }  # fmt: skip
    assert [span["text"] for span in first["spans"]] == ["Wait, that's not right."]
    assert set(blank["counts"].values()) == {0}
    assert last["summary"]["behaviors"]["subgoal_setting"]["missing"] == 1
    assert "the answer cannot be read: 1" in result.err
    assert cli(*words, "--limit", "1").rows[0] == first
    assert len(asked) == 4


def test_a_judge_that_answers_nothing_is_a_failure(cli, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines({"completion": TEXT}))
    words = ("habits", file, "--detector", "judge", "--judge-model", "m", "--yes")
    with serving(lambda messages: "no JSON") as mute:
        result = cli(*words, "--endpoint", mute.url)
    assert result.code == 1
    assert set(result.rows[0]["counts"].values()) == {None}
    assert "not one question was answered" in result.err


def test_answers_are_not_read_from_a_device(cli, tmp_path, server, one_sentence):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines({"completion": TEXT}))
    words = ("habits", file, "--detector", "judge", "--judge-model", "m", "--endpoint", server[0], "--yes")
    assert "/dev/zero" in one_sentence(cli(*words, "--answers", "/dev/zero"), 1)


def test_agreement_of_a_file_with_itself_and_with_another(cli, tmp_path):
    texts = tmp_path / "texts.jsonl"
    texts.write_bytes(lines(*([{"completion": TEXT}] * 3), {"completion": "Nothing."}))
    (tmp_path / "a.jsonl").write_text(cli("habits", texts).out)
    labels = [{"index": i, "counts": dict.fromkeys(NAMES, 0)} for i in range(2, 5)]
    (tmp_path / "b.jsonl").write_bytes(lines(*labels))
    words = ["habits", "agree", tmp_path / "a.jsonl", tmp_path / "a.jsonl", "--texts", texts, "--json"]
    same = cli(*words).object
    assert (same["rows"], same["unmatched"]) == (4, 0)
    for unit in ("per_completion", "per_span"):
        found = same[unit]["backtracking"]
        assert (found["both"], found["kappa"]["estimate"], found["f1"]["estimate"]) == (3, 1.0, 1.0)
    other = cli("habits", "agree", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--json").object
    assert (other["rows"], other["unmatched"]) == (2, 3)
    assert other["per_completion"]["backtracking"]["only_reference"] == 1
    assert other["per_completion"]["backtracking"]["recall"]["estimate"] == 0.0
    assert other["per_span"]["backtracking"]["kappa"]["estimate"] is None  # lengths are not known
    assert "backward chaining" in cli("habits", "agree", tmp_path / "a.jsonl", tmp_path / "b.jsonl").out


def test_agreement_of_rows_that_have_an_error_and_a_summary_of_their_own(cli, tmp_path):
    """Logs of requests say `"error": null` in every row; a row that `habits` could not read has no counts."""
    texts = tmp_path / "texts.jsonl"
    own = {"error": None, "summary": "short"}
    texts.write_bytes(lines({"completion": TEXT, **own}, {"completion": 3}, {"completion": "Nothing.", **own}))
    (tmp_path / "a.jsonl").write_text(cli("habits", texts, "--keep").out)
    found = cli("habits", "agree", tmp_path / "a.jsonl", tmp_path / "a.jsonl", "--json").object
    assert (found["rows"], found["unmatched"]) == (2, 0)
    assert found["per_completion"]["backtracking"]["both"] == 1


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"nonsense\n", "line 1: is not JSON"),
        (lines({"index": 0, "counts": {"a": -1}}), "line 1: is not of the form"),
        (lines({"index": 0, "counts": None}), "line 1: is not of the form"),
        (lines({"index": 0, "counts": [1]}), "line 1: is not of the form"),
        (lines({"index": 0.5, "counts": {"a": 1}}), "line 1: is not of the form"),
        (lines({"index": None, "counts": {"a": 1}}), "line 1: is not of the form"),
        (b'{"index": 1e999, "counts": {"a": 1}}\n', "line 1: is not of the form"),
        (lines({"summary": {}}), "(0 and 1 rows) have no `index` in common"),
        (lines({"index": 0, "counts": {"a": 1}}, {"index": 0, "counts": {"a": 1}}), "line 2: index 0 comes twice"),
        (lines({"index": 7, "counts": {"a": 1}}), "no `index` in common"),
        (lines({"index": 0, "counts": {"b": 1}}), "no behaviour in common"),
    ],
)
def test_labels_that_cannot_be_compared(cli, one_sentence, tmp_path, row, expected):
    (tmp_path / "a.jsonl").write_bytes(row)
    (tmp_path / "b.jsonl").write_bytes(lines({"index": 0, "counts": {"a": 1}}))
    assert expected in one_sentence(cli("habits", "agree", tmp_path / "a.jsonl", tmp_path / "b.jsonl"), 2)
