"""Tables show a plan: here are those that RL and fine-tuning have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from secondthought.cli.output import write_table, write_text


def print_model(model: Mapping[str, Any]) -> None:
    """Print the model's sizes, and where they are from if not from its own config."""
    source = "" if model["source"] == "config.json" else f" ({model['source']})"
    write_text(
        f"{model['path']}: {model['parameters']:,} parameters, {model['layers']} layers of width {model['hidden']}, "
        f"{model['heads']} heads ({model['kv_heads']} of keys) of {model['head_size']}, vocabulary {model['vocab']:,}"
        f"{source}"
    )


def print_memory(found: Mapping[str, Any]) -> None:
    """Print what memory goes to, and whether the machine has as much."""
    write_table("memory", ["", "bytes", "of"], list(_memory(found["memory"])))
    write_text(_fit(found))


def print_time(time: Mapping[str, Any]) -> None:
    """Print seconds per part, a dash where they cannot be told."""
    write_table("time, a low estimate", ["", "seconds"], list(_seconds(time)))


def _memory(memory: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, size in memory["resident"].items():
        yield name, human(size), "all the time"
    if "sampling" in memory:
        largest = memory["sampling"]["largest"]
        for name, size in memory["sampling"]["phases"][largest].items():
            yield name, human(size), f"sampling ({largest})"
    batch = memory["update"]["micro_batch"]
    for name, size in memory["update"]["terms"].items():
        yield name, human(size), f"update ({batch['tokens']} tokens, {batch['number']} micro-batches)"
    for name, size in memory.get("held_out", {"terms": {}})["terms"].items():
        yield name, human(size), "held-out forward"
    for name, size in memory["peaks"].items():
        yield f"peak of {name}", human(size), "above the bare interpreter"


def _fit(found: Mapping[str, Any]) -> str:
    machine, need = found["machine"], found["memory"]["need"]
    here = f"{human(machine['total'])} of memory on {machine['device']}, {human(machine['free'])} free now"
    if machine["fits"]:
        return f"needs {human(need)} with the interpreter: fits ({here})"
    lower = ", ".join(f"{setting} ({human(size)})" for setting, size in machine["lower"].items()) or "a smaller model"
    return f"needs {human(need)} with the interpreter: does not fit ({here}); lower it by: {lower}"


def _seconds(time: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for part, title in (("per_step", "a step"), ("per_epoch", "an epoch"), ("run", "the run")):
        for name, seconds in time.get(part, {}).items():
            yield f"{title}: {name}", seconds


def human(size: float) -> str:
    """Return a number of bytes as people read it.

    >>> human(1234567), human(2.5e9)
    ('1.2 MB', '2.50 GB')
    """
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
