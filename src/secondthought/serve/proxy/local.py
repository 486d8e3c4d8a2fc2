"""`LocalUpstream` answers with a model of this machine: requests that come while others are under way join them.

One thread samples. What a local model cannot do is refused by name, never passed over: a client that asks for it would
believe that it was done.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from secondthought import rng
from secondthought.errors import SecondthoughtError, first_line, shown
from secondthought.inference.batch_flow import BatchFlow
from secondthought.protocols import Flow, FlyingPolicy, Policy
from secondthought.serve.proxy.upstream import Refused
from secondthought.tasks.chat_request.messages import in_text
from secondthought.tasks.chat_request.stated import stated
from secondthought.types import Completion, Prompt, Sampling, StopReason

logger = logging.getLogger(__name__)

REFLECTOR = "secondthought-reflector"
"""Names, in a request, the model with its adapter where tries are those of the model without it."""
_UNKNOWN = ("stop", "logprobs", "top_logprobs", "top_k", "min_p", "functions", "audio", "modalities")
"""Fields that a local model cannot do as they ask."""
_NEUTRAL: Mapping[str, Any] = {"n": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}
"""Fields that a local model does at one value alone."""


class _Stopped(Exception):
    """A `_Stopped` says that a request was given up for no fault of its own."""


class _Sampled(NamedTuple):
    prompt: Prompt
    sampling: Sampling
    answer: Future[Completion]


class LocalUpstream:
    """A `LocalUpstream` samples completions of chat requests from a policy."""

    def __init__(self, policy: Policy, default: Sampling, reflector: Sampling) -> None:
        """Take the policy, and how it samples where a request does not say.

        Args:
            policy: the model.
            default: temperature and length of an answer, and whether the model's adapter writes it.
            reflector: the same where the model is asked for by the name `REFLECTOR`.
        """
        self.name = policy.name
        self._policy = policy
        self._default, self._reflector = default, reflector
        self._waiting: queue.Queue[_Sampled | None] = queue.Queue()
        self._num_asked = itertools.count()
        self._salt = int.from_bytes(os.urandom(6), "big")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sample in a thread as long as the context lasts."""
        thread = threading.Thread(target=self._sample, name="local model", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._waiting.put(None)
            await asyncio.to_thread(thread.join)

    async def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the completion of a body; see `Upstream.complete`."""
        self._refuse_unknown(body)
        try:
            asked = self._asked(body)
        except SecondthoughtError as error:
            raise Refused(400, str(error)) from None
        self._waiting.put(asked)
        try:
            said = await asyncio.wrap_future(asked.answer)
        except _Stopped as error:
            raise Refused(503, str(error)) from None
        except SecondthoughtError as error:
            raise Refused(400, str(error)) from None
        except Exception as error:
            raise Refused(500, f"the request cannot be sampled: {first_line(error)}") from None
        return self._completion(asked, said)

    def _refuse_unknown(self, body: Mapping[str, Any]) -> None:
        for name in _UNKNOWN:
            if body.get(name):
                raise Refused(400, f"a local model takes no {name!r}; leave it out, or serve an endpoint")
        for name, neutral in _NEUTRAL.items():
            if body.get(name) not in (None, neutral):
                raise Refused(400, f"a local model takes {name!r} at {neutral} alone, not {shown(body[name])}")

    def _asked(self, body: Mapping[str, Any]) -> _Sampled:
        told, wanted = in_text(body.get("messages")), stated(body)
        if not told.is_all:
            raise Refused(400, "a local model reads text alone")
        tools = () if wanted is None else wanted.tools
        seed = body.get("seed")
        names = (seed,) if isinstance(seed, int) else (self._salt, next(self._num_asked))
        prompt = Prompt(trunk=self._policy.start(told.messages, tools), key=rng.key("serve", *names))
        return _Sampled(prompt, self._sampling(body), Future())

    def _sampling(self, body: Mapping[str, Any]) -> Sampling:
        own = self._reflector if body.get("model") == REFLECTOR else self._default
        length = body.get("max_completion_tokens") or body.get("max_tokens") or own.max_tokens
        temperature = own.temperature if body.get("temperature") is None else body["temperature"]
        if type(length) is not int or length < 1:
            raise Refused(400, f"'max_tokens' must be a whole number of at least 1, not {shown(length)}")
        if type(temperature) not in (int, float) or not 0 <= temperature <= 2:
            raise Refused(400, f"'temperature' must be a number from 0 to 2, not {shown(temperature)}")
        return Sampling(temperature=float(temperature), max_tokens=length, adapter=own.adapter)

    def _completion(self, asked: _Sampled, said: Completion) -> dict[str, Any]:
        prompt, written = len(asked.prompt.ids), len(said.token_ids)
        ended = "length" if said.stop is StopReason.LENGTH else "stop"
        return {
            "id": f"chatcmpl-{asked.prompt.key:016x}",
            "object": "chat.completion",
            "created": round(time.time()),
            "model": self.name,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": said.text}, "finish_reason": ended}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written},
        }

    def _sample(self) -> None:
        """Answer what waits until there is None; whoever is under way then gets no answer."""
        goes_on = True
        while goes_on:  # a flow in which sampling failed is left, and another begun
            if isinstance(self._policy, FlyingPolicy):
                with self._policy.flow() as flow:
                    goes_on = self._fly(flow)
            else:
                goes_on = self._fly(BatchFlow(self._policy))

    def _fly(self, flow: Flow) -> bool:
        """Answer in one flow; return False where the server stops, True where sampling failed."""
        under_way: dict[int, Future[Completion]] = {}
        while True:
            for asked in self._next(wait=not under_way):
                if asked is None:
                    _fail(under_way.values(), _Stopped("the server is stopping"))
                    return False
                try:
                    [ticket] = flow.add([asked.prompt], asked.sampling)
                except Exception as error:  # whatever it is, its client waits
                    _fail([asked.answer], error)
                else:
                    under_way[ticket] = asked.answer
            try:
                done = flow.step() if under_way else []
            except Exception as error:  # memory that ran out, say: whoever waits must be told
                logger.warning("sampling failed: %s", error, exc_info=logger.isEnabledFor(logging.DEBUG))
                _fail(under_way.values(), _Stopped(f"sampling failed: {first_line(error)}"))
                return True
            for ticket, completion in done:
                answer = under_way.pop(ticket)
                if answer.set_running_or_notify_cancel():
                    answer.set_result(completion)

    def _next(self, *, wait: bool) -> list[_Sampled | None]:
        """Return all that waits; with nothing under way, wait for the first."""
        found: list[_Sampled | None] = []
        try:
            while True:
                found.append(self._waiting.get(block=wait and not found))
        except queue.Empty:
            return found


def _fail(answers: Iterable[Future[Completion]], error: Exception) -> None:
    for answer in answers:
        if answer.set_running_or_notify_cancel():
            answer.set_exception(error)
