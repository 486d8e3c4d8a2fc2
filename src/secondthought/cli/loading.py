"""Tasks as the command line finds them: `module:Class` may also live in the current directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from secondthought import tasks
from secondthought.errors import SecondthoughtError, TaskError
from secondthought.protocols import Task


def load_task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """The task of that name; see `secondthought.tasks.load`.

    Its module stays imported, so whoever loads the task later in this process finds it too.

    Raises:
        TaskError: there is no such task, or its own code fails.
    """
    with current_directory():
        try:
            return tasks.load(name, options)
        except (SecondthoughtError, OSError):
            raise
        except Exception as error:
            raise TaskError(f"task {name}: its own code failed with {type(error).__name__}: {error}") from error


@contextmanager
def current_directory() -> Iterator[None]:
    """Modules of the current directory can be imported, after all others, so that none is shadowed."""
    here = os.getcwd()
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)
