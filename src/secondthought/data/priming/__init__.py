"""A priming set holds reasoning traces that show some habits and not others; controls stand beside it."""
