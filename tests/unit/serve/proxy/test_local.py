"""A local model behind the proxy: requests join those under way, and what it cannot do is refused by name."""

import asyncio
import json

import pytest
from proxied import FORM, asking, body, proxy_before

from secondthought.errors import PolicyError
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.serve.proxy.local import REFLECTOR, LocalUpstream
from secondthought.types import Sampling

SAMPLING = Sampling(temperature=0.7, max_tokens=50)


def local(policy, sampling=SAMPLING):
    return LocalUpstream(policy, sampling, Sampling(temperature=0.7, max_tokens=20))


def ask(upstream, *bodies, **settings):
    async def all_of_it():
        async with asking(proxy_before(upstream, **settings)) as client:
            return await asyncio.gather(*(client.post("/chat/completions", json=one) for one in bodies))

    return asyncio.run(all_of_it())


def test_a_second_thought_by_a_local_model():
    script = ScriptedPolicy(["a is x", "I forgot JSON.", '{"a": "x"}'])
    [reply] = ask(local(script), body(response_format=FORM), tells=True)
    assert reply.json()["secondthought"]["tries"] == 2
    assert json.loads(reply.json()["choices"][0]["message"]["content"]) == {"a": "x"}
    assert reply.json()["usage"]["total_tokens"] > 0


def test_without_a_check_it_answers():
    [reply] = ask(local(ScriptedPolicy(["hello"])), body())
    assert reply.json()["choices"][0]["message"]["content"] == "hello"


def test_a_model_under_training_serves_many_at_once(policy):
    """Twelve requests of several lengths and temperatures, in flight together; a seed makes an answer again."""
    bodies = [body(f"Say {n}.", max_tokens=2 + n, seed=n, temperature=n / 10) for n in range(12)]
    once = [reply.json()["choices"][0] for reply in ask(local(policy), *bodies)]
    alone = [ask(local(policy), one)[0].json()["choices"][0] for one in bodies]
    assert once == alone
    assert {choice["finish_reason"] for choice in once} <= {"stop", "length"}


def test_without_a_seed_answers_differ(policy):
    texts = {reply.json()["choices"][0]["message"]["content"] for reply in ask(local(policy), *[body()] * 6)}
    assert len(texts) > 1


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ({"stop": ["x"]}, "takes no 'stop'"),
        ({"logprobs": True}, "takes no 'logprobs'"),
        ({"n": 3}, "takes 'n' at 1 alone"),
        ({"top_p": 0.9}, "takes 'top_p' at 1 alone"),
        ({"max_tokens": "many"}, "'max_tokens' must be a whole number"),
        ({"max_tokens": 10**9}, "positions"),
        ({"temperature": 5}, "'temperature' must be a number from 0 to 2"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "reads text alone"),
    ],
)
def test_what_it_cannot_do_is_refused(policy, field, says):
    [reply] = ask(local(policy), {**body(), **field})
    assert reply.status_code == 400
    assert says in reply.json()["error"]["message"]


def test_sampling_that_fails_is_told_and_the_next_request_is_answered():
    def answers(messages, key):
        if "fail" in messages[-1].content:
            raise RuntimeError("out of memory")
        return "fine"

    upstream = local(ScriptedPolicy(answers))

    async def all_of_it():
        async with asking(proxy_before(upstream)) as client:
            return [await client.post("/chat/completions", json=body(text)) for text in ("fail", "go on")]

    failed, fine = asyncio.run(all_of_it())
    assert "out of memory" in failed.json()["error"]["message"]
    assert fine.json()["choices"][0]["message"]["content"] == "fine"


def test_reflections_may_be_the_adapters_alone():
    asked = []

    class Noting(ScriptedPolicy):
        def sample(self, prompts, sampling):
            asked.append(sampling.adapter)
            return super().sample(prompts, sampling)

    upstream = local(Noting(["a is x", "r", '{"a": "x"}']), Sampling(max_tokens=50, adapter=False))
    ask(upstream, body(response_format=FORM), tells=True, reflector=REFLECTOR)
    assert asked == [False, True, False]


def test_its_name_is_listed_and_other_paths_are_not_there():
    async def all_of_it():
        async with asking(proxy_before(local(ScriptedPolicy(["x"], name="tiny")))) as client:
            return await client.get("/models"), await client.post("/embeddings", json={})

    models, other = asyncio.run(all_of_it())
    assert models.json()["data"][0]["id"] == "tiny"
    assert other.status_code == 404


def test_a_model_that_cannot_be_asked_so_says_why():
    class Deaf(ScriptedPolicy):
        def start(self, messages, tools=()):
            raise PolicyError("deaf: no template")

    [reply] = ask(local(Deaf(["x"])), body())
    assert (reply.status_code, reply.json()["error"]["message"]) == (400, "deaf: no template")
