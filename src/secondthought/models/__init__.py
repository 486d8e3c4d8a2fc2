"""Weights of `transformers` models live here: loading, chat templates, adapters, attention over token trees."""
