"""Priming sets: reasoning traces that show some behaviours and not others, made by search, with their controls."""
