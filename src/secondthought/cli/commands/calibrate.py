"""`secondthought calibrate` measures when a second try can be believed that nothing checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from secondthought.cli.asking import ServedModels, endpoints_of
from secondthought.cli.loading import FIXED_BY_PLACE, load_task, loader, measuring
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.cli.wording import AskedEpisode, WordingFlags, worded
from secondthought.config import ModelConfig
from secondthought.config.values import Threads
from secondthought.errors import RunError
from secondthought.requirements import require
from secondthought.runs.result_rows import percent
from secondthought.stats import to_json
from secondthought.types import Split

if TYPE_CHECKING:
    from secondthought.serve.ask.rule import MeasuredTries, RuleFigures


class Options(ProgressFlags, ServedModels, WordingFlags):
    """Try problems twice as `ask` does without a check, and say when the second answer is better than the first.

    Every problem gets a second try, also those that were right: how often does a right answer become a wrong one? The
    model is told no verdict. `ask --calibration FILE` goes by what is found here, for the same model and kind of
    question.
    """

    path: str
    """The model: a directory, a GGUF file, a hub id, a shipped model's name, or `URL#NAME`."""
    out: Path
    """The file to write."""
    task: str = "countdown"
    """Questions with known answers, as near to yours as can be: a shipped task, `module:Class`, or a .jsonl file."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own."""
    problems: int = Field(200, ge=10)
    """Problems to try."""
    split: Split = "test"
    """Which problems."""
    seed: int = 0
    """Which problems of the split, and what is sampled."""
    overwrite: bool = False
    """Replace the file."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    json_: bool = False
    """One JSON object instead of tables."""
    dry_run: bool = False
    """Print the resolved options as JSON and stop."""
    model: ModelConfig = ModelConfig()
    episode: AskedEpisode = AskedEpisode()


_FIXED = {**FIXED_BY_PLACE, "episode.feedback": "failed"}


def run(argv: list[str], prog: str) -> None:
    """Measure, write the file, and show what the rule is worth."""
    given = parse(Options, argv, prog, positional=("path",), fixed=_FIXED, aliases={"--model": 0})
    endpoints = endpoints_of([given.path], given, prog)
    episode = worded(given, given.episode, is_checked=False, prog=prog)
    task = load_task(given.task, given.options)
    usual = Options.model_fields["problems"].default
    plan = measuring([given.path], [task], given.split, given.problems, given.seed, default=usual)
    require(plan)
    if given.dry_run:
        write_line(given.model_dump(mode="json"))
        return
    if given.out.exists() and not given.overwrite:
        raise RunError(f"{given.out}: exists already; choose another --out, or give --overwrite")
    with progress(given) as shown:
        from secondthought.inference.resuming import SAMPLES, resumable
        from secondthought.rollout.player import Keys, Player
        from secondthought.serve.ask import calibrating, rule

        policy = loader(given.model, endpoints, given.threads, shown)(given.path)
        problems = task.problems(given.split, plan.draws[0].number(), given.seed)
        samples = given.out.with_name(f"{given.out.name}{SAMPLES}")
        with resumable(policy, samples) as kept:
            player = Player.resolve(kept, task, episode, onlooker=shown)
            rows = calibrating.tried_twice(player, problems, Keys(seed=given.seed, phase="calibration"))
        about = {
            "model": policy.name,
            "task": task.name,
            "episode": episode.model_dump(mode="json"),
            "seed": given.seed,
        }
        found = rule.MeasuredTries(about=about, rows=tuple(rows))
        found.write(given.out)
        samples.unlink(missing_ok=True)
    figures = rule.figures_of(found.rows)
    if given.json_:
        write_line({"out": str(given.out), **to_json(rule.by_name(figures))})
    else:
        write_table(f"{policy.name}: {task.name}, {len(rows)} problems tried twice", _HEADS, _cases(found))
        write_text(_worth(figures))


_HEADS = (
    "asked, the model says that it was",
    "second answer",
    "n",
    "first right, %",
    "second right, %",
    "right -> wrong, %",
    "the rule takes the",
)


def _cases(found: MeasuredTries) -> list[list[Any]]:
    """Return a row for each case, the commonest first."""
    from secondthought.serve.ask.rule import rule_of

    cases = sorted(rule_of(found.rows).cases.items(), key=lambda case: -case[1].first.n)
    return [
        [
            _SAYS[says],
            "another" if changed else "the same",
            item.first.n,
            *(percent(one.to_json()) for one in (item.first, item.second, item.right_to_wrong)),
            "second" if item.takes_second else "first",
        ]
        for (says, changed), item in cases
    ]


_SAYS = {True: "right", False: "wrong", None: "unclear"}


def _worth(figures: RuleFigures) -> str:
    """Say what the rule is worth."""
    from secondthought.serve.ask.rule import by_name

    shown = {name: percent(value.to_json()) for name, value in by_name(figures).items()}
    return (
        f"On problems that it was not read off, the rule is right on {shown['chosen']} %, first tries on"
        f" {shown['first']} %: a gain of {percent(figures.gain.to_json(), '+')} points. It makes"
        f" {shown['right_to_wrong']} % of right first answers wrong; always taking the second,"
        f" {shown['right_to_wrong_always']} %."
    )
