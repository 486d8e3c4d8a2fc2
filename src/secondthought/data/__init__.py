"""Data that models are trained on, made or gathered before training."""
