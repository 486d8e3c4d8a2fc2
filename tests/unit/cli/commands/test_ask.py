"""`ask` and `calibrate` on the command line, by the script that plays Countdown."""

import json

import pytest

TINY = ("--task", "countdown", "--options.preset", "tiny")


def test_a_question_of_a_task(cli):
    found = cli("ask", "scripted", *TINY, "--problem", "1", "--tries", "4", "--json")
    assert found.object["turns"][0]["kind"] == "attempt"
    assert found.code == (0 if found.object["passed"] else 1)


def test_turns_are_shown_as_they_come(cli):
    found = cli("ask", "scripted", *TINY, "--data", '{"numbers": [2, 3, 4], "target": 9}', "--tries", "1")
    assert found.out.startswith("First try (")
    assert "the check" in found.out.splitlines()[-1]


def test_a_command_checks_and_the_answer_alone_can_be_printed(cli):
    passed = cli("ask", "scripted", "Anything.", "--command", "grep -q .", "--answer-only")
    failed = cli("ask", "scripted", "Anything.", "--command", "false", "--answer-only", "--tries", "1")
    assert (passed.code, failed.code) == (0, 1)
    assert passed.out == failed.out


def test_a_schema_and_a_test_check(cli, tmp_path):
    (tmp_path / "s.json").write_text('{"type": "array"}')
    (tmp_path / "t.py").write_text("assert double(2) == 4")
    for flag, name in (("--schema", "s.json"), ("--test", "t.py")):
        found = cli("ask", "scripted", "Write it.", flag, tmp_path / name, "--json", "--tries", "1")
        assert found.code == 1
        assert found.object["turns"][0]["verdict"].startswith("fails the check: ")


def test_a_question_from_stdin_in_chinese(cli):
    found = cli("ask", "scripted", "-", "--language", "zh", "--reflection", "gaps", "--json", stdin="为什么".encode())
    assert "逻辑漏洞" in found.object["turns"][1]["asked"]
    assert found.object["turns"][2]["asked"].startswith("现在请重新完整地回答")


def test_an_empty_stdin_is_no_question(cli):
    found = cli("ask", "scripted", "-", stdin=b"\n")
    assert found.code == 2
    assert "stdin holds no question" in found.err


def test_without_a_check_nothing_is_said_of_one(cli):
    found = cli("ask", "scripted", "Why?", "--json")
    assert "check" not in found.object["turns"][1]["asked"].lower().replace("check your", "")


def test_a_direction_is_said(cli):
    found = cli("ask", "scripted", "Why?", "--direction", "You left out the risk.", "--json")
    assert "You left out the risk." in found.object["turns"][1]["asked"]


def test_calibrate_and_ask_by_it(cli, tmp_path):
    out = tmp_path / "c.json"
    found = cli("calibrate", "scripted", *TINY, "--problems", "20", "--out", out)
    assert found.code == 0, found.err
    assert "20 problems tried twice" in found.out
    assert "On problems that it was not read off" in found.out
    again = cli("calibrate", "scripted", *TINY, "--problems", "20", "--out", out)
    assert (again.code, "exists already" in again.err) == (1, True)
    asked = cli("ask", "scripted", "Why?", "--calibration", out, "--json")
    other = cli("ask", "scripted", "Why?", "--calibration", out, "--reflection", "gaps")
    assert "made with another episode.reflection_request" in other.err
    assert asked.object["passed"] is None
    assert "Nothing checks" in asked.object["says"]
    both = cli("calibrate", "scripted", *TINY, "--problems", "20", "--out", out, "--overwrite", "--json").object
    assert both["first"]["n"] == 20
    assert json.loads(out.read_text())["about"]["task"] == "countdown"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["scripted"], "there is no question"),
        (
            ["scripted", "Why?", "--command", "true", "--task", "countdown"],
            "--command and --task both check the answer",
        ),
        (["scripted", "Why?", "--command", "no-such-program"], "there is no program 'no-such-program'"),
        (["scripted", "Why?", "--schema", "nowhere.json"], "nowhere.json"),
        (["scripted", "Why?", "--test", "nowhere.py"], "nowhere.py"),
        (["scripted", "Why?", "--data", "{}"], "--data goes with --task"),
        (["scripted", "--task", "countdown"], "takes its problem from --data or from --problem"),
        (["scripted", "--task", "countdown", "--data", "{"], "--data is no JSON"),
        (["scripted", "--task", "countdown", "--data", "[]"], "--data must be a JSON object"),
        (["scripted", "--task", "countdown", "--data", "{}"], "'numbers' is missing"),
        (["scripted", "Why?", "--calibration", "c.json", "--command", "true"], "leave out --command"),
        (["scripted", "Why?", "--calibration", "c.json"], "c.json"),
        (["scripted", "Why?", "--reflection", "direction"], "needs a direction"),
        (["scripted", "Why?", "--reflection", "gaps", "--episode.reflection-request", "x"], "both word the request"),
    ],
)
def test_what_is_wrong_is_one_sentence(cli, one_sentence, monkeypatch, tmp_path, words, says):
    monkeypatch.chdir(tmp_path)
    found = cli("ask", *words)
    assert says in one_sentence(found, found.code)
