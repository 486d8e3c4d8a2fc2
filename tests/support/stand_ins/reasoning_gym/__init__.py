"""Stands in for the library reasoning-gym in the process that scores: its interface, with data sets of our own."""

from reasoning_gym.factory import create_dataset

__all__ = ["create_dataset"]
