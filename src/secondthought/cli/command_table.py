"""The table of commands gives each its words, its module and one line of help; nothing is imported before it is run."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from secondthought.config.algorithms import ALGORITHMS
from secondthought.errors import ConfigError


class Command(NamedTuple):
    """A `Command` is run by `target`, `module:function` in `cli.commands`; `after_stop` says how to go on then."""

    target: str
    help: str
    after_stop: str = ""


HELP = ("-h", "--help")
_WIDEST = 110
_RESUME = "run the same command again; with --resume it goes on from the last checkpoint, if there is one"
_AGAIN = "finished jobs are kept: run the same command again to go on"

COMMANDS: dict[str, Command] = {
    "demo": Command(
        "demo:run", "train the shipped tiny model to reflect; a table before and after, and a report", _RESUME
    ),
    "init": Command("init:run", "a task class and a file of settings to start from"),
    **{f"train {name}": Command("train.rl:run", row.help, _RESUME) for name, row in ALGORITHMS.items()},
    "train sft": Command("train.sft:run", "learn from completions that are given: priming sets, traces", _RESUME),
    "train pretrain": Command("train.pretrain:run", "continue pretraining on documents, to an exact budget", _RESUME),
    "prime": Command(
        "prime:run",
        "priming sets: traces that show some habits and no others, and controls",
        after_stop="what a teacher answered is kept: the same command asks only for the rest",
    ),
    "plan": Command("plan.run:run", "memory, tokens and time of a training run, before anything starts"),
    "plan corpora": Command("plan.corpora:run", "how long it will take to measure a text collection"),
    "diagnose": Command("diagnose:run", "will this model improve under RL, and if not, what to do first?"),
    "eval": Command(
        "evaluate:run",
        "first and second try of one or more models on the same problems",
        after_stop="with --out DIR what was sampled is kept there: the same command goes on",
    ),
    "forget": Command("forget:run", "did training cost a model what it could do at other tasks?"),
    "failures": Command(
        "failures.mine:run",
        "collect failed first tries, which training reflects on",
        after_stop="what was sampled is kept beside --out: the same command goes on",
    ),
    "failures import": Command(
        "failures.from_logs:run", "failures from the logs of instructor and pydantic-ai, which sent answers back"
    ),
    "ask": Command("ask:run", "ask a question: first try, check, reflection, second try, shown as they come"),
    "serve": Command("serve:run", "an OpenAI-compatible server in front of a model: second thoughts for any client"),
    "calibrate": Command(
        "calibrate:run",
        "when can a second try be believed that nothing checks?",
        after_stop="what was sampled is kept beside --out: the same command goes on",
    ),
    "score": Command("score:run", "judge completions, one JSON line in, one out"),
    "habits": Command(
        "habits.find:run",
        "which habits texts show (verification, backtracking, ...), where and how often; over a run's steps",
        "with --detector judge, answers in --answers FILE are kept: run the same command again to go on",
    ),
    "habits agree": Command("habits.agree:run", "how far two readings of the same texts agree: kappa, precision, ..."),
    "habits learn": Command("habits.learn:run", "train the learned detector on texts that people or a judge have read"),
    "habits discover": Command(
        "habits.discover:run", "phrases and sentences whose rate changed most, named or not, without a judge"
    ),
    "corpora measure": Command(
        "corpora.measure:run",
        "how often the documents of large text collections show habits, set problems and solve them",
        after_stop="finished pieces are kept: the same command goes on",
    ),
    "corpora sample": Command(
        "corpora.sample:run", "documents of a measured corpus to be read, with and without a mark"
    ),
    "corpora confirm": Command("corpora.confirm:run", "prevalence corrected by what a judge or people say of a sample"),
    "corpora select": Command(
        "corpora.select:run",
        "a set of documents rich in habits and one without, alike in all else, to a budget of tokens",
        after_stop="finished pieces are kept: the same command goes on",
    ),
    "corpora rewrite": Command(
        "corpora.rewrite:run",
        "documents as question, thoughts and answer, with the author's habits or without them",
        after_stop="what was answered is kept: the same command goes on",
    ),
    "tasks list": Command("tasks:list_tasks", "the tasks that ship"),
    "tasks show": Command("tasks:show", "one task: options, presets, chance level"),
    "tasks sample": Command("tasks:sample", "problems of one task, with a right answer each"),
    "tasks check": Command("tasks:check", "test a task of your own: gold accepted, splits apart, any text judged"),
    "runs list": Command("runs:list_all", "the runs below a directory"),
    "runs show": Command("runs:show", "one run: config, environment, results"),
    "merge": Command("merge:run", "an ordinary checkpoint from a base model and a trained adapter (LoRA)"),
    "push": Command("push:run", "send a trained model and its card to a hub"),
    "watch": Command("watch:run", "the report in a browser while a run goes on: it renews itself"),
    "report": Command("report:run", "one HTML file from run directories"),
    "organism build": Command("organism:build", "train a tiny model from nothing, as the shipped ones were"),
    "organism check": Command("organism:check", "does a model's retry listen to the reflection? The listening table"),
    "study": Command("study:run", "several seeds and comparators, in resumable jobs", _AGAIN),
    "config schema": Command(
        "config:schema", "JSON schema of a settings file: editors complete and check TOML with it"
    ),
    "env": Command("env:run", "versions and machine, for reports of bugs"),
    "bench verify": Command("bench.compare:verify", "completions verified per second"),
    "bench solve": Command("bench.compare:solve", "time to solve a Countdown problem"),
    "bench habits": Command("bench.compare:habits", "megabytes that the pattern detector reads per second"),
    "bench memory": Command("bench.memory:run", "peak memory of sampling and of the update against group size"),
    "bench update": Command("bench.compare:update", "time of one update: trunks shared, not shared, and TRL"),
    "bench sample": Command(
        "bench.compare:sample", "tokens sampled per second: ours, generate, continuous batching, and vLLM"
    ),
    "bench step": Command("bench.compare:step", "time of a whole step, from mining to the update: ours, and TRL"),
    "bench serve": Command("bench.compare:serve", "what the proxy of `serve` adds to a request, and what it loses"),
    "bench processes": Command("bench.compare:processes", "time of a whole step in one process and in several"),
}


def find(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the command that the words begin with, and the words after it; None where help was asked for.

    Raises:
        ConfigError: there is no such command.

    >>> find(["tasks", "list", "--json"]), find(["tasks", "--help"])
    (('tasks list', ['--json']), (None, ['tasks', '--help']))
    """
    for length in (2, 1):
        name = " ".join(words[:length])
        if len(words) >= length and name in COMMANDS:
            return name, list(words[length:])
    group = [name for name in COMMANDS if words and name.split()[0] == words[0]]
    rest = list(words[1:]) if group else list(words)
    if not rest or rest[0] in HELP:
        return None, list(words)
    from secondthought.spelling import suggestion  # difflib is not needed for a command that exists

    name = " ".join([words[0], rest[0]] if group else rest[:1])
    known = group or sorted({name.split()[0] for name in COMMANDS})
    raise ConfigError(f"there is no command {name!r}{suggestion(name, [*known, *COMMANDS])}; known: {', '.join(known)}")


def overview(words: Sequence[str]) -> str:
    """Return the help of the program, or of the group of commands that the words name."""
    shown = [name for name in COMMANDS if name.split()[0] in words[:1]] or list(COMMANDS)
    columns, width = max(map(len, shown)) + 4, shutil.get_terminal_size().columns
    lines = "\n".join(
        textwrap.fill(f"  {name:{columns - 2}}{COMMANDS[name].help}", width, subsequent_indent=" " * columns)
        for name in shown
    )
    texts = (
        "`secondthought demo --quick` shows what it does, `secondthought init NAME` writes a task to start from.",
        "`secondthought COMMAND --help` lists its options. --debug, anywhere, shows tracebacks and more of the log. "
        "Results go to stdout, progress and logs to stderr. Exit codes: 0 done, 1 failed, 2 misuse, 130 Ctrl-C.",
    )
    begin, more = (textwrap.fill(text, min(width, _WIDEST), break_on_hyphens=False) for text in texts)
    return (
        "usage: secondthought COMMAND [OPTIONS]\n\n"
        f"Language models that get better at thinking twice.\n\n{begin}\n\ncommands:\n{lines}\n\n{more}\n"
    )
