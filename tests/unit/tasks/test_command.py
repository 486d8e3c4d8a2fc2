"""A command as a check: what it reads, what its exit code says, and commands that misbehave."""

import sys
import time

import pytest

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.judging import judge


def verdict(code, text, row=None, **options):
    task = load("command", None) if code is None else load(f'command:{sys.executable} -c "{code}"', options)
    return judge(task, task.parse(row or {"question": "Go."}), text)


def test_the_exit_code_judges_and_what_is_printed_is_the_feedback():
    code = "import sys; text = sys.stdin.read(); print('Say yes.'); sys.exit(text != 'yes')"
    assert verdict(code, "yes").correct
    found = verdict(code, "no")
    assert (found.correct, found.reason, found.feedback) == (False, "refused", "Say yes.")


def test_a_silent_command_is_told_by_its_code():
    assert verdict("import sys; sys.exit(3)", "x").feedback == "The check ended with exit code 3."


def test_the_row_is_in_the_environment():
    code = (
        "import json, os, sys; sys.exit(json.loads(os.environ['SECONDTHOUGHT_PROBLEM'])['answer'] != sys.stdin.read())"
    )
    assert verdict(code, "4", {"question": "2 + 2?", "answer": "4"}).correct
    assert not verdict(code, "5", {"question": "2 + 2?", "answer": "4"}).correct


def test_keys_are_kept_from_it(monkeypatch):
    monkeypatch.setenv("UPSTREAM_API_KEY", "secret")
    found = verdict("import os, sys; print(sorted(os.environ)); sys.exit(1)", "x")
    assert "UPSTREAM_API_KEY" not in found.feedback
    assert "PATH" in found.feedback


def test_a_row_that_no_environment_holds_is_refused():
    with pytest.raises(TaskError, match="longer than"):
        load("command:true").parse({"question": "x" * 200_000})


def test_a_slow_command_is_ended_with_all_that_it_began(tmp_path):
    mark = tmp_path / "alive"
    child = f"import time; time.sleep(1.5); open('{mark}', 'w')"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', \\\"{child}\\\"]); time.sleep(60)"
    begun = time.monotonic()
    found = verdict(code, "x", seconds=0.5)
    assert (found.reason, time.monotonic() - begun < 5) == ("too_slow", True)
    time.sleep(1.6)
    assert not mark.exists()


def test_endless_words_are_cut():
    found = verdict("import sys; [sys.stdout.write('word ' * 1000) for _ in range(1000)]; sys.exit(1)", "x")
    assert len(found.feedback) <= 2000


def test_the_text_is_data():
    """What a model writes is on stdin; neither a shell nor the arguments see it."""
    assert verdict("import sys; sys.exit(sys.stdin.read() != '; rm -rf / $(x)')", "; rm -rf / $(x)").correct


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("command:no-such-program -q", "there is no program 'no-such-program'"),
        ("command:grep 'open", "No closing quotation"),
        ("command:", "there is no program ''"),
    ],
)
def test_a_wrong_command_is_told_before_the_work(name, says):
    with pytest.raises(TaskError, match=says):
        load(name)


def test_a_plus_makes_no_mixture_of_a_command():
    assert load("command:grep -c a+b").name == "command"
