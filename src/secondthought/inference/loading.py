"""The policy that a config names. Another inference engine enters here."""

from __future__ import annotations

from secondthought.config import ModelConfig
from secondthought.inference.local import LocalPolicy
from secondthought.models.loading import load_model


def load_policy(config: ModelConfig) -> LocalPolicy:
    """Load the causal LM that a config names, ready to sample.

    Raises:
        ConfigError: an adapter is asked for where there is one already, or without the package that it needs.
        PolicyError: there is no such model, or it cannot be used.
    """
    return load_model(config, LocalPolicy)
