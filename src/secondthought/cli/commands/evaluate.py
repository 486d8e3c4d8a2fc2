"""`secondthought eval` compares models on the same problems, with intervals and paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.cli.asking import ServedModels, endpoints_of
from secondthought.cli.flags import named
from secondthought.cli.loading import FIXED_BY_PLACE, load_task, loader, measuring
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.cli.task_options import options_by_task
from secondthought.config import EpisodeConfig, ModelConfig
from secondthought.config.values import Temperatures, Threads
from secondthought.errors import ConfigError, RunError
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.progress import Onlooker
from secondthought.protocols import Task
from secondthought.requirements import require
from secondthought.types import Split

_MODELS = ("models",)
_FIXED = {**FIXED_BY_PLACE, "episode.temperature": 1.0}


class Options(ProgressFlags, ServedModels):
    """Measure first try, second try and later ones of one or more models on the same problems.

    Every rate comes with its 95 % interval, every pair of models with a paired test. A model is a checkpoint directory,
    a GGUF file, a hub id, a shipped model's name, `URL#NAME` for a model that is served (OpenAI's chat/completions), or
    `scripted` (no torch; it cheats). --options.NAME VALUE sets the task's options.
    """

    models: tuple[str, ...] = ()
    """The models; each later one is compared with each before it."""
    tasks: tuple[str, ...] = Field(("countdown",), json_schema_extra=named("task", also=("tasks",)))
    """Shipped tasks, `module:Class`, or .jsonl files of questions and answers."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own; with several tasks, of each by its name: `--options.gsm8k.files`."""
    tries: int = Field(2, ge=1)
    """Rounds: 2 is try, reflection, retry."""
    samples: int = Field(1, ge=1)
    """First tries of every problem; from 2 on, also the share of all that are right (avg@K) and pass@k, unbiased."""
    problems: int = Field(200, ge=1)
    """Problems per task."""
    temperature: Temperatures = (1.0,)
    """One or more, side by side; 0 takes the likeliest token."""
    split: Split = "test"
    """Which problems."""
    seed: int = 0
    """Which problems of the split, and what is sampled."""
    controls: bool = False
    """Also retry under other reflections: none, another problem's, a general one, an oracle's, a contrary one; and say
    whether own reflections do more than a second sample and a fixed one."""
    reflect_on_right: int = Field(0, ge=0)
    """Also reflect on up to so many first tries that are right: how often a retry then is wrong."""
    calibration: bool = False
    """Also ask after every first try whether it was right: does the model know that it was wrong?"""
    out: Path | None = None
    """A new directory for the episodes, one file per model, task and temperature, with summary.json and its tables in
    summary.md. A call that was interrupted leaves its samples there, and the same call goes on after them."""
    overwrite: bool = False
    """Write into `out` even if it holds files."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    json_: bool = False
    """One JSON object instead of tables."""
    dry_run: bool = False
    """Print the resolved options as JSON and stop."""
    model: ModelConfig = ModelConfig()
    episode: EpisodeConfig = EpisodeConfig()


def run(argv: list[str], prog: str) -> None:
    """Evaluate, print, and write if asked to."""
    given = parse(Options, argv, prog, positional=_MODELS, required=_MODELS, fixed=_FIXED, aliases={"--model": 0})
    _check(given, prog)
    endpoints = endpoints_of(given.models, given, prog)
    tasks = [load_task(name, options) for name, options in options_by_task(given.tasks, given.options, prog).items()]
    plan = measuring(
        given.models, tasks, given.split, given.problems, given.seed, default=Options.model_fields["problems"].default
    )
    require(plan)
    if given.dry_run:
        write_line(given.model_dump(mode="json"))
        return
    with progress(given) as shown:
        fewest = min(draw.number() for draw in plan.draws)
        found = _evaluated(given.model_copy(update={"problems": fewest}), tasks, endpoints, shown)
    if given.json_:
        write_line(found)
    else:
        _print(found)
        write_text(f"written: {given.out}" if given.out else "not written; --out DIR keeps the episodes")


def _evaluated(
    given: Options, tasks: Sequence[Task], endpoints: Mapping[str, Endpoint], onlooker: Onlooker
) -> dict[str, Any]:
    from secondthought.evaluate import side_by_side  # numpy and what plays problems, after parsing

    request = side_by_side.EvaluationRequest(
        models=given.models,
        tasks=tuple(zip(given.tasks, tasks, strict=True)),
        problems=given.problems,
        temperatures=given.temperature,
        tries=given.tries,
        samples=given.samples,
        split=given.split,
        seed=given.seed,
        controls=given.controls,
        reflect_on_right=given.reflect_on_right,
        calibration=given.calibration,
        episode=given.episode,
    )
    load = loader(given.model, endpoints, given.threads, onlooker)
    results = side_by_side.evaluate_side_by_side(request, load, onlooker, unfinished=given.out)
    found = side_by_side.summary_of(request, results)
    if given.out is not None:
        side_by_side.write(given.out, results, found, given.model_dump(mode="json"))
    return found


def _check(given: Options, prog: str) -> None:
    if not given.models:
        raise ConfigError(
            f"{prog}: name at least one model: a directory, a GGUF file, a hub id, or a shipped model such as small"
        )
    if len(set(given.models)) < len(given.models):
        raise ConfigError(
            f"{prog}: a model is named twice; name each once, since a paired test of a model with itself is void"
        )
    if given.out and not given.overwrite and given.out.exists() and not _is_unfinished(given.out):
        raise RunError(f"{given.out}: already holds files; choose another --out, or give --overwrite")


def _is_unfinished(out: Path) -> bool:
    """Tell whether a directory holds nothing, or the samples of a call that was interrupted and nothing else."""
    from secondthought.inference.resuming import SAMPLES  # what plays problems, after parsing

    return all(path.name.endswith(SAMPLES) for path in out.iterdir())


def _print(found: dict[str, Any]) -> None:
    from secondthought.evaluate.tables import tables_of  # after parsing

    for table in tables_of(found):
        write_table(table.title, table.heads, table.rows)
        if table.says:
            write_text(table.says)
