"""The model card of a trained checkpoint: what it was made from and how, and its results before and after.

Whoever gets the checkpoint gets the numbers with it, intervals and all. Hubs show a README.md in this form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from secondthought.runs import files
from secondthought.runs.result_rows import COLUMNS, before_after

NAME = "README.md"
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w.-]+")
_OF_THIS_MACHINE = frozenset({"run_dir", "cache", "failures", "data", "threads"})
"""Settings that name places of the machine that trained, and change nothing in the result."""


def write(checkpoint: Path, summary: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Write the card into a checkpoint's directory.

    Args:
        checkpoint: the directory of the model.
        summary: the run's summary, finished.
        config: all settings of the run.

    Raises:
        RunError: the disk refuses it.
    """
    with files.disk_errors(checkpoint / NAME):
        files.write_text(checkpoint / NAME, card(summary, config))


def card(summary: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Return the text of the card, in Markdown."""
    base = _base(str(summary.get("model", "")))
    task = (config.get("task") or {}).get("name") if isinstance(config.get("task"), Mapping) else config.get("task")
    about = f" on the task `{task}`" if task else ""
    parts = [
        _front_matter(summary, config, base),
        f"# {base}, trained by {summary.get('arm')}",
        f"`{base}`, trained by secondthought {version('secondthought')} with"
        f" {summary.get('arm')}{about}: {summary.get('steps')} steps, seed {summary.get('seed')}.",
        *_results(summary),
        "## Settings\n\n```json\n" + json.dumps(_portable(config), indent=2, ensure_ascii=False) + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _base(path: str) -> str:
    """Return the name of the base model: a hub id as it is, of a directory its last part."""
    return path if _HUB_ID.fullmatch(path) and not Path(path).exists() else Path(path).name


def _front_matter(summary: Mapping[str, Any], config: Mapping[str, Any], base: str) -> str:
    """Return the block of YAML that hubs read; JSON strings are YAML, whatever they hold."""
    adapted = (config.get("model") or {}).get("lora", {}).get("rank")
    lines = ["pipeline_tag: text-generation", f"library_name: {'peft' if adapted else 'transformers'}"]
    lines += [f"base_model: {json.dumps(base)}"] if _HUB_ID.fullmatch(base) else []
    lines += ["tags:", "- secondthought", f"- {json.dumps(str(summary.get('arm')))}"]
    return "\n".join(["---", *lines, "---"])


def _results(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was measured, as paragraphs: of fine-tuning the losses, of RL the table and what it can say."""
    if "eval_loss_after" in summary:
        yield f"## Results\n\n{_losses(summary)}"
    rows = before_after(summary)
    if not rows:
        return
    yield "## Results\n\nThe same test problems before and after training, in percent with 95 % intervals:"
    yield _table(COLUMNS, rows)
    if summary.get("best_step") == 0:
        yield "**No step was better than the untrained model on the validation problems.**"
    yield (
        "The *second try* counts problems that are solved at once or by the retry after a reflection. This is one run"
        " with one seed: its intervals say nothing of how much other seeds would differ."
    )


def _losses(summary: Mapping[str, Any]) -> str:
    before, after = summary.get("eval_loss_before"), summary.get("eval_loss_after")
    if before is None or after is None or before != before:
        return f"Loss on the training examples at the end: {summary.get('loss'):.4g}. None were held out."
    return f"Loss on held-out examples: {before:.4g} before, {after:.4g} after."


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.2g}" if isinstance(value, float) else str(value).replace("|", "\\|")


def _portable(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings without places of the machine that trained."""
    kept = {name: value for name, value in config.items() if name not in _OF_THIS_MACHINE}
    return {
        name: _portable(value)
        if isinstance(value, Mapping)
        else Path(value).name
        if name == "path" and isinstance(value, str) and Path(value).is_absolute()
        else value
        for name, value in kept.items()
    }
