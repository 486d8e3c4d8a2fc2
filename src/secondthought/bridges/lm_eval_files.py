"""A task of lm-eval on files of one's own: its settings, with the files in the place of its data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.errors import TaskError
from secondthought.tasks.options import TaskOptions

_READERS = {".json": "json", ".jsonl": "json", ".gz": "json", ".parquet": "parquet", ".csv": "csv"}
_SPLITS = ("training_split", "validation_split", "test_split", "fewshot_split")


class LmEvalOptions(TaskOptions):
    """`LmEvalOptions` say where a task of lm-eval finds its data, and how it is asked and scored."""

    files: tuple[str, ...] = ()
    """Files with the rows to ask, in the shape of the task's data set; default: the hub."""
    fewshot_files: tuple[str, ...] = ()
    """Files with the rows that examples are taken from; needed with `files` where there are examples."""
    fewshot: int | None = Field(None, ge=0)
    """Examples before each question; default: the task's own number."""
    chat: bool = False
    """Ask through the model's chat template; lm-eval itself does not unless told."""
    metric: str | None = None
    """The score that says whether an item is right; default: the task's first."""
    filter: str | None = None
    """Which way of reading answers is scored, where a task has several; default: its first."""


def with_files(name: str, entry: Any, options: LmEvalOptions) -> dict[str, Any]:
    """Return a task's own settings, reading the files that the options name.

    Args:
        name: of the task, for errors.
        entry: what lm-eval's index holds of it.
        options: with files.

    Raises:
        TaskError: it is a group, a file is missing or of another kind, or examples are wanted and there are none.
    """
    from lm_eval.tasks._yaml_loader import load_yaml

    if entry.yaml_path is None or "dataset_path" not in (entry.cfg or {}):
        raise TaskError(f"task {name}: is a group of tasks; name one of them to give it files")
    own = load_yaml(entry.yaml_path, resolve_func=True, recursive=True)
    asked = own.get("test_split") or own.get("validation_split")
    shown = own.get("fewshot_split") or own.get("training_split") or asked
    files = {asked: options.files}
    if options.fewshot_files:
        files[shown] = options.fewshot_files
    count = own.get("num_fewshot") if options.fewshot is None else options.fewshot
    if count and shown not in files:
        raise TaskError(
            f"task {name}: {count} examples stand before each question; name their rows with"
            " --options.fewshot-files, or give --options.fewshot 0"
        )
    kept = {split: own[split] if own[split] in files else None for split in _SPLITS if split in own}
    reader = _reader(name, (*options.files, *options.fewshot_files))
    data = {"data_files": {split: list(paths) for split, paths in files.items()}}
    return {**own, **kept, "dataset_path": reader, "dataset_name": None, "dataset_kwargs": data}


def _reader(name: str, paths: Sequence[str]) -> str:
    """Return the reader of `datasets` for files, which are all of one kind."""
    for path in paths:
        if not Path(path).is_file():
            raise TaskError(f"task {name}: {path}: no such file")
    kinds = {_READERS.get(Path(path).suffix) for path in paths}
    if len(kinds) > 1 or None in kinds:
        raise TaskError(f"task {name}: files must be of one kind, of {', '.join(_READERS)}")
    return str(kinds.pop())
