"""The readers of rows, one for each shape that data sets have; the shape is told from the names of a row's fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secondthought.errors import TaskError
from secondthought.tasks.function_calling.readers import bfcl, xlam
from secondthought.tasks.function_calling.readers.shape import Shape

SHAPES: tuple[Shape, ...] = (xlam.SHAPE, bfcl.SHAPE)


def shape_of(row: Mapping[str, Any]) -> Shape:
    """Return the shape of a row.

    Raises:
        TaskError: the row has the fields of no shape.
    """
    if not isinstance(row, Mapping):
        raise TaskError("function_calling problem: must be a JSON object")
    best = max(SHAPES, key=lambda shape: sum(field in row for field in shape.fields))
    if not any(field in row for field in best.fields):
        known = "; or ".join(", ".join(shape.fields) for shape in SHAPES)
        fields = ", ".join(map(str, list(row)[:8])) or "none"
        raise TaskError(f"function_calling problem: a row needs the fields {known}; this one has {fields}")
    return best
