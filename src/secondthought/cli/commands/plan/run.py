"""`secondthought plan CONFIG` estimates memory, tokens and time of a run, on demand beside one measured step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from secondthought.cli.commands.plan import sft
from secondthought.cli.commands.plan.kinds import kind_of
from secondthought.cli.commands.plan.tables import human, print_memory, print_model, print_time
from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.run_options import RL_SHORT
from secondthought.config import Config, RunConfig, resolve
from secondthought.errors import ConfigError
from secondthought.runs.declaration import Declaration

if TYPE_CHECKING:
    from secondthought.study.config import StudyConfig

_OWN = ("config", "measure", "first_try", "length_share", "json_")
"""Options that are no settings of a run; so is `origin`, which `train` takes too."""


class Assumptions(Config):
    """Options that say what a plan of RL assumes, and how it is shown."""

    measure: bool = False
    """Also run one step at its longest, on random weights of the model's shape, and print both side by side."""
    first_try: float = Field(0.2, ge=0, le=1)
    """Assumed share of first tries that are right."""
    length_share: float = Field(0.7, gt=0, le=1)
    """Assumed mean length of what is sampled, as a share of the longest allowed."""
    json_: bool = False
    """One JSON object instead of tables."""


class Options(RunConfig, Assumptions):
    """Estimate memory, tokens and time of a training run; nothing is trained, and no weights are read.

    Settings are those of `train`: flags, then CONFIG, then defaults. --model PATH is short for --model.path PATH.
    A config of `train sft` is planned as such: its flags, with --data FILE, or --examples N --tokens-per-example M.
    A study file needs --arm NAME, and takes no other settings.
    """

    config: Path | None = None
    """A TOML file of settings, as `train` or `train sft` reads it, or a study."""
    origin: Declaration = Declaration()
    """What reports compare runs by; a plan does not depend on it."""


class ArmOptions(Assumptions):
    """Estimate memory, tokens and time of one run of an arm of a study."""

    file: Path
    """A study file."""
    arm: str = ""
    """Which of its arms."""


def run(argv: list[str], prog: str) -> None:
    """Print the plan of a run, of fine-tuning, or of an arm of a study."""
    kind, path = kind_of(argv)
    if kind == "sft":
        sft.run(argv, prog)
    elif kind == "study" and path is not None:
        arm = parse(ArmOptions, argv, prog, positional=("file",))
        _show(_arm(path, arm.arm), arm)
    else:
        given = parse(Options, argv, prog, positional=("config",), reserved=_OWN[1:], aliases=RL_SHORT)
        _show(resolve(given.model_dump(exclude={*_OWN, "origin"}), source="command line"), given)


def _show(config: RunConfig, given: Assumptions) -> None:
    task = load_task(config.task.name, config.task.options)
    from secondthought.preflight.resources import describe
    from secondthought.preflight.resources.workload import Assumed

    plan = describe.make(config, task, Assumed(first_try=given.first_try, length_share=given.length_share))
    rates = describe.measure_speed(plan)
    found = describe.describe(plan, rates)
    if given.measure:
        from secondthought.bench.planned_step import measure_step

        found["measured"] = measure_step(plan, rates)
    if given.json_:
        write_line({"kind": "run", **found})
    else:
        _print(found)


def _arm(path: Path, name: str) -> RunConfig:
    """Return the first run of an arm; if its model is primed first, the plan is of the base, which has the same sizes.

    Raises:
        ConfigError: no arm is named, or there is none of that name.
        RunError: the arm takes the token budget of another that has not run.
    """
    from secondthought.study.arms import StudyArm
    from secondthought.study.config import load_study

    study: StudyConfig = load_study(path)
    if name not in study.arms:
        what = f"has no arm {name!r}" if name else "is a study of several runs"
        raise ConfigError(f"{path}: {what}; name one of its arms with --arm: {', '.join(study.arms)}")
    seed = study.arms[name].seeds[0]
    arm = StudyArm(study, name, str(path))
    return arm.job(seed).config.model_copy(update={"model": arm.unprimed(seed).model})


def _print(found: Mapping[str, Any]) -> None:
    assumed = found["assumed"]
    print_model(found["model"])
    lengths = assumed["lengths"]
    write_text(f"prompt {lengths['prompt']} tokens ({lengths['source']})")
    print_memory(found)
    tokens = found["tokens"]
    rows = [[f"a step: {name}", *both.values()] for name, both in tokens["per_step"].items()]
    rows += [[f"the run: {name}", *both.values()] for name, both in tokens["run"].items()]
    title = f"sampled tokens; {tokens['steps']} steps, {tokens['validations']} validations"
    write_table(title, ["", "at most", _assumptions(assumed)], rows)
    print_time(found["time"])
    use = found["time"]["assumed_utilisation"]
    write_text(
        f"time assumes {use['sampling']:.0%} (sampling) and {use['update']:.0%} (update) of the matrix-product rate "
        f"measured here just now, {found['time']['rates']['update'] / 1e9:.1f} GFLOP/s, and every first try as assumed"
    )
    if "measured" in found:
        columns = ["one step at its longest", "peak, estimate", "peak, measured", "s, estimate", "s, measured"]
        write_table("", columns, list(_measured(found["measured"])))


def _assumptions(assumed: Mapping[str, Any]) -> str:
    return f"expected (first try {assumed['first_try']:.0%} right, {assumed['length_share']:.0%} of the longest)"


def _measured(measured: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, str, str, float, float]]:
    for name, item in measured.items():
        peaks = human(item["peak_estimated"]), human(item["peak_measured"])
        yield name, *peaks, item["seconds_estimated"], item["seconds_measured"]
