"""Idle steps: from which nothing was learned. A few are chance; many in a row end a run (`train.patience`).

A step is idle if no group was played (nothing failed, where failures are reflected on), or no group's rewards differ.
"""

from __future__ import annotations

from collections.abc import Mapping


def is_idle(metrics: Mapping[str, float]) -> bool:
    """Tell whether a step learned nothing, by what it recorded; a row without an update is no step.

    >>> is_idle({"tokens/learned": 0}), is_idle({"tokens/learned": 9, "optim/grad_norm": 0.5}), is_idle({})
    (True, False, False)
    """
    return metrics.get("tokens/learned") == 0 or metrics.get("optim/grad_norm") == 0


def why(metrics: Mapping[str, float]) -> str:
    """Say what an idle step lacked, and what to do about it, as a sentence goes on."""
    reward = metrics.get("reward/mean")
    if metrics.get("groups/played") == 0:
        return "the policy failed at no problem, so there was nothing to reflect on; take harder problems"
    if reward == 1.0:
        return "every try was right; take harder problems"
    if reward == 0.0:
        return "no try was right, or the verifier never accepts; take easier problems (`secondthought diagnose` tells)"
    return "in each group all rewards were alike; raise algorithm.group_size, or take problems nearer to its reach"


def stop_sentence(steps: int, at: int, metrics: Mapping[str, float]) -> str:
    """Say that a run ended because it learned nothing any more, and how it goes on."""
    return (
        f"stopped after step {at}: nothing was learned in the last {steps} steps, since {why(metrics)}; its checkpoint"
        " is kept, and --resume with a larger --train.patience (0: never stop) goes on"
    )
