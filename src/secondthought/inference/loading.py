"""The policy that a config names. Another inference engine enters here."""

from __future__ import annotations

from secondthought.config import ModelConfig
from secondthought.inference.local import LocalPolicy
from secondthought.models.loading import load_model
from secondthought.models.weight_bars import told_to
from secondthought.progress import SILENT, Onlooker


def load_policy(config: ModelConfig, onlooker: Onlooker = SILENT) -> LocalPolicy:
    """Load the causal LM that a config names, ready to sample; the onlooker is told how far it is.

    Raises:
        ConfigError: an adapter is asked for where there is one already, or without the package that it needs.
        PolicyError: there is no such model, or it cannot be used.
    """
    with onlooker.stage(f"loading {config.path}"), told_to(onlooker):
        return load_model(config, LocalPolicy)
