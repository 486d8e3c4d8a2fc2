"""The module that lets verifiers find our environment: it takes names without a dot."""

from secondthought.bridges.verifiers_environment import ReflectRetry

__all__ = ["ReflectRetry"]
