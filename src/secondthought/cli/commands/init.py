"""`secondthought init NAME` writes a task class and a file of settings to start from."""

from __future__ import annotations

import importlib.util
import keyword
from importlib import resources
from pathlib import Path
from string import Template
from typing import Annotated

from pydantic import AfterValidator

from secondthought.cli.loading import current_directory
from secondthought.cli.options import parse
from secondthought.cli.output import write_text
from secondthought.config import Config
from secondthought.errors import RunError


def _module_name(name: str) -> str:
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is no name of a Python module; use letters, digits and _, as in my_task")
    return name


class Options(Config):
    """Write NAME.py, a task that works and is yours to change, and NAME.toml, settings to train on it."""

    name: Annotated[str, AfterValidator(_module_name)]
    """Name of the task and its module: letters, digits and _."""
    dir: Path = Path()
    """Directory of the two files; `module:Class` is looked for in the directory that a command is started in."""


def run(argv: list[str], prog: str) -> None:
    """Write the files, and say what to do next."""
    given = parse(Options, argv, prog, positional=("name",))
    _refuse_taken_name(given.name, given.dir)
    names = {"module": given.name, "kind": class_name(given.name), "task": given.name}
    files = {given.dir / f"{given.name}.py": "task.py.txt", given.dir / f"{given.name}.toml": "run.toml.txt"}
    for path in files:
        if path.exists():
            raise RunError(f"{path}: is there already; choose another name or --dir, or delete it")
    given.dir.mkdir(parents=True, exist_ok=True)
    for path, template in files.items():
        path.write_text(starter(template, names), encoding="utf-8")
        write_text(f"wrote {path}")
    task = f"{given.name}:{names['kind']}"
    write_text(
        f"{task} writes words backwards; change its problems and verify. Then"
        + (f", in {given.dir}" if given.dir != Path() else "")
        + f":\n  secondthought tasks check {task}"
        f"\n  secondthought train reflect-retry {given.name}.toml --dry-run"
    )


def starter(template: str, names: dict[str, str]) -> str:
    """Return the text of a file to start from: a template of `cli/starter`, with the names put in.

    Args:
        template: its file name.
        names: `module`, `kind` (the class) and `task`.
    """
    text = (resources.files("secondthought.cli") / "starter" / template).read_text(encoding="utf-8")
    return Template(text).substitute(names)


def class_name(module: str) -> str:
    """Return the name of a module's class, as Python writes it.

    >>> class_name("my_task"), class_name("_x2")
    ('MyTask', 'X2')
    """
    return "".join(part[:1].upper() + part[1:] for part in module.split("_")) or "Task"


def _refuse_taken_name(name: str, directory: Path) -> None:
    """Refuse a name that `import` would give another module for.

    Raises:
        RunError: a module of that name is installed.
    """
    with current_directory():
        found = importlib.util.find_spec(name)
    origin = Path(found.origin).resolve() if found and found.origin not in (None, "built-in", "frozen") else None
    if found and (origin is None or origin.parent != directory.resolve()):
        raise RunError(
            f"{name}: Python has a module of that name, which would be found in place of yours; choose another"
        )
