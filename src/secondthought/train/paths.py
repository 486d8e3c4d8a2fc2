"""Which paths a run takes: all its processes the same, and its record says which."""

from __future__ import annotations

from secondthought.distributed.world import World
from secondthought.models.local import LocalModel
from secondthought.runs.directory import RunDirectory

TRUNKS = "trunks"
"""Key of environment.json: `shared`, or why they are not."""


def agree_on_paths(run: RunDirectory, world: World, policy: LocalModel, *, wanted: bool) -> None:
    """Take the slow path everywhere where one process measured that trunks cannot be shared, and write that down.

    Where they are not to be shared (`wanted` false), only that is written.

    Raises:
        PolicyError: the model cannot be used on any path.
    """
    found = "not asked for: train.share_trunk = false"
    if wanted:
        reasons = world.gather("the paths of the model", policy.unshared_reason)
        policy.unshared_reason = next((reason for reason in reasons if reason is not None), None)
        found = policy.unshared_reason or "shared"
    if world.is_first:
        run.write_environment({**run.environment(), TRUNKS: found})
