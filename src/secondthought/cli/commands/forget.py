"""`secondthought forget` tells whether training cost a model what it could do at other tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from secondthought.cli.asking import ServedModels, endpoints_of
from secondthought.cli.flags import named
from secondthought.cli.loading import FIXED_BY_PLACE, load_task, loader, measuring
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.cli.task_options import options_by_task
from secondthought.config import EpisodeConfig, ModelConfig
from secondthought.config.values import Threads
from secondthought.errors import ConfigError
from secondthought.requirements import require
from secondthought.runs.files import write_json
from secondthought.runs.result_rows import P_COLUMN, percent, with_holm
from secondthought.tasks import LM_EVAL
from secondthought.types import Split

if TYPE_CHECKING:
    from secondthought.evaluate.forgetting import Contrast, Forgetting
    from secondthought.evaluate.kept_answers import Exam
    from secondthought.inference.chat.endpoint import Endpoint


class Options(ProgressFlags, ServedModels):
    """Ask a model before and after training the same problems of other tasks, once each.

    Several models after training are each compared with the one before, and with each other.

    A task is *kept* where the whole 95 % interval of after - before lies above minus the margin, and *lost* where it
    lies below zero. Otherwise nothing can be told; the power says how likely a kept task was to be seen as such. Models
    are named as for `eval`, and so are tasks; `lm_eval:NAME` is a benchmark of lm-eval, asked and scored by it: its
    first items, whatever the split and the seed.
    """

    before: str
    """The model before training."""
    after: tuple[str, ...] = Field(min_length=1)
    """The models after training."""
    tasks: tuple[str, ...] = Field(("countdown",), json_schema_extra=named("task", also=("tasks",)))
    """Tasks that were not trained, named as for `eval`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own; with several tasks, of each by its name: `--options.gsm8k.files`."""
    margin: float = Field(1.0, gt=0, lt=100)
    """Points of loss that are taken for none."""
    problems: int = Field(1000, ge=1)
    """Problems per task; fewer where a split holds fewer."""
    split: Split = "test"
    """Which problems."""
    temperature: float = Field(0.0, ge=0)
    """0 takes the likeliest token."""
    seed: int = 0
    """Which problems of the split, and what is sampled."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    out: Path | None = None
    """Keep the answers in this folder; an interrupted call, or one with further models, asks nothing twice."""
    json_: bool = False
    """One JSON object instead of a table."""
    model: ModelConfig = ModelConfig()
    episode: EpisodeConfig = EpisodeConfig()


def run(argv: list[str], prog: str) -> None:
    """Play, compare and print."""
    fixed = {**FIXED_BY_PLACE, "episode.temperature": 1.0}
    given = parse(Options, argv, prog, positional=("before", "after"), fixed=fixed)
    models = (given.before, *given.after)
    if len(set(models)) < len(models):
        raise ConfigError(f"{prog}: names a model twice; give the one before training, then each one after it once")
    options = options_by_task(given.tasks, given.options, prog)
    tasks = {name: load_task(name, own) for name, own in options.items() if not name.startswith(LM_EVAL)}
    default = Options.model_fields["problems"].default
    endpoints = endpoints_of(models, given, prog)
    plan = measuring(models, list(tasks.values()), given.split, given.problems, given.seed, default=default)
    require(plan)
    from secondthought.evaluate.forgetting import TaskExam, forgetting  # numpy, after parsing

    exams: dict[str, Exam] = {
        name: TaskExam(
            name=name,
            task=draw.task,
            problems=draw.problems(),
            episode=given.episode,
            temperature=given.temperature,
            seed=given.seed,
        )
        for name, draw in zip(tasks, plan.draws, strict=True)
    }
    if len(tasks) < len(options):
        exams |= _of_lm_eval(options, given, endpoints, prog)
    with progress(given) as shown:
        found, contrasts = forgetting(
            given.before,
            given.after,
            [exams[name] for name in options],
            loader(given.model, endpoints, given.threads, shown),
            margin=given.margin / 100,
            kept=given.out,
            onlooker=shown,
        )
    _show(found, contrasts, given)


def _of_lm_eval(
    options: Mapping[str, Mapping[str, Any]], given: Options, endpoints: Mapping[str, Endpoint], prog: str
) -> dict[str, Exam]:
    """Return the exams that lm-eval sets, whose data are at hand.

    Raises:
        ConfigError: a model is served, so that its probabilities cannot be read.
        TaskError: see `LmEvalExam`.
    """
    if endpoints:
        where = next(iter(endpoints))
        raise ConfigError(f"{prog}: {where}: lm-eval asks for probabilities; give models that are here")
    from secondthought.bridges.lm_eval_tasks import LmEvalExam

    named = {name: own for name, own in options.items() if name.startswith(LM_EVAL)}
    return {name: LmEvalExam(name, own, given.problems) for name, own in named.items()}


def _show(found: Sequence[Forgetting], contrasts: Sequence[Contrast], given: Options) -> None:
    told = {
        "before": given.before,
        "after": given.after,
        "tasks": [item.to_json() for item in found],
        "contrasts": [item.to_json() for item in contrasts],
    }
    if given.out is not None:
        write_json(given.out / "forgetting.json", told)
    if given.json_:
        write_line(told)
    else:
        _print(found, given)
        _print_contrasts(contrasts)


def _print(found: Sequence[Forgetting], given: Options) -> None:
    rows, several = [], len(given.after) > 1
    for item in found:
        told = item.to_json()
        power, needed = f"{100 * item.found.power:.0f} %", f"{item.found.items_for_power:,}"
        shares = (percent(told["before"]), percent(told["after"]), percent(told["difference"], "+"))
        named = (item.task, item.model) if several else (item.task,)
        rows.append((*named, told["difference"]["n"], *shares, item.found.answer, power, needed, item.found.p_value))
    heads = ["items", "before", "after", "after - before", "answer", "power", "items for 80 %", P_COLUMN]
    title = f"first tries, percent [95 % interval], margin {given.margin:g} points"
    write_table(title, ["task", "model", *heads] if several else ["task", *heads], with_holm(rows))
    if any(item.found.answer == "cannot tell" for item in found):
        write_text("cannot tell: the interval reaches below minus the margin, and not all of it lies below zero")


def _print_contrasts(contrasts: Sequence[Contrast]) -> None:
    rows = [
        (item.task, item.model, item.other, percent(item.found.to_json(), "+"), item.found.p_value)
        for item in contrasts
    ]
    if rows:
        write_table(
            "models after training beside each other",
            ["task", "model", "other", "model - other", P_COLUMN],
            with_holm(rows),
        )
