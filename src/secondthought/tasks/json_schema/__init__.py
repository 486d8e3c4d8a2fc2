"""JSON that a schema accepts: `task` asks for it and judges, `validation` runs where it can be stopped."""

from secondthought.tasks.json_schema.task import JsonSchema

__all__ = ["JsonSchema"]
