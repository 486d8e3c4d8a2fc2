"""Every command that any advice names, on every kind of task, is taken by the real command line."""

import json
import shlex
from dataclasses import replace
from functools import lru_cache

import pytest
from diagnoses import HEALTHY, SICK, sick

from secondthought import tasks
from secondthought.cli import main
from secondthought.cli.commands import diagnose as diagnosing
from secondthought.preflight.diagnose import Subject, advise, undecided
from secondthought.preflight.diagnose.sample_rules import TRAIN_NOW
from secondthought.tasks import TASKS
from secondthought.tasks.function_calling import rows as function_rows
from secondthought.tasks.jsonl_task import JsonlTask
from secondthought.tasks.rows.row_task import RowTask

TASKS_OF_ALL_KINDS = [
    *((name, {}) for name in TASKS if not isinstance(tasks.load(name), RowTask)),
    ("countdown", {"preset": "tiny"}),
    ("arithmetic", {"max_number": 60, "operators": "+"}),
    ("function_calling", {"think": True}),
    ("questions.jsonl", {}),
    ("sayings:Silent", {}),
]
SILENT = '''
from secondthought.tasks.arithmetic import Arithmetic


class Silent(Arithmetic):
    """Sums whose answers nobody tells."""

    def gold(self, problem):
        return None
'''


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    rows = [{"question": f"What is {n} doubled?", "answer": 2 * n} for n in range(2_000)]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sayings.py").write_text(SILENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


class TakenError(Exception):
    """The command was read, and its task and problems were found."""


@pytest.fixture
def rows_read_once(monkeypatch):
    """Keep what was read of rows: every command of a test reads the same."""
    read, files = JsonlTask._read, {}

    def read_once(task):
        if task.options not in files:
            read(task)
            files[task.options] = (task._asked, task.repeated)
        task._asked, task.repeated = files[task.options]

    monkeypatch.setattr(JsonlTask, "_read", read_once)
    monkeypatch.setattr(function_rows, "read", lru_cache(function_rows.read))


@pytest.fixture
def run(workplace, rows_read_once, monkeypatch, capsys):
    """Run a command as far as it needs no model."""

    def taken(*args):
        raise TakenError

    monkeypatch.setattr(diagnosing, "load_policy", taken)

    def check(command):
        program, *words = shlex.split(command)
        assert program == "secondthought"
        if words[0] == "diagnose":
            with pytest.raises(TakenError):
                diagnosing.run(words[1:], "secondthought diagnose")
            return
        if words[0] in ("train", "eval", "failures"):
            words = [*words, "--dry-run"]
        if words[0] == "train" and words[1] != "sft":
            words = [*words, "--task.train-problems", "64"]  # the check of splits draws as many as are asked for
        if words[0] == "prime":
            words = [*words, "--count", "3"]
        if "--train.failures" in words:
            (workplace / "failures.jsonl").touch()
        assert not main(words), f"{command}: {capsys.readouterr().err}"

    return check


def given(subject):
    """Return every advice that any diagnosis of the subject may hold."""
    found = [sick(rule, subject) for rule in SICK]
    found.append(replace(HEALTHY, subject=subject))
    # Where the failed try is better out of sight, commands say so.
    found += [
        replace(one, both_ways=replace(one.both_ways, unseen=SICK["retry sees"]["both_ways"].unseen)) for one in found
    ]
    return [item for one in found for item in (*advise(one), *undecided(one))]


@pytest.mark.parametrize(("spec", "options"), TASKS_OF_ALL_KINDS, ids=str)
def test_commands_are_taken(spec, options, run, workplace):
    task = tasks.load(spec, options)
    subject = Subject.of(task, task.problems("train", 3, 0), model="small", spec=spec, options=options)
    advice = given(subject)
    assert {item.rule.name for item in advice} >= set(SICK) - {"no search"} | {TRAIN_NOW.name}
    assert ("no search" in {item.rule.name for item in advice}) == (spec == "countdown")
    for command in dict.fromkeys(command for item in advice for command in item.commands):
        run(command)
        for made in workplace.glob("*.jsonl"):
            if made.name not in ("questions.jsonl", "gold.jsonl") and "prime" not in command:
                made.unlink()


def test_every_advice_names_a_command():
    for primes in (True, False):
        for has_gold in (True, False):
            subject = Subject(model="m", task="t", primes=primes, has_gold=has_gold)
            assert all(item.commands for item in given(subject))
