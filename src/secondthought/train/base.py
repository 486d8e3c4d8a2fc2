"""The weights that a run began from: the KL reference is them, so a run that goes on must find the same."""

from __future__ import annotations

from secondthought.distributed.world import World
from secondthought.errors import RunError
from secondthought.models.local import LocalModel
from secondthought.runs import files
from secondthought.runs.directory import RunDirectory

BASE = "base.json"


def require_same_base(run: RunDirectory, world: World, policy: LocalModel) -> None:
    """Write down which weights a run begins from, or refuse to go on from others; runs of earlier versions have none.

    Raises:
        RunError: the files at `model.path` have other weights than when the run began.
    """
    now = {"digest": policy.sum_of_weights(), "revision": policy.revision}
    path = run.path / BASE
    before = files.read_json(path) if path.exists() else now
    if before.get("digest") != now["digest"]:
        revision = before.get("revision")
        which = f" (revision {revision}; now {now['revision']})" if revision else ""
        raise RunError(
            f"{run.path}: {policy.name} has other weights now than when this run began{which}, so its KL terms would "
            "hold to another model; put the old files back, or start anew with --overwrite"
        )
    world.gather("the weights that the run began from", None)
    if world.is_first:
        files.write_json(path, before)
