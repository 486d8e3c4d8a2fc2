"""The policy that a config names. Another inference engine enters here."""

from __future__ import annotations

from secondthought.config import ModelConfig
from secondthought.inference.local import LocalPolicy
from secondthought.models.loading import load_model
from secondthought.models.weight_bars import told_to
from secondthought.progress import SILENT, Onlooker


def load_policy(
    config: ModelConfig, onlooker: Onlooker = SILENT, *, share_trunk: bool = True, learns: bool = True
) -> LocalPolicy:
    """Load the causal LM that a config names, ready to sample; the onlooker is told how far it is.

    The paths that it can take are measured. With `share_trunk` false it samples by the plain one. What never learns
    may be held in less memory.

    Raises:
        ConfigError: an adapter is asked for where there is one already, or without the package that it needs.
        PolicyError: there is no such model, or it cannot be used.
    """
    with onlooker.stage(f"loading {config.path}"), told_to(onlooker):
        policy = load_model(config, LocalPolicy, learns=learns, onlooker=onlooker)
        policy.share_trunk = share_trunk
        policy.measure_paths()
    return policy
