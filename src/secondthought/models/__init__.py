"""Weights of `transformers` models: loading, chat templates, adapters, attention over token trees."""
