"""Function calling: a request and tools, and the calls that answer it; three shapes of rows, three ways to judge."""

from secondthought.tasks.function_calling.task import FunctionCalling

__all__ = ["FunctionCalling"]
