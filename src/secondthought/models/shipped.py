"""Names of models, shipped ones too, are resolved to places by path logic alone, without importing torch."""

from __future__ import annotations

import re
from pathlib import Path

from secondthought.models.gguf.header import is_gguf, why_no_gguf
from secondthought.spelling import suggestion

SHIPPED = ("small", "large", "terse", "rich")
"""0.5 and 5 million parameters that reflect; two of 0.5 million that differ in their habits."""

_MODELS = Path(__file__).parent.parent / "organisms" / "models"
_HUB_ID = re.compile(r"[\w][\w.-]*(/[\w.-]+)?")


def shipped(name: str) -> Path | None:
    """Return the directory of a shipped model, or None where the name is not one (a hub id, a path).

    >>> shipped("nobody/nothing") is None
    True
    """
    found = _MODELS / name if name in SHIPPED else None
    return found if found and (found / "config.json").is_file() else None


def resolve(path: str) -> str:
    """Return what to load for `model.path`: a checkpoint on disk, else a shipped model, else a hub id as it stands.

    >>> resolve("somebody/some-model")
    'somebody/some-model'
    """
    given = Path(path).expanduser()
    if (given / "config.json").is_file():
        return str(given)
    found = shipped(path)
    return str(found) if found else path


def why_missing(path: str, *, may_be_hub_id: bool = True) -> str:
    """Say why `model.path` cannot be a model; empty where it may be one: what looks like a hub id is not looked up.

    >>> why_missing("somebody/some-model")
    ''
    >>> why_missing("smal")
    "there is no shipped model of that name (did you mean 'small'?), and no directory here"
    >>> why_missing("runs/bases/none")
    'no checkpoint here (a directory with config.json, weights and tokenizer is needed)'
    """
    if is_gguf(path):
        return why_no_gguf(path)
    directory = Path(resolve(path)).expanduser()
    if any((directory / name).is_file() for name in ("config.json", "adapter_config.json")):
        return ""
    if path in SHIPPED and not directory.is_dir():
        return "this installation ships no such model; make one with `organism build`"
    hint = "" if directory.is_dir() or "/" in path else suggestion(path, SHIPPED)
    if hint:
        return f"there is no shipped model of that name{hint}, and no directory here"
    if directory.is_dir() or not (may_be_hub_id and _HUB_ID.fullmatch(path)):
        return "no checkpoint here (a directory with config.json, weights and tokenizer is needed)"
    return ""
