"""Digests of what results depend on: source code, files, records. A cache is keyed by them, not by names.

A name (of a class, a file, a model) stays the same when what it means changes. So what may be reused later is found by
the contents that it was made of.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from secondthought.runs.environment import PACKAGE

_CHUNK = 2**20
_INSTALLED = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_OURS = PACKAGE.name


def digest_of(value: Any) -> str:
    """Return a digest of plain values: texts, numbers, lists and tables of them."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()


def digest_of_files(paths: Iterable[Path]) -> dict[str, str]:
    """Return the digest of each file by its path; of a directory, those of all files below it.

    Raises:
        OSError: a file cannot be read.
    """
    found: dict[str, str] = {}
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                found[str(file)] = digest_of_file(file)
    return found


def digest_of_entry(directory: Path) -> dict[str, str]:
    """Return the digest of each file of a directory by its name in it."""
    return {str(Path(name).relative_to(directory)): found for name, found in digest_of_files([directory]).items()}


@cache
def digest_of_package() -> str:
    """Return a digest of this package's own source: what it computes may change with any of it."""
    sources = sorted(path for kind in ("*.py", "*.toml") for path in PACKAGE.rglob(kind))
    return digest_of([[str(path.relative_to(PACKAGE)), digest_of_file(path)] for path in sources])


def files_named_in(value: Any) -> Iterator[Path]:
    """Yield the files and directories that exist and are named by texts or paths anywhere in plain values."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, str | Path):
        path = Path(value).expanduser()
        if _is_there(path):
            yield path
    elif isinstance(value, Sequence):
        for item in value:
            yield from files_named_in(item)


def digest_of_code(*things: object) -> str | None:
    """Return a digest of the source that classes and functions are made of, or None where it cannot be read.

    That is the file of each, and of the modules of somebody's own that these import, wherever in their text. What is
    installed counts by its version.
    """
    found: dict[str, str] = {}
    for thing in things:
        names = [kind.__module__ for kind in (type.mro(thing) if isinstance(thing, type) else (thing,))]
        for name in dict.fromkeys(names):
            if not _add(name, names[0].partition(".")[0], found):
                return None
    return digest_of(found)


def _add(name: str, own: str, found: dict[str, str]) -> bool:
    """Add a module to `found`, and what it imports; return False where its source is in no file.

    `own` is the package of somebody's whose code this is: an installed package of theirs counts by its files.
    """
    top = name.partition(".")[0]
    if name in found or top in sys.stdlib_module_names - {"__main__"}:
        return True
    if top == _OURS:
        found[_OURS] = digest_of_package()
        return True
    path = _file_of(name)
    if path is None:
        return False
    if top != own and any(path.is_relative_to(place) for place in _INSTALLED):
        found[top] = str(getattr(sys.modules.get(top), "__version__", ""))
        return True
    found[name] = digest_of_file(path)
    for imported in _imports(path, name) if path.suffix == ".py" else ():
        _add(imported, own, found)  # of what is no module, or not there, there is nothing to add
    return True


def _imports(path: Path, name: str) -> Iterator[str]:
    """Yield the names that a module's import statements may mean: modules, and members that may be modules."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package if node.level else ""
            base = ".".join(part for part in (parent, node.module) if part)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _file_of(name: str) -> Path | None:
    """Return the file of a module, without running it; None for what is no module or has no file."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if module is None:
        parent = name.rpartition(".")[0]
        if parent and parent not in sys.modules:
            return None  # to look for it would import its package
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return None
        file = spec.origin if spec and spec.has_location else None
    return Path(file).resolve() if file and Path(file).is_file() else None


def _is_there(path: Path) -> bool:
    try:
        return path.exists() and str(path) not in ("", ".")
    except (OSError, ValueError):  # a text that is no name: too long, with a zero byte
        return False


def digest_of_file(path: Path) -> str:
    """Return a digest of a file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
