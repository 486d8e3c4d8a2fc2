"""`secondthought plan CONFIG`: memory, tokens and time of a run before it starts, and beside one measured step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.cli._options import parse
from secondthought.cli._output import write_line, write_table, write_text
from secondthought.cli._tasks import load_task
from secondthought.cli.train import _long_model as long_model
from secondthought.config import RunConfig, resolve

_OWN = ("config", "measure", "first_try", "length_share", "json_")


class Options(RunConfig):
    """Estimate memory, tokens and time of a training run; nothing is trained, and no weights are read.

    Settings are those of `train`: flags, then CONFIG, then defaults. --model PATH is short for --model.path PATH.
    """

    config: Path | None = None
    """A TOML file of settings, as `train` reads it; the algorithm is its `algorithm.type`."""
    measure: bool = False
    """Also run one step at its longest, on random weights of the model's shape, and print both side by side."""
    first_try: float = Field(0.2, ge=0, le=1)
    """Assumed share of first tries that are right."""
    length_share: float = Field(0.7, gt=0, le=1)
    """Assumed mean length of what is sampled, as a share of the longest allowed."""
    json_: bool = False
    """One JSON object instead of tables."""


def run(argv: list[str], prog: str) -> None:
    """Print the plan."""
    given = parse(Options, long_model(argv), prog, positional=("config",), reserved=_OWN[1:])
    config = resolve(given.model_dump(exclude=set(_OWN)), source="command line")
    task = load_task(config.task.name, config.task.options)
    from secondthought.train.estimate import describe
    from secondthought.train.estimate.work import Assumed

    plan = describe.make(config, task, Assumed(first_try=given.first_try, length_share=given.length_share))
    rates = describe.measure_rates(plan)
    found = describe.describe(plan, rates)
    if given.measure:
        from secondthought.bench.plan import measure_step

        found["measured"] = measure_step(plan, rates)
    if given.json_:
        write_line(found)
    else:
        _print(found)


def _print(found: Mapping[str, Any]) -> None:
    model, assumed = found["model"], found["assumed"]
    write_text(
        f"{model['path']}: {model['parameters']:,} parameters, {model['layers']} layers of width {model['hidden']}, "
        f"{model['heads']} heads ({model['kv_heads']} of keys) of {model['head_size']}, vocabulary {model['vocab']:,}"
    )
    lengths = assumed["lengths"]
    write_text(f"prompt {lengths['prompt']} tokens ({lengths['source']})")
    write_table("memory", ["", "bytes", "of"], list(_memory(found["memory"])))
    write_text(_fit(found))
    tokens = found["tokens"]
    rows = [[f"a step: {name}", *both.values()] for name, both in tokens["per_step"].items()]
    rows += [[f"the run: {name}", *both.values()] for name, both in tokens["run"].items()]
    title = f"sampled tokens; {tokens['steps']} steps, {tokens['validations']} validations"
    write_table(title, ["", "at most", _assumptions(assumed)], rows)
    write_table("time, a low estimate", ["", "seconds"], list(_seconds(found["time"])))
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


def _memory(memory: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, size in memory["resident"].items():
        yield name, human(size), "all the time"
    largest = memory["sampling"]["largest"]
    for name, size in memory["sampling"]["phases"][largest].items():
        yield name, human(size), f"sampling ({largest})"
    batch = memory["update"]["micro_batch"]
    for name, size in memory["update"]["terms"].items():
        yield name, human(size), f"update ({batch['tokens']} tokens, {batch['number']} micro-batches)"
    for name, size in memory["peaks"].items():
        yield f"peak of {name}", human(size), "above the bare interpreter"


def _fit(found: Mapping[str, Any]) -> str:
    machine, need = found["machine"], found["memory"]["need"]
    here = f"{human(machine['total'])} of memory on {machine['device']}, {human(machine['free'])} free now"
    if machine["fits"]:
        return f"needs {human(need)} with the interpreter: fits ({here})"
    lower = ", ".join(f"{setting} ({human(size)})" for setting, size in machine["lower"].items()) or "a smaller model"
    return f"needs {human(need)} with the interpreter: does not fit ({here}); lower it by: {lower}"


def _seconds(time: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for part, title in (("per_step", "a step"), ("run", "the run")):
        for name, seconds in time[part].items():
            yield f"{title}: {name}", seconds


def _measured(measured: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, str, str, float, float]]:
    for name, item in measured.items():
        peaks = human(item["peak_estimated"]), human(item["peak_measured"])
        yield name, *peaks, item["seconds_estimated"], item["seconds_measured"]


def human(size: float) -> str:
    """Bytes for people.

    >>> human(1234567), human(2.5e9)
    ('1.2 MB', '2.50 GB')
    """
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
