"""Help: what is needed first, within any width, and one section where one is named."""

import re

import pytest

from secondthought.cli.command_table import COMMANDS


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["", "eval", "train reflect-retry", "prime", "habits"])
def test_help_fits_the_terminal(cli, monkeypatch, name, width):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = cli(*name.split(), "--help").out.splitlines()
    long = [line for line in lines if len(line) > width]
    assert [line for line in long if " " in line.strip()] == [], "only a word that has no end may be longer"


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("train grpo", ["--task.name", "--task.options"]),
        ("eval", ["--task"]),
        ("diagnose", ["--task"]),
        ("failures", ["--task"]),
        ("organism check", ["--task"]),
    ],
)
def test_task_and_model_stand_first(cli, name, first):
    found = re.findall(r"^  (--[a-z.-]+[a-z])", cli(*name.split(), "--help").out, re.MULTILINE)
    assert found[: len(first)] == first
    if name.startswith("train"):
        assert found.index("--model.path") < found.index("--seed")


@pytest.mark.parametrize(
    ("name", "usage", "required"),
    [
        ("failures", "PATH --out PATH [OPTIONS]", ["PATH", "--out PATH"]),
        ("eval", "MODELS... [OPTIONS]", ["MODELS"]),
        ("diagnose", "PATH [OPTIONS]", ["PATH"]),
        ("report", "RUNS... [OPTIONS]", ["RUNS"]),
        ("train grpo", "[CONFIG] [OPTIONS]", []),
        ("score", "TASK [FILE] [OPTIONS]", ["TASK"]),
        ("prime", "ARM OUT [OPTIONS]", ["ARM", "OUT"]),
    ],
)
def test_words_that_are_needed_are_marked_so(cli, name, usage, required):
    page = cli(*name.split(), "--help").out
    assert page.startswith(f"usage: secondthought {name} {usage}\n")
    options = re.split(r"\n(?=  \S)", page)
    marked = [re.match(r" *(.+?)(?:  |\n|$)", item)[1] for item in options if "(required)" in item]
    assert marked == required


def test_one_section_is_shown_where_it_is_named(cli, one_sentence):
    whole, one = cli("train", "grpo", "--help").out, cli("train", "grpo", "--help", "optim").out
    assert one in whole
    assert set(re.findall(r"--[a-z.-]+[a-z]", one)) >= {"--optim.lr", "--optim.betas"}
    assert "--train.steps" not in one
    assert "--model.lora.rank" in cli("train", "grpo", "--help", "model").out
    assert "did you mean 'optim'" in one_sentence(cli("train", "grpo", "--help", "optm"), 2)
    assert cli("tasks", "list", "--help", "x").code == 0


def test_defaults_are_said_where_they_say_something(cli):
    page = cli("eval", "--help").out
    assert "None" not in page
    assert "False" not in page
    assert re.search(r"--seed INT .*\n? .*\(default: 0\)", page)
    assert re.search(r"--episode\.no-repeat-task\n(?:    .*\n)*?.*\(default: on\)", page)


@pytest.mark.parametrize("words", [["help", "eval"], ["--help", "eval"], ["eval", "-h"], ["eval", "small", "--help"]])
def test_help_is_found_in_any_place(cli, words):
    assert cli(*words).out == cli("eval", "--help").out


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"]])
def test_the_version_too(cli, words):
    assert re.fullmatch(r"secondthought \d+\.\d+\.\S+\n", cli(*words).out)


def test_every_long_command_can_be_quiet(cli):
    short = {"merge", "report", "config schema", "env", "init", "habits agree", "plan", "push", "watch"} | {
        "corpora confirm"
    }
    long = [name for name in COMMANDS if name not in short and name.split()[0] not in ("tasks", "runs", "bench")]
    assert [name for name in long if "--quiet" not in cli(*name.split(), "--help").out] == []
