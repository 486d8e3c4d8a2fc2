"""A served model as a policy, asked over real HTTP on loopback."""

import math

import policy_contract as contract
import pytest
from misbehaving_server import body, completion, serving, status

from secondthought.config import EpisodeConfig
from secondthought.errors import PolicyError
from secondthought.evaluate import evaluate
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.served_model import EndpointPolicy
from secondthought.inference.resuming import SAMPLES, resumable
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.inference.spelled import END_OF_TURN
from secondthought.rollout.player import Keys, Player
from secondthought.tasks import load
from secondthought.types import Message, Prompt, Sampling, StopReason

TASK = load("countdown", {"preset": "tiny"})
SHORT = Sampling(temperature=0.5, max_tokens=40)
NOT_KNOWN = (contract.check_longer_limit_extends, contract.check_completions, contract.check_next_turn)
"""Where a text is cut, and into which tokens, is the server's; and log-probabilities are not known."""
LIKE_OURS = [check for check in contract.ALL_CHECKS if check not in NOT_KNOWN]


def policy_at(server, **settings):
    return EndpointPolicy(
        Endpoint(
            url=server.url, model="m", **{"time_limit_s": 60.0, "first_delay_s": 0.001, "concurrency": 3} | settings
        )
    )


def asked(policy, *texts, tools=()):
    return [
        Prompt(trunk=policy.start([Message(role="user", content=text)], tools), key=key)
        for key, text in enumerate(texts)
    ]


@pytest.mark.parametrize("check", LIKE_OURS, ids=lambda check: check.__name__)
def test_contract(check):
    with serving(lambda messages: f"{len(messages)} so far, last {messages[-1]['content'][-9:]}"[:12]) as server:
        check(policy_at(server))


def test_an_episode_is_the_conversation_that_the_server_sees():
    def play(policy):
        player = Player.resolve(policy, TASK, EpisodeConfig())
        return evaluate(player, TASK.problems("test", 6, 0), num_tries=3, keys=Keys(seed=0, phase="test")).rows

    def say(messages):
        return f"<answer> {len(messages)} + 1 </answer>"

    with serving(say) as server:
        found = play(policy_at(server))
    # The same as a script that is told the same conversations: roles, texts and order are those that were sent.
    expected = play(ScriptedPolicy(lambda messages, key: say(messages)))
    texts = [[(turn.kind, turn.request, turn.text, turn.verdict) for turn in row.turns] for row in found]
    assert texts == [[(turn.kind, turn.request, turn.text, turn.verdict) for turn in row.turns] for row in expected]
    longest = max(server.requests, key=lambda request: len(request["body"]["messages"]))
    assert [said["role"] for said in longest["body"]["messages"]] == ["user", "assistant"] * 4 + ["user"]


def test_tokens_are_the_servers_and_logprobs_are_not_known():
    told = body(b'{"choices": [{"message": {"content": "one two three"}, "finish_reason": "stop"}],'
                b' "usage": {"completion_tokens": 3}}')  # fmt: skip
    with serving(lambda _: "x" * 40, {"a": [told]}) as server:
        policy = policy_at(server)
        first, second = policy.sample(asked(policy, "a", "b"), SHORT)
    assert (len(first.token_ids), len(second.token_ids)) == (4, 11)  # with the end of the turn; letters over four
    assert first.token_ids[-1] == END_OF_TURN
    assert all(map(math.isnan, first.logprobs))
    assert first.text == "one two three"


@pytest.mark.parametrize(
    ("finish", "message", "text", "stop"),
    [
        ("length", {}, "half a", StopReason.LENGTH),
        ("stop", {"content": ""}, "", StopReason.END),
        ("stop", {"content": None, "refusal": "I will not"}, "", StopReason.END),
        ("content_filter", {}, "half a", StopReason.END),
        ("stop", {"content": "", "reasoning_content": "hm"}, "", StopReason.END),
    ],
)
def test_what_is_no_whole_answer_is_judged_all_the_same(finish, message, text, stop):
    """Were these left out, a model would look the better the more often it says nothing."""
    answer = completion("half a", finish=finish, message=message)
    with serving(script={"a": [lambda handler: handler.say(200, answer)] * 40}) as server:
        policy = policy_at(server, patience=2)
        found = policy.sample([*asked(policy, *["a"] * 9)], SHORT)
    assert [(item.text, item.stop) for item in found] == [(text, stop)] * 9


def test_tools_are_sent_as_tools_and_calls_come_back_as_text():
    tool = {"name": "f", "description": "", "parameters": {"type": "object", "properties": {}}}
    call = {"tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}], "content": None}
    with serving(script={"a": [lambda handler: handler.say(200, completion("", message=call))]}) as server:
        policy = policy_at(server)
        (found,) = policy.sample(asked(policy, "a", tools=[tool]), SHORT)
    assert found.text == '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    assert server.requests[0]["body"]["tools"] == [{"type": "function", "function": tool}]
    assert (server.requests[0]["body"]["temperature"], server.requests[0]["body"]["max_tokens"]) == (0.5, 40)


def test_a_conversation_without_an_answer_ends_the_measurement_and_loses_nothing(tmp_path):
    path = tmp_path / f"a{SAMPLES}"
    texts = [f"q{number}" for number in range(30)]
    with serving(lambda messages: messages[-1]["content"], {"q29": [status(400, "too long")]}) as server:
        for expected in (pytest.raises(PolicyError, match="no answer: HTTP 400: too long"), None):
            policy = policy_at(server, concurrency=2)
            prompts = asked(policy, *texts)
            with resumable(policy, path) as kept, kept.flow() as flow:
                flow.add(prompts, SHORT)
                if expected is None:
                    found = [said for _ in range(9) for _, said in flow.step()]
                    assert {said.text for said in found} == set(texts)
                else:
                    with expected:
                        [flow.step() for _ in range(9)]
    assert len(server.requests) <= 30 + 8  # those of one step are asked again


def test_the_same_key_gets_the_same_text():
    counted = iter(range(99))
    with serving(lambda _: str(next(counted))) as server:
        policy = policy_at(server)
        (one,), (two,) = (policy.sample(asked(policy, "a"), SHORT) for _ in range(2))
        (other,) = policy.sample([Prompt(trunk=policy.start([Message(role="user", content="a")]), key=7)], SHORT)
    assert one == two
    assert other != one
