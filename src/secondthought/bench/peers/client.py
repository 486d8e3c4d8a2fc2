"""Run a peer's script in the peer's own interpreter: one JSON job in, one JSON answer out."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from secondthought.errors import ConfigError

PACKAGE = Path(__file__).parents[2]
QUIET = {
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUDA_VISIBLE_DEVICES": "",
}
"""Environment of the peer's process: nothing is fetched, and the processor is what is compared."""


def run_peer(
    python: str | Path,
    script: str,
    job: dict[str, Any],
    *,
    environment: Mapping[str, str] = MappingProxyType({}),
    preload: Sequence[str] = (),
    package: str = "secondthought.bench.peers",
) -> dict[str, Any]:
    """Run `script` on `job` and return its answer. The script finds our package, and nothing else of our environment.

    `preload` are libraries of the peer's own, loaded first where its environment has them; `package` holds the script.

    Raises:
        ConfigError: the interpreter is missing or the script failed; the sentence ends with its last line.
    """
    path = resources.files(package) / script
    with tempfile.TemporaryDirectory() as folder:
        found = QUIET | _finding_package(Path(folder)) | dict(environment) | preloading(python, preload)
        try:
            done = subprocess.run(
                [str(python), str(path)],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                check=False,
                env=os.environ | found,
            )
        except OSError as error:
            raise ConfigError(
                f"{python}: cannot be run: {error.strerror}; give the peer's Python interpreter"
            ) from None
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines() or ["it said nothing"]
    if done.returncode:
        raise ConfigError(f"{python}: {script} failed: {lines[-1]}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def preloading(python: str | Path, names: Sequence[str]) -> dict[str, str]:
    """Build the setting `LD_PRELOAD` of those libraries that lie in the interpreter's environment.

    >>> preloading("/nowhere/bin/python", ["libiomp5.so"])
    {}
    """
    found = [str(library) for name in names if (library := Path(python).parent.parent / "lib" / name).is_file()]
    given = [os.environ["LD_PRELOAD"]] if os.environ.get("LD_PRELOAD") else []
    return {"LD_PRELOAD": ":".join(given + found)} if found else {}


def _finding_package(folder: Path) -> dict[str, str]:
    """Build the setting `PYTHONPATH` with a `folder` that holds our package alone, so nothing beside it is found."""
    (folder / PACKAGE.name).symlink_to(PACKAGE)
    given = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return {"PYTHONPATH": os.pathsep.join([str(folder), *given])}
