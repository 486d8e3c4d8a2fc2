"""Organisms: tiny models that ship with the package, the recipe that made them, and the check that they listen.

`shipped` finds them. `recipe` says how they were trained, `reflection_transcripts` and `habit_transcripts` write what
they were taught, `build` trains one, `check` prints its listening table. They are ordinary checkpoints: whatever serves
them serves a model of seven billion parameters.
"""

from __future__ import annotations

from secondthought.models.shipped import SHIPPED, shipped

__all__ = ["SHIPPED", "shipped"]
