"""The side before training is kept for runs that would measure the same: found by the contents that it depends on.

    CACHE/KEY/entry.json            what the key is made of, and a digest of every other file
    CACHE/KEY/before.json, ...      as in a run, see `before_after`

The key holds the settings, and digests of what they only name: the code of this package and of the task, the problems
and the files that the task's options name, tokenizer and template, the loaded weights, peers' files. What no digest can
see (a verifier that asks a service) shows when the kept texts are judged again, before they are used.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from secondthought.config import RunConfig
from secondthought.disk import temporary
from secondthought.errors import RunError
from secondthought.evaluate.controls import CONTROLS
from secondthought.evaluate.rows import ProblemRow
from secondthought.evaluate.summary import METRICS
from secondthought.models import shipped
from secondthought.models.digest import digest_of_weights
from secondthought.models.gguf.cache import digest_of
from secondthought.models.gguf.header import is_gguf
from secondthought.models.local import LocalModel
from secondthought.protocols import Task
from secondthought.rollout.mining import fingerprint
from secondthought.rollout.player import Player
from secondthought.runs import contents, files
from secondthought.runs.environment import machine
from secondthought.tasks.judging import judge
from secondthought.tasks.mixture import Mixture
from secondthought.types import Problem

ENTRY = "entry.json"
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "peft")
"""What computes a policy besides this package."""


class SideCache:
    """A `SideCache` keeps one side before training under one key; its files are never replaced, only discarded."""

    def __init__(self, directory: Path, key: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        """Name the entry; nothing is read yet."""
        self.key = dict(key)
        self.path = directory / contents.digest_of(self.key)
        self._tell = tell

    def fetch(self, use: Callable[[Path], None]) -> bool:
        """Let `use` read the entry, if there is one; where that fails the entry is discarded, with a sentence."""
        if not self.path.is_dir():
            return False
        try:
            self._require_whole()
            use(self.path)
        except Exception as error:  # whatever is wrong with an entry: it can be measured anew
            self._tell(f"{self.path}: is not used ({error}); the side before training is measured anew")
            self._discard()
            return False
        self._tell(f"the side before training is taken from {self.path}")
        return True

    def keep(self, run: Path, names: Sequence[str]) -> None:
        """Publish files and directories of a run; a cache that cannot be written is no reason to stop."""
        if self.path.exists():
            return
        try:
            with files.publish(self.path) as directory:
                for source in _below(run, names):
                    target = directory / source.relative_to(run)
                    target.parent.mkdir(exist_ok=True)
                    files.copy(source, target)
                files.write_json(directory / ENTRY, {"key": self.key, "files": contents.digest_of_entry(directory)})
        except RunError as error:
            self._tell(f"the side before training is not kept for other runs: {error}")

    def _require_whole(self) -> None:
        entry = files.read_json(self.path / ENTRY)
        found = contents.digest_of_entry(self.path)
        found.pop(ENTRY)
        damaged = sorted(name for name in {**found, **entry["files"]} if found.get(name) != entry["files"].get(name))
        if damaged:
            raise RunError(f"it is damaged: {', '.join(damaged)}")

    def _discard(self) -> None:
        aside = temporary(self.path)
        with contextlib.suppress(OSError):  # somebody else did, or the cache is another's
            os.rename(self.path, aside)
            files.remove(aside)


def key_of(config: RunConfig, player: Player, problems: Sequence[Problem]) -> dict[str, Any] | None:
    """Return what the side before training depends on, by name; None where some of it cannot be told.

    Raises:
        OSError: a file that the key needs cannot be read.
    """
    if not isinstance(player.policy, LocalModel):
        return None
    kinds = [type(task) for task in _parts(player.task)]
    code = contents.digest_of_code(*kinds, *_rows_from_outside(), *_code_of_model(player.policy))
    if code is None:
        return None
    settings = {name: getattr(config, name).model_dump(mode="json") for name in ("model", "task", "episode")}
    evaluation = config.evaluation.model_dump(mode="json", exclude={"cache", "checkpoint"})
    return {
        **settings,
        "evaluation": evaluation,
        "share_trunk": config.train.share_trunk,
        "unshared": player.policy.unshared_reason,
        "package": contents.digest_of_package(),
        "libraries": machine(LIBRARIES)["packages"],
        "code": code,
        "tables": [sorted(CONTROLS), sorted(METRICS)],
        "files": contents.digest_of_files(_files_of(player.task, config.task.name, config.task.options)),
        "problems": contents.digest_of([[item.id, item.messages, item.tools, dict(item.data)] for item in problems]),
        "requests": contents.digest_of(repr(player.requests)),
        "tokenizer": fingerprint(player.policy),
        "weights": digest_of_weights(player.policy.model),
        "peers": {name: _digest_of_model(path) for name, path in config.evaluation.peers.items()},
    }


def require_same_verdicts(task: Task, problems: Sequence[Problem], rows: Sequence[ProblemRow]) -> None:
    """Judge the texts of an evaluation again.

    Raises:
        RunError: a problem is missing, or a verdict is not the one that was kept.
    """
    if [row.problem_id for row in rows] != [problem.id for problem in problems]:
        raise RunError("it holds other problems")
    for problem, row in zip(problems, rows, strict=True):
        for turn in row.tries:
            if judge(task, problem, turn.text) != turn.verdict:
                raise RunError(f"the task judges an answer to {problem.id} otherwise today")


def _rows_from_outside() -> list[object]:
    """Return the functions of the open tables, which may have been added by somebody's own module."""
    return [function for table in (CONTROLS, METRICS) for function in table.values() if function is not None]


def _code_of_model(policy: LocalModel) -> list[object]:
    """Return the class of a model that brings its own code; those of the library count by its version."""
    kind = type(policy.model)
    return [kind] if kind.__module__.startswith("transformers_modules.") else []


def _parts(task: Task) -> list[Task]:
    """Return the tasks whose code and files judge: those of a mixture, or the one."""
    return list(task.parts.values()) if isinstance(task, Mixture) else [task]


def _files_of(task: Task, name: str, options: Mapping[str, Any]) -> list[Path]:
    """Return the files that a task's name, its options, or paths among its attributes mean."""
    held = [value for part in _parts(task) for value in getattr(part, "__dict__", {}).values()]
    own = [value for value in held if isinstance(value, Path)]
    return sorted({*contents.files_named_in([name, options]), *contents.files_named_in(own)})


def _digest_of_model(path: str) -> Any:
    """Return the digests of a model's files; of a hub id, the revision that is on this machine."""
    directory = Path(shipped.resolve(path)).expanduser()
    if directory.is_dir():
        return contents.digest_of_entry(directory)
    if is_gguf(path):
        return digest_of(directory)
    from huggingface_hub import try_to_load_from_cache  # only where a peer is on a hub

    found = try_to_load_from_cache(path, "config.json")
    return Path(found).parent.name if isinstance(found, str) else path


def _below(run: Path, names: Sequence[str]) -> list[Path]:
    """Return the files that are named in a run, and those in the directories that are."""
    found = [item for name in names for item in ((run / name).iterdir() if (run / name).is_dir() else [run / name])]
    return sorted(item for item in found if item.is_file())
