"""The identity of a run at a tracking service: kept in its directory, so that a resumed run goes on there as itself."""

from __future__ import annotations

import uuid
from pathlib import Path

from secondthought.runs import files

NAME = "tracking.json"


def identity(run_dir: Path) -> str:
    """Return a short random name of a run, the same each time; the first call makes it.

    A run that replaces another in its directory has another one.
    """
    path = run_dir / NAME
    if not path.is_file():
        files.write_json(path, {"id": uuid.uuid4().hex[:8]})
    return str(files.read_json(path)["id"])
