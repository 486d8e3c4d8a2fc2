"""Courses: each gets its own answers in order, whatever else is in flight and in whatever order things end."""

from __future__ import annotations

import random
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import tiny_policy

from secondthought.inference.batch_flow import BatchFlow
from secondthought.rollout.scheduler import Ask, Fork, run
from secondthought.types import Completion, Prompt, Sampling, StopReason

SHORT, LONG = Sampling(max_tokens=4), Sampling(max_tokens=9)


class Echo:
    """Says the key of each prompt and the limit it was asked under."""

    name = "echo"

    def __init__(self):
        self.calls = []

    def sample(self, prompts, sampling):
        self.calls.append((sampling, len(prompts)))
        return [
            Completion(token_ids=(1,), logprobs=(0.0,), text=f"{p.key}/{sampling.max_tokens}", stop=StopReason.END)
            for p in prompts
        ]


class Erratic(Echo):
    """The same answers, a few at a time and in an order of its own."""

    def __init__(self, seed):
        super().__init__()
        self.random = random.Random(seed)
        self.closed = False

    @contextmanager
    def flow(self):
        yield ErraticFlow(self)
        self.closed = True


class ErraticFlow:
    def __init__(self, policy):
        self.policy, self.waiting = policy, []
        self.rounds = BatchFlow(policy)

    def add(self, prompts, sampling):
        tickets = [1000 + 7 * (len(self.waiting) + number) for number in range(len(prompts))]
        tickets = [self.policy.random.getrandbits(60) for _ in tickets]
        self.waiting += zip(tickets, prompts, [sampling] * len(prompts), strict=True)
        return tickets

    def step(self):
        self.policy.random.shuffle(self.waiting)
        count = self.policy.random.randint(0, len(self.waiting))
        ready, self.waiting = self.waiting[:count], self.waiting[count:]
        return [(ticket, self.policy.sample([prompt], sampling)[0]) for ticket, prompt, sampling in ready]


def prompt(key):
    return Prompt(trunk=(1, 2, 3), key=key)


def leaf(key, steps):
    """ChatModel one thing after another; what it heard is its result."""
    heard = []
    for step in range(steps):
        [said] = yield Ask((prompt(100 * key + step),), LONG if step % 2 else SHORT)
        heard.append(said.text)
    return key, heard


def tree(shape, key=1):
    """Forks as the shape says; a number is a leaf that asks so often."""
    if isinstance(shape, int):
        result = yield from leaf(key, shape)
        return result
    parts = yield Fork([tree(part, 10 * key + place) for place, part in enumerate(shape)])
    return parts


def expected(shape, key=1):
    if isinstance(shape, int):
        return key, [f"{100 * key + step}/{9 if step % 2 else 4}" for step in range(shape)]
    return [expected(part, 10 * key + place) for place, part in enumerate(shape)]


SHAPES = st.recursive(st.integers(0, 4), lambda inner: st.lists(inner, max_size=3), max_leaves=8)


@given(st.lists(SHAPES, max_size=4), st.integers(0, 99))
def test_every_course_hears_what_it_asked_for(shapes, seed):
    wanted = [expected(shape, place + 1) for place, shape in enumerate(shapes)]
    for policy in (Echo(), Erratic(seed)):
        assert run(policy, [tree(shape, place + 1) for place, shape in enumerate(shapes)]) == wanted


def test_without_a_flow_all_that_waits_is_one_call_per_way_of_sampling():
    policy = Echo()
    run(policy, [leaf(1, 2), leaf(2, 3), leaf(3, 1)])
    assert policy.calls == [(SHORT, 3), (LONG, 2), (SHORT, 1)]


def test_an_error_ends_every_course_and_closes_the_flow():
    closed = []

    def patient():
        try:
            yield Ask((prompt(1),), SHORT)
        finally:
            closed.append("patient")

    def fails():
        yield Ask((prompt(2),), SHORT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Echo(), [patient(), fails(), patient()])
    assert closed == ["patient"] * 2


def conversation(key, turns):
    """Continues its own conversation: every turn's prompt holds what was said before."""
    said, ids = [], tuple(range(3, 3 + key % 5 + 1))
    for turn in range(turns):
        [completion] = yield Ask((Prompt(trunk=ids[:4], tail=ids[4:], key=1000 * key + turn),), LONG)
        said.append(completion.token_ids)
        ids = (*ids, *completion.token_ids)
    return said


@pytest.mark.parametrize("reason", [None, "as a test"])
def test_a_language_model_in_flight_says_what_it_says_in_rounds(reason):
    policy = tiny_policy()
    policy.unshared_reason = reason

    def courses():
        return [conversation(key, 1 + key % 4) for key in range(12)]

    in_rounds = run(Grounded(policy), courses())
    before = policy.num_sampled
    assert run(policy, courses()) == in_rounds
    assert policy.num_sampled - before == sum(len(ids) for said in in_rounds for ids in said)


class Grounded:
    """A policy without its flow."""

    def __init__(self, policy):
        self.sample = policy.sample
