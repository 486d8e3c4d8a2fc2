"""Our episode as an environment of verifiers: played by the package's own machinery where it is installed."""

from __future__ import annotations

import asyncio

import pytest

vf = pytest.importorskip("verifiers.v1", reason="needs the extra `verifiers`")

from misbehaving_server import serving  # noqa: E402
from verifiers.v1.clients import ModelContext  # noqa: E402
from verifiers.v1.utils.loaders import environment_class, load_environment  # noqa: E402

from secondthought.bridges.verifiers_environment import ReflectRetry  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # its own, and those of what it needs

ID = "vf_reflect_retry"
AGAIN, NOTE = "Now try again.", "Note to self after a wrong first try: I should double it."
SEAT = {"harness": {"id": "vf_chat"}, "runtime": {"type": "subprocess"}}


def played(answer, monkeypatch, **how):
    """Play one sum, `What is 3 + 3?`; the model answers a conversation by a function."""
    monkeypatch.setenv("NO_KEY", "none")
    kind = environment_class("vf_sums", ID)
    assert kind is ReflectRetry
    config = next(base.__args__[0] for base in kind.__orig_bases__)
    given = {"id": ID, "taskset": {"id": "vf_sums", "count": 4}, "solver": SEAT, "reflector": SEAT, **how}
    environment = load_environment(config.model_validate(given))
    with serving(answer) as server:

        async def play():
            client = vf.EvalClientConfig(base_url=server.url, api_key_var="NO_KEY")
            context = ModelContext(model="m", client=client)
            [task] = [item for item in environment.taskset.load() if item.data.answer == "6"]
            async with environment.serving():
                return await environment.run_episode(task, context)

        episode = asyncio.run(play())
    assert not episode.errors, episode.errors
    return episode, [request["body"]["messages"] for request in server.requests]


@pytest.mark.parametrize("retry_sees", ["all", "reflection"])
@pytest.mark.parametrize("rescued", [True, False])
def test_a_wrong_try_is_reflected_on_and_the_reflection_alone_is_rewarded(monkeypatch, retry_sees, rescued):
    def answer(messages):
        last = messages[-1]["content"]
        if last == AGAIN or last.endswith(NOTE):
            return "6" if rescued else "7"
        return "5" if len([said for said in messages if said["role"] == "user"]) == 1 else "I should double it."

    episode, asked = played(answer, monkeypatch, retry_sees=retry_sees)
    first, reflection, again = episode.traces
    assert [trace.agent.name for trace in episode.traces] == ["solver", "reflector", "solver"]
    assert [trace.agent.trainable for trace in episode.traces] == [False, True, False]
    assert reflection.rewards["rescued"].score == float(rescued)
    assert set(reflection.rewards) == {"rescued"}
    assert [trace.metrics["second_try"] for trace in episode.traces] == [float(rescued)] * 3
    assert {trace.metrics["first_try"] for trace in episode.traces} == {0.0}
    assert (first.reward, again.reward) == (0.5, 1.5 if rescued else 0.5)  # short either way
    seen = [[(said["role"], said["content"]) for said in messages] for messages in asked]
    start = [("system", "Be brief."), ("user", "What is 3 + 3?")]
    assert seen[0] == start
    assert seen[1][:3] == [*start, ("assistant", "5")]
    if retry_sees == "all":
        assert seen[2] == [*seen[1], ("assistant", "I should double it."), ("user", AGAIN)]
    else:
        assert seen[2] == [start[0], ("user", f"What is 3 + 3?\n\n{NOTE}")]


def test_a_right_try_is_left_alone(monkeypatch):
    episode, asked = played(lambda messages: "6", monkeypatch)
    [first] = episode.traces
    assert len(asked) == 1
    assert first.metrics == {**first.metrics, "first_try": 1.0, "second_try": 1.0}


def test_what_is_right_may_ask_for_more(monkeypatch):
    episode, asked = played(lambda messages: "The answer, if I am not mistaken, is 6", monkeypatch, right_from=1.5)
    assert len(asked) == 3
    assert episode.traces[1].rewards["rescued"].score == 0.0
