"""What the user says between two completions, as text. Rendering it into token ids is the policy's work."""

from __future__ import annotations

from dataclasses import dataclass

from secondthought.config import EpisodeConfig
from secondthought.protocols import Task
from secondthought.types import Problem

RETRY_REQUEST = "Now try again."
"""Follows a reflection. The paper's own text is not published; this is the least that asks for it."""
WRONG_ANSWER = "Your answer was wrong."
"""Opens the request for a retry without reflection, which nothing else told that the attempt had failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """The user turns of an episode. The retry follows with or without the problem's text repeated below it."""

    reflection: str
    retry: str = RETRY_REQUEST
    repeat_task: bool = True

    @classmethod
    def resolve(cls, task: Task, config: EpisodeConfig) -> Requests:
        """Take the config's texts, and defaults where it names none."""
        return cls(
            reflection=task.reflection_request if config.reflection_request is None else config.reflection_request,
            retry=RETRY_REQUEST if config.retry_request is None else config.retry_request,
            repeat_task=config.repeat_task,
        )

    def retry_after_reflection(self, problem: Problem) -> str:
        """Text that follows a reflection."""
        return self._with_task(self.retry, problem)

    def retry_alone(self, problem: Problem) -> str:
        """Text that follows the failed attempt directly: the same request, after the news that it was wrong."""
        return self._with_task(f"{WRONG_ANSWER} {self.retry}", problem)

    def _with_task(self, request: str, problem: Problem) -> str:
        if not self.repeat_task:
            return request
        asked = [message.content for message in problem.messages if message.role == "user"]
        return f"{request}\n\n{asked[-1]}" if asked else request
