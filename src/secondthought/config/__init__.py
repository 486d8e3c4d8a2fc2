"""Settings of a run are frozen pydantic models; importing them never imports torch.

Hand-written configs are sparse TOML; class defaults are a setting that we have run. Order: default < file < flag. The
resolved config is written as JSON into the run directory. Unknown keys are refused.
"""

from secondthought.config.base import Config, describe, overlay, read_toml
from secondthought.config.learning import AlgorithmConfig, CriticConfig, OptimConfig, TrainConfig
from secondthought.config.play import EpisodeConfig, LoraConfig, ModelConfig, TaskConfig
from secondthought.config.run import EvalConfig, RunConfig, resolve

__all__ = [
    "AlgorithmConfig",
    "Config",
    "CriticConfig",
    "EpisodeConfig",
    "EvalConfig",
    "LoraConfig",
    "ModelConfig",
    "OptimConfig",
    "RunConfig",
    "TaskConfig",
    "TrainConfig",
    "describe",
    "overlay",
    "read_toml",
    "resolve",
]
