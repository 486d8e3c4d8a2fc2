"""Several servers behind one run: a trunk stays with its server, and one that dies takes nothing with it."""

import contextlib

import pytest
import torch
from vllm_server import BASE, DEAD, serving

from secondthought.config import ModelConfig
from secondthought.config.inference import InferenceConfig
from secondthought.errors import ConfigError, PolicyError
from secondthought.inference.loading import load_policy, sampled_by
from secondthought.types import Message, Prompt, Sampling

SAMPLING = Sampling(temperature=0.9, max_tokens=6)


@pytest.fixture
def local(checkpoints):
    return load_policy(ModelConfig(path=str(checkpoints / "qwen2"), device="cpu", lora={"rank": 4}))


def groups_of(policy, groups=4, branches=2):
    trunks = [policy.start([Message(role="user", content=f"What is {n} and {n}?")]) for n in range(groups)]
    return [
        Prompt(trunk=trunk, tail=trunk[-2:] * k, key=100 * n + k)
        for k in range(branches)
        for n, trunk in enumerate(trunks)
    ]


@contextlib.contextmanager
def two(checkpoints, local, folder):
    with serving(checkpoints / "qwen2") as one, serving(checkpoints / "qwen2") as other:
        config = InferenceConfig(engine="vllm", url=(one.url, other.url), attempts=2)
        with sampled_by(config, local, folder) as policy:
            yield policy, one, other


def sampled_at(held, prompts):
    """The prompts of a call that a server was asked, by their seeds."""
    seeds = {prompt.key % 2**63 for prompt in prompts}
    return {
        body["seed"] for body in held.routes("/v1/completions") if body["seed"] in seeds and body["max_tokens"] == 6
    }


def shake(policy):
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05)


def ids(completions):
    return [done.token_ids for done in completions]


def test_each_trunk_has_one_server_and_both_have_some(checkpoints, local, tmp_path):
    prompts = groups_of(local)
    with two(checkpoints, local, tmp_path) as (policy, one, other):
        assert ids(policy.sample(prompts, SAMPLING)) == ids(local.sample(prompts, SAMPLING))
        at_one, at_other = sampled_at(one, prompts), sampled_at(other, prompts)
        assert not at_one & at_other
        trunks = [{prompt.trunk for prompt in prompts if prompt.key in seeds} for seeds in (at_one, at_other)]
        assert len(trunks[0]) == len(trunks[1]) == 2
        assert not trunks[0] & trunks[1]


def test_both_get_the_weights_and_both_are_probed(checkpoints, local, tmp_path):
    prompts = groups_of(local)
    with two(checkpoints, local, tmp_path) as (policy, one, other):
        policy.sample(prompts, SAMPLING)
        shake(local)
        assert ids(policy.sample(prompts, SAMPLING)) == ids(local.sample(prompts, SAMPLING))
        assert [len(held.routes("/v1/load_lora_adapter")) for held in (one, other)] == [2, 2]
        assert list(one.models) == list(other.models)
        other.stale = True
        shake(local)
        with pytest.raises(PolicyError, match="goes on with the weights of the step before"):
            policy.sample(prompts, SAMPLING)


def test_a_server_that_dies_takes_nothing_with_it(checkpoints, local, tmp_path, caplog):
    prompts = groups_of(local)
    with two(checkpoints, local, tmp_path) as (policy, one, _other):
        policy.sample(prompts[:1], SAMPLING)
        one.faults["/v1/completions"] = list(DEAD)
        wanted = ids(local.sample(prompts, SAMPLING))
        assert ids(policy.sample(prompts, SAMPLING)) == wanted
        assert policy.servers.up == (policy.servers.servers[1],)
        assert caplog.text.count("the other servers go on") == 1
        one.faults.clear()
        shake(local)
        assert ids(policy.sample(prompts, SAMPLING)) == ids(local.sample(prompts, SAMPLING))
        assert len(policy.servers.up) == 2, "it is asked again when weights are brought over"


@pytest.mark.parametrize("said", [0, 2])
def test_what_a_server_gives_up_as_it_ends_is_asked_of_the_others(checkpoints, local, tmp_path, said):
    """vLLM that is told to end answers what it has so far, as if it were whole but for `finish_reason`."""
    prompts = groups_of(local)

    def given_up(answer):
        [choice] = answer["choices"]
        logprobs = {"token_logprobs": choice["logprobs"]["token_logprobs"][:said]} if said else None
        choice |= {"token_ids": choice["token_ids"][:said], "logprobs": logprobs, "finish_reason": "abort"}
        return answer

    with two(checkpoints, local, tmp_path) as (policy, one, _other):
        policy.sample(prompts[:1], SAMPLING)
        one.change = given_up
        assert ids(policy.sample(prompts, SAMPLING)) == ids(local.sample(prompts, SAMPLING))
        assert policy.servers.up == (policy.servers.servers[1],)


def test_a_server_that_does_not_take_weights_is_left_out(checkpoints, local, tmp_path):
    prompts = groups_of(local)
    with two(checkpoints, local, tmp_path) as (policy, _one, other):
        policy.sample(prompts, SAMPLING)
        shake(local)
        other.faults["/v1/load_lora_adapter"] = list(DEAD)
        assert ids(policy.sample(prompts, SAMPLING)) == ids(local.sample(prompts, SAMPLING))
        assert policy.servers.up == (policy.servers.servers[0],)


def test_a_server_that_dies_while_it_is_probed_is_left_out(checkpoints, local, tmp_path):
    prompts = groups_of(local)
    with two(checkpoints, local, tmp_path) as (policy, _one, other):
        other.faults["/v1/completions"] = list(DEAD)
        assert ids(policy.sample(prompts, SAMPLING)) == ids(local.sample(prompts, SAMPLING))
        assert policy.servers.up == (policy.servers.servers[0],)


def test_a_server_that_comes_late_is_checked_like_the_others(checkpoints, local, tmp_path):
    """It answers first when weights are brought for the second time: its flags are looked at then."""
    prompts = groups_of(local)
    with two(checkpoints, local, tmp_path) as (policy, _one, other):
        other.faults["/v1/load_lora_adapter"] = list(DEAD)
        policy.sample(prompts, SAMPLING)
        other.faults.clear()
        other.completion = halved(other)
        shake(local)
        with pytest.raises(PolicyError, match="processed_logprobs"):
            policy.sample(prompts, SAMPLING)


def halved(held):
    """What a server tells that leaves the temperature out: right where that is 0."""
    completion = held.completion

    def told(body):
        answer = completion(body)
        logprobs = answer["choices"][0]["logprobs"]
        if body["temperature"]:
            logprobs["token_logprobs"] = [value / 2 for value in logprobs["token_logprobs"]]
        return answer

    return told


def test_where_none_answers_the_run_stops(checkpoints, local, tmp_path):
    prompts = groups_of(local)
    with two(checkpoints, local, tmp_path) as (policy, one, other):
        policy.sample(prompts, SAMPLING)
        for held in (one, other):
            held.faults["/v1/completions"] = list(DEAD)
        with pytest.raises(PolicyError, match="/v1/completions"):
            policy.sample(prompts, SAMPLING)


def test_a_refusal_is_no_death(checkpoints, local, tmp_path):
    with two(checkpoints, local, tmp_path) as (policy, one, _other):
        policy.sample(groups_of(local), SAMPLING)
        one.faults["/v1/completions"] = [(400, {"error": {"message": "no"}})] * 100
        with pytest.raises(PolicyError, match="HTTP 400: no"):
            policy.sample(groups_of(local), SAMPLING)


def test_servers_of_two_models_are_refused(checkpoints, local, tmp_path):
    with serving(checkpoints / "qwen2") as one, serving(checkpoints / "qwen2") as other:
        other.models["another"] = other.models.pop(BASE)
        config = InferenceConfig(engine="vllm", url=(one.url, other.url))
        with (
            pytest.raises(PolicyError, match=r"serves another, and .* serves base-model"),
            sampled_by(config, local, tmp_path),
        ):
            pass


def test_no_server_at_all_is_refused(local, tmp_path):
    with (
        pytest.raises(ConfigError, match=r"inference\.url is missing"),
        sampled_by(InferenceConfig(engine="vllm", url=()), local, tmp_path),
    ):
        pass
