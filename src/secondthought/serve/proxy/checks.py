"""The check of a request: what it states itself (a JSON schema, its tools), or a task that the operator named.

Tasks judge in threads, each with tasks of its own: a check may wait for a process, and other requests go on meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from secondthought.errors import SecondthoughtError
from secondthought.protocols import Task
from secondthought.serve.proxy.requests import OWN_FIELD, BadRequest, ChatCall
from secondthought.serve.thinking import Spoken
from secondthought.spelling import suggestion
from secondthought.tasks.chat_request.answers import AnswerParts, said_by, said_in
from secondthought.tasks.chat_request.messages import in_text
from secondthought.tasks.chat_request.stated import stated
from secondthought.tasks.chat_request.task import NAME, ChatRequest
from secondthought.tasks.judging import judge
from secondthought.types import Problem, Verdict

T = TypeVar("T")
_FINDERS = 2
"""Threads that read what requests state: apart from those that judge, which may wait for slow commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCheck:
    """A `FoundCheck` is the task that judges a request, and the request as its problem."""

    name: str
    """The name that the operator gave the check; that of the task of chat requests otherwise."""
    problem: Problem
    is_text: bool
    """The problem's text is all that the client said: it may be stored."""


class Checks:
    """`Checks` find and run the checks of requests."""

    def __init__(self, named: Mapping[str, Callable[[], Task]], workers: int, *, reads_calls: bool = False) -> None:
        """Make one task of each kind, so that what cannot be made is told before a port is open.

        Args:
            named: makers of the operator's checks, by name.
            workers: threads that judge.
            reads_calls: calls may stand in the text of an answer: the upstream does not tell them from words.

        Raises:
            TaskError: a check cannot be made.
        """
        self._makers: dict[str, Callable[[], Task]] = {**named, NAME: _chat_request}
        self.requests = {name: make().reflection_request for name, make in self._makers.items()}
        """What each check's task asks for after a failed try."""
        self._own = threading.local()
        self.reads_calls = reads_calls
        self._finders = ThreadPoolExecutor(_FINDERS, thread_name_prefix="find")
        self._judges = ThreadPoolExecutor(workers, thread_name_prefix="check")

    def close(self) -> None:
        """End the threads."""
        for pool in (self._finders, self._judges):
            pool.shutdown(wait=False, cancel_futures=True)

    async def find(self, call: ChatCall) -> FoundCheck | None:
        """Return the check of a request; None where nothing in it can be checked.

        Raises:
            BadRequest: the client names a check that is not there, or what it states is damaged.
        """
        if call.check is not None and call.check not in self._makers:
            known = [name for name in self._makers if name != NAME]
            says = f"there are {', '.join(known)}" if known else "this server has none; see its --checks"
            hint = suggestion(call.check, known)
            raise BadRequest(f"'{OWN_FIELD}.check': there is no check {call.check!r}{hint}; {says}")
        is_stated = call.body.get("tools") or call.body.get("response_format")
        if call.check is None and (not is_stated or call.body.get("n") not in (None, 1)):
            return None  # several answers to one request are the client's to choose from
        return await _within(self._finders, lambda: self._found(call))

    async def judge(self, found: FoundCheck, spoken: Spoken) -> Verdict:
        """Judge a try.

        Raises:
            TaskError: the task's own code fails.
        """
        return await _within(self._judges, lambda: self._judged(found, spoken))

    def said(self, found: FoundCheck, spoken: Spoken) -> AnswerParts:
        """Take the answer to a chat request apart."""
        message = spoken.reply["choices"][0]["message"] if spoken.reply else {}
        if self.reads_calls and not message.get("tool_calls"):
            return said_in(spoken.text, found.problem.tools)
        return said_by(message, str(message.get("content") or "") if message.get("tool_calls") else spoken.text)

    async def still_fails(self, name: str, data: Mapping[str, Any], text: str) -> Problem | None:
        """Return the problem that `data` is, if the text fails its check; None if it passes, or is no problem."""

        def work() -> Problem | None:
            try:
                task = self._task(name)
                problem = task.parse(data)
                return None if judge(task, problem, text).correct else problem
            except SecondthoughtError:
                return None

        return await _within(self._judges, work)

    def _judged(self, found: FoundCheck, spoken: Spoken) -> Verdict:
        task = self._task(found.name)
        if found.name != NAME:
            return judge(task, found.problem, spoken.text)
        wanted = stated(found.problem.data)
        assert isinstance(task, ChatRequest)
        assert wanted is not None
        return task.judged(wanted, self.said(found, spoken))

    def _found(self, call: ChatCall) -> FoundCheck | None:
        try:
            if call.check not in (None, NAME):
                return self._named(str(call.check), call)
            task = self._task(NAME)
            assert isinstance(task, ChatRequest)
            found = task.read(call.body)
        except SecondthoughtError as error:
            if call.check is None:
                return None  # the upstream may know what we do not: it is passed on
            raise BadRequest(str(error)) from None
        return None if found is None else FoundCheck(name=NAME, problem=found[0], is_text=found[1])

    def _named(self, name: str, call: ChatCall) -> FoundCheck:
        """Read the client's row of the named task; without one, what its user asks last is the question."""
        told = in_text(call.body["messages"])
        asked = [message.content for message in told.messages if message.role == "user"]
        data = {"question": asked[-1] if asked else ""} if call.data is None else dict(call.data)
        is_whole = call.data is not None or (told.is_all and len(told.messages) == 1)
        return FoundCheck(name=name, problem=self._task(name).parse(data), is_text=is_whole)

    def _task(self, name: str) -> Task:
        tasks: dict[str, Task] = self._own.__dict__.setdefault("tasks", {})
        if name not in tasks:
            tasks[name] = self._makers[name]()
        return tasks[name]


def _chat_request() -> Task:
    return cast(Task, ChatRequest())


async def _within(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work)
