"""Chat requests as a task: an answer is right if it is what the request itself states, a schema or the tools' own."""

from secondthought.tasks.chat_request.task import ChatRequest

__all__ = ["ChatRequest"]
