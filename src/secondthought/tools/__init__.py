"""Tools that a model may call: how they are shown to it, and how its calls are written and read."""
