"""Training: groups to credit to token trees to updates. `loop.py` is the story; `algorithms.py` the table of rows."""
