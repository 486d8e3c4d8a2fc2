"""Our episode as an environment of verifiers v1, over any taskset: try, reflection, second try (extra `verifiers`).

The library finds environments by names without a dot, so a module of yours hands it on, `reflect_retry.py`:

    from secondthought.bridges.verifiers_environment import ReflectRetry
    __all__ = ["ReflectRetry"]

and then `eval my_taskset --env.id reflect_retry`. The seat `solver` tries and tries again, and learns nothing. The seat
`reflector` writes the reflection: a trace of its own, whose one reward is whether the second try was right. A trainer
that takes the traces of trainable seats so gives credit to the tokens of the reflection alone (arXiv 2505.24726).
"""

from __future__ import annotations

from typing import Any

try:
    import verifiers.v1 as vf
    from verifiers.v1.types import content_text
except ImportError:
    raise ImportError("the bridge needs verifiers: pip install 'secondthought[verifiers]'") from None

from secondthought.config.play import RetrySees
from secondthought.rollout.player import NOTE, RETRY_REQUEST, Requests, with_note
from secondthought.tasks.reflection_prompts import GENERAL

__all__ = ["ReflectRetry"]

RESCUED = "rescued"
"""The reward of a reflection."""


class ReflectRetryConfig(vf.EnvConfig):
    """Seats and words of the episode; as flags `--env.retry-sees reflection` and so on."""

    solver: vf.AgentConfig = vf.AgentConfig(harness={"id": "null"})
    """Tries, and tries again."""
    reflector: vf.AgentConfig = vf.AgentConfig(harness={"id": "null"})
    """Writes the reflections; without a model of its own it is the run's."""
    right_from: float = 1.0
    """Rewards from this one on mean that a try is right."""
    reflection_request: str = GENERAL
    retry_request: str = RETRY_REQUEST
    retry_sees: RetrySees = "all"
    """The whole conversation, or the problem with the reflection as a note."""
    note: str = NOTE
    """Holds the reflection in the second way."""


class ReflectRetry(vf.Env[ReflectRetryConfig]):
    """A `ReflectRetry` episode has one trace where the first try is right, and three where it is wrong."""

    async def setup(self, agents: Any) -> None:
        """Let the reflector alone be trained."""
        agents.solver.trainable = False

    async def run(self, task: Any, agents: Any) -> None:
        """Play the episode."""
        first = await agents.solver.run(task)
        if not first.ok or self._is_right(first):
            return
        words = self._words()
        asked = _messages(task.data.prompt)
        failed = [*asked, vf.AssistantMessage(content=_said(first)), vf.UserMessage(content=words.reflection)]
        wanted = vf.TaskData(idx=task.data.idx, prompt=failed, system_prompt=task.data.system_prompt)
        reflection = await agents.reflector.run(vf.Task(wanted))
        if not reflection.ok:
            return
        if words.retry_sees == "all":
            again = [*failed, vf.AssistantMessage(content=_said(reflection)), vf.UserMessage(content=words.retry)]
        else:
            again = with_note(
                asked,
                words.note_with(_said(reflection)),
                lambda said: content_text(said.content),
                lambda text: vf.UserMessage(content=text),
            )
        await agents.solver.run(type(task)(task.data.model_copy(update={"prompt": again}), task.config))

    async def finalize(self, task: Any, episode: Any) -> None:
        """Give the reflection its reward, the second try, and note on every trace which tries were right."""
        tries = [trace for trace in episode.traces if trace.agent.name == "solver" and trace.ok]
        right = [float(self._is_right(trace)) for trace in tries]
        for trace in episode.traces:
            if right:
                trace.record_metric("first_try", right[0])
                trace.record_metric("second_try", max(right[:2]))
            if trace.agent.name == "reflector" and len(right) > 1:
                trace.record_reward(RESCUED, right[1])

    def _words(self) -> Requests:
        own = self.config
        return Requests(
            reflection=own.reflection_request,
            retry=own.retry_request,
            repeat_task=False,
            retry_sees=own.retry_sees,
            note=own.note,
        )

    def _is_right(self, trace: Any) -> bool:
        return bool(trace.reward >= self.config.right_from)


def _messages(prompt: Any) -> list[Any]:
    """Return what a task asks as messages; one that lets the user open asks nothing yet."""
    if isinstance(prompt, str):
        return [vf.UserMessage(content=prompt)]
    return list(prompt or [])


def _said(trace: Any) -> str:
    return str(trace.last_reply or "")
