"""A player is a policy at a task: what it is asked between its turns, how turns are drawn and named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from secondthought import rng
from secondthought.config import EpisodeConfig
from secondthought.config.play import REFLECTION_HERE, Feedback, RetrySees
from secondthought.progress import SILENT, Onlooker
from secondthought.protocols import Policy, Task
from secondthought.rollout.scheduler import Course, run
from secondthought.tasks.abilities import MixedTask
from secondthought.types import Message, Problem, Sampling, TokenIds, TurnKind, Verdict

T = TypeVar("T")

RETRY_REQUEST = "Now try again."
"""Follows a reflection. The paper's own text is not published; this is the least that asks for it."""
WRONG_ANSWER = "Your answer was wrong."
"""Opens the request for a retry without reflection, which nothing else told that the attempt had failed."""
NOTE = f"Note to self after a wrong first try: {REFLECTION_HERE}"
"""Follows the problem where a retry sees the reflection and not the failed try."""
NOTE_ALONE = "Note: a first try was wrong."
"""Stands in its place where there is no reflection: all that such a retry knows of the try before it."""
CHECK_SAYS = "The check says: "
"""Opens what is told of a failed try besides that it failed."""
MAX_FEEDBACK = 600
"""Characters of it: a task may quote what a model wrote, which may be as long as a completion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """The user turns of an episode, as text. The retry's repeats the problem's text, or does not.

    A retry that sees the reflection alone gets no turn of its own but a `note` after what the problem asks.
    """

    reflection: str
    reflections: Mapping[str, str] = field(default_factory=dict)
    """Requests that stand in its place, by the name of a problem's task: those of a mixture."""
    retry: str = RETRY_REQUEST
    repeat_task: bool = True
    feedback: Feedback = "failed"
    retry_sees: RetrySees = "all"
    note: str = NOTE

    @classmethod
    def resolve(cls, task: Task, config: EpisodeConfig) -> Requests:
        """Take the config's texts, and defaults where it names none."""
        worded = cls.worded(task.reflection_request, config)
        if config.reflection_request is not None or not isinstance(task, MixedTask):
            return worded
        return replace(worded, reflections=dict(task.reflection_requests))

    @classmethod
    def worded(cls, reflection: str, config: EpisodeConfig) -> Requests:
        """Take the config's texts; where it asks for no reflection in words of its own, take these."""
        return cls(
            reflection=reflection if config.reflection_request is None else config.reflection_request,
            retry=RETRY_REQUEST if config.retry_request is None else config.retry_request,
            repeat_task=config.repeat_task,
            feedback=config.feedback,
            retry_sees=config.retry_sees,
            note=NOTE if config.note is None else config.note,
        )

    def reflection_on(self, problem: Problem, failed: Verdict | None) -> str:
        """Return the text that asks for a reflection on a try that failed so, with what else is told of it."""
        request, told = self.reflections.get(problem.task, self.reflection), self.told_of(failed)
        return f"{request}\n\n{told}" if told else request

    def told_of(self, failed: Verdict | None) -> str:
        """Return the sentence that tells of a failed try what its verdict says; empty where it is only called wrong."""
        if self.feedback == "failed" or failed is None:
            return ""
        reason = failed.reason.replace("_", " ")
        said = (failed.feedback if self.feedback == "detail" else "").strip() or reason.strip()
        said = said if len(said) <= MAX_FEEDBACK else f"{said[: MAX_FEEDBACK - 3]}..."
        return f"{CHECK_SAYS}{said if said.endswith(('.', '!', '?')) else f'{said}.'}" if said else ""

    def retry_after_reflection(self, problem: Problem) -> str:
        """Return the text that follows a reflection."""
        return self._with_task(self.retry, problem)

    def retry_alone(self, problem: Problem, failed: Verdict | None = None) -> str:
        """Return the text that follows a failed try directly: the news that it was wrong, then the request."""
        return self._with_task(" ".join(filter(None, (WRONG_ANSWER, self.told_of(failed), self.retry))), problem)

    def note_with(self, reflection: str) -> str:
        """Return the note that holds a reflection, whatever its text is."""
        before, _, after = self.note.partition(REFLECTION_HERE)
        return f"{before}{reflection.strip()}{after}"

    def note_alone(self, failed: Verdict | None = None) -> str:
        """Return the note on a failed try that no reflection was written about."""
        return " ".join(filter(None, (NOTE_ALONE, self.told_of(failed))))

    def _with_task(self, request: str, problem: Problem) -> str:
        if not self.repeat_task:
            return request
        asked = [message.content for message in problem.messages if message.role == "user"]
        return f"{request}\n\n{asked[-1]}" if asked else request


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSampling:
    """Lengths and temperature of the turns: tries (attempt and retry are drawn alike) and reflections."""

    attempt: Sampling
    reflection: Sampling

    @classmethod
    def resolve(cls, config: EpisodeConfig, temperature: float | None = None) -> TurnSampling:
        """Take the config's lengths, at its temperature or at another one."""
        chosen = config.temperature if temperature is None else temperature
        return cls(
            attempt=Sampling(
                temperature=chosen, max_tokens=config.max_attempt_tokens, adapter=config.tries_by == "model"
            ),
            reflection=Sampling(temperature=chosen, max_tokens=config.max_reflection_tokens),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Names under which samples are drawn; a sample's own name is its problem, kind and indices.

    The same problem asked twice under the same names gets the same completions, wherever it stands in a batch.
    """

    seed: int
    phase: str
    step: int = 0

    def of(self, problem: Problem, kind: TurnKind, *indices: int) -> int:
        """Return the key of one sample: `indices` are the round, or the branch and the try within it.

        >>> problem = Problem(id="p", task="t", messages=(), data={})
        >>> keys = Keys(seed=0, phase="train", step=3)
        >>> keys.of(problem, TurnKind.RETRY, 0, 1) == keys.of(problem, TurnKind.RETRY, 0, 2)
        False
        """
        return rng.key(self.seed, self.phase, self.step, problem.id, kind.value, *indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A policy at a task: what it is asked between its turns, and how these are sampled."""

    policy: Policy
    task: Task
    requests: Requests
    sampling: TurnSampling
    onlooker: Onlooker = field(default=SILENT, repr=False, compare=False)
    """Who is told how far the playing is."""

    @classmethod
    def resolve(
        cls,
        policy: Policy,
        task: Task,
        config: EpisodeConfig,
        temperature: float | None = None,
        *,
        onlooker: Onlooker = SILENT,
    ) -> Player:
        """Build a player whose texts and lengths are the config's, or the task's where it names none.

        Args:
            policy: who answers.
            task: who asks and judges.
            config: texts, lengths and temperature of an episode.
            temperature: in place of the config's.
            onlooker: who is told how far the playing is.
        """
        return cls(
            policy=policy,
            task=task,
            requests=Requests.resolve(task, config),
            sampling=TurnSampling.resolve(config, temperature),
            onlooker=onlooker,
        )

    def opening(self, problem: Problem, note: str | None = None) -> TokenIds:
        """Return the ids of a conversation that begins with the problem, a note after it where one is given."""
        messages = problem.messages if note is None else noted(problem.messages, note)
        return self.policy.start(messages, problem.tools)

    def seeing(self, retry_sees: RetrySees) -> Player:
        """Return the same player, whose retries see all that was said, or the reflection alone."""
        return replace(self, requests=replace(self.requests, retry_sees=retry_sees))

    def run(self, courses: Sequence[Course[T]], what: str) -> list[T]:
        """Drive courses to their ends and return their results, in order; `what` they are is said to the onlooker."""
        with self.onlooker.stage(what, len(courses)) as stage:
            return run(self.policy, courses, stage)

    @property
    def temperature(self) -> float:
        """Return the temperature of tries."""
        return self.sampling.attempt.temperature

    def at(self, temperature: float) -> Player:
        """Return the same player at another temperature."""
        sampling = TurnSampling(
            attempt=replace(self.sampling.attempt, temperature=temperature),
            reflection=replace(self.sampling.reflection, temperature=temperature),
        )
        return replace(self, sampling=sampling)


class AnyMessage(Protocol):
    """`AnyMessage` is a message of any library: all that is known of it is whose turn it is."""

    @property
    def role(self) -> str:
        """Return `user`, or another."""
        ...


MessageT = TypeVar("MessageT", bound=AnyMessage)


def noted(messages: Sequence[Message], note: str) -> tuple[Message, ...]:
    r"""Return the messages with a note after what the user asks last; of a user who asks nothing, the note alone.

    >>> [said.content for said in noted([Message(role="user", content="1 + 1?")], "Add.")]
    ['1 + 1?\n\nAdd.']
    """
    return tuple(with_note(messages, note, lambda said: said.content, lambda text: Message(role="user", content=text)))


def with_note(
    messages: Sequence[MessageT], note: str, content: Callable[[MessageT], str], user: Callable[[str], MessageT]
) -> list[MessageT]:
    """Do the same with messages of another library: `content` reads one, `user` makes a user's."""
    last = max((place for place, said in enumerate(messages) if said.role == "user"), default=None)
    if last is None:
        return [*messages, user(note)]
    return [*messages[:last], user(f"{content(messages[last])}\n\n{note}"), *messages[last + 1 :]]
