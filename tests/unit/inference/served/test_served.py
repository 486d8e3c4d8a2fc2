"""A vLLM server samples for the model that trains here: the same tokens, new weights each time, and none stale."""

import json
import threading
import time
from dataclasses import replace

import pytest
import torch
from small_runs import NO_CONTROLS, small_config
from vllm_server import BASE, hang_up, serving

from secondthought.config import ModelConfig
from secondthought.config.inference import InferenceConfig
from secondthought.errors import ConfigError, PolicyError
from secondthought.inference.loading import load_policy, require_engine, sampled_by
from secondthought.inference.resuming import resumable
from secondthought.inference.served import server as served_server
from secondthought.runs.recorder import read_metrics
from secondthought.train.run import execute
from secondthought.types import Message, Prompt, Sampling

SAMPLING = Sampling(temperature=0.9, max_tokens=6)


def model_of(checkpoints, rank):
    lora = {"lora": {"rank": rank}} if rank else {}
    return ModelConfig(path=str(checkpoints / "qwen2"), device="cpu", **lora)


def prompts_of(policy, count=4):
    trunks = [policy.start([Message(role="user", content=f"What is {n} and {n}?")]) for n in range(count)]
    return [Prompt(trunk=trunk, key=1000 + n) for n, trunk in enumerate(trunks)]


def shake(policy, by=0.05):
    """Change what trains, as an optimizer does."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter.add_(by * torch.randn(parameter.shape, generator=generator))


def config_of(held, **settings):
    return InferenceConfig(engine="vllm", url=held.url, attempts=3, **settings)


@pytest.mark.parametrize("rank", [0, 4])
def test_the_server_says_what_the_model_here_says_now(checkpoints, tmp_path, rank):
    """Its tokens and log-probabilities are those of the weights as they are, after every change, in both ways."""
    local = load_policy(model_of(checkpoints, rank))
    prompts = prompts_of(local)
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path) as policy:
        for _ in range(3):
            ours, theirs = local.sample(prompts, SAMPLING), policy.sample(prompts, SAMPLING)
            assert [done.token_ids for done in theirs] == [done.token_ids for done in ours]
            assert [done.text for done in theirs] == [done.text for done in ours]
            assert [done.stop for done in theirs] == [done.stop for done in ours]
            for mine, other in zip(ours, theirs, strict=True):
                assert other.logprobs == pytest.approx(mine.logprobs, abs=1e-4)
            shake(local)
        brought = held.routes("/v1/load_lora_adapter" if rank else "/collective_rpc")
        assert len(brought) == 3
        assert policy.measurements()["inference/gap"] < 1e-4
        if rank:
            assert len({call["lora_name"] for call in brought}) == len({call["lora_path"] for call in brought}) == 3
            assert len(held.models) == 2
    if rank:
        assert list(held.models) == [BASE]
        assert list(tmp_path.iterdir()) == []


def test_without_its_adapter_the_base_model_is_asked(checkpoints, tmp_path):
    local = load_policy(model_of(checkpoints, 4))
    shake(local)
    prompts, bare = prompts_of(local), replace(SAMPLING, adapter=False)
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path) as policy:
        assert [one.token_ids for one in policy.sample(prompts, bare)] == [
            one.token_ids for one in local.sample(prompts, bare)
        ]
        asked = held.routes("/v1/completions")[-len(prompts) :]
        assert {call["model"] for call in asked} == {BASE}


def test_a_flow_gives_completions_as_they_come(checkpoints, tmp_path):
    local = load_policy(model_of(checkpoints, 4))
    prompts = prompts_of(local)
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path) as policy:
        wanted = [one.token_ids for one in local.sample(prompts, SAMPLING)]
        with policy.flow() as flow:
            tickets = flow.add(prompts[:3], SAMPLING)
            found = dict(flow.step())
            tickets += flow.add(prompts[3:], SAMPLING)
            while len(found) < len(prompts):
                found.update(flow.step())
            assert flow.step() == []
        assert [found[ticket].token_ids for ticket in tickets] == wanted


@pytest.mark.parametrize("rank", [0, 4])
def test_weights_from_before_are_caught(checkpoints, tmp_path, rank):
    local = load_policy(model_of(checkpoints, rank))
    prompts = prompts_of(local)
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held, max_gap=5.0), local, tmp_path) as policy:
        policy.sample(prompts, SAMPLING)
        held.stale = True
        shake(local, by=0.02)
        with pytest.raises(PolicyError, match="goes on with the weights of the step before"):
            policy.sample(prompts, SAMPLING)


def test_another_model_is_caught(checkpoints, tmp_path):
    local = load_policy(model_of(checkpoints, 4))
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path) as policy:
        shake(held.models[BASE])
        with pytest.raises(PolicyError, match="the server's model is not the one that trains"):
            policy.sample(prompts_of(local), SAMPLING)


def test_a_server_in_trouble_is_named_once(checkpoints, tmp_path, caplog):
    caplog.set_level("INFO", logger="secondthought.inference.served.server")
    local = load_policy(model_of(checkpoints, 4))
    prompts = prompts_of(local)
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path) as policy:
        policy.sample(prompts, SAMPLING)
        for _ in range(2):
            held.faults["/v1/completions"] = [(500, {})] * len(prompts)
            policy.sample(prompts, SAMPLING)
    assert caplog.text.count("again in") == 2


def test_evaluations_that_are_resumed_are_of_the_weights_as_they_are(checkpoints, tmp_path):
    """Samples that an interrupted evaluation kept are of the weights that it measured, and of no others."""
    local = load_policy(model_of(checkpoints, 4))
    prompts = prompts_of(local)
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path / "served") as policy:
        with resumable(policy, tmp_path / "kept.samples") as kept:
            kept.sample(prompts, SAMPLING)
        shake(local)
        with resumable(policy, tmp_path / "kept.samples") as kept:
            found = [one.token_ids for one in kept.sample(prompts, SAMPLING)]
        assert found == [one.token_ids for one in local.sample(prompts, SAMPLING)]


def test_a_request_that_waits_is_not_sent_after_the_cut(checkpoints, tmp_path, monkeypatch):
    local = load_policy(model_of(checkpoints, 4))
    with (
        serving(checkpoints / "qwen2") as held,
        sampled_by(config_of(held), local, tmp_path) as policy,
        monkeypatch.context() as patch,
    ):
        policy.bring()
        patch.setattr(served_server, "_FIRST_DELAY_S", 30.0)
        held.faults["/v1/completions"] = [(500, {})]
        began, asked = time.monotonic(), len(held.calls)
        threading.Timer(0.5, policy.cut).start()
        with pytest.raises(PolicyError):
            policy.sample(prompts_of(local, 1), SAMPLING)
        assert time.monotonic() - began < 20
        assert len(held.calls) == asked, "the answer that failed was none of them"


def test_what_passes_is_tried_again(checkpoints, tmp_path):
    local = load_policy(model_of(checkpoints, 4))
    prompts = prompts_of(local)
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path) as policy:
        wanted = [one.token_ids for one in policy.sample(prompts, SAMPLING)]
        held.faults["/v1/completions"] = [(500, {}), (503, {}), hang_up, (429, {})]
        held.faults["/v1/load_lora_adapter"] = [(500, {}), hang_up]
        assert [one.token_ids for one in policy.sample(prompts, SAMPLING)] == wanted
        shake(local)
        assert [one.token_ids for one in policy.sample(prompts, SAMPLING)] != wanted


LIES = {
    "half an answer": (lambda answer: {"choices": []}, "is not answered as vLLM does"),
    "no ids": (lambda answer: spoiled(answer, token_ids=None), "is not answered as vLLM does"),
    "no log-probabilities": (lambda answer: spoiled(answer, logprobs=None), "is not answered as vLLM does"),
    "fewer log-probabilities": (
        lambda answer: spoiled(answer, logprobs={"token_logprobs": [-1.0]}),
        "ids with 1 log-prob",
    ),
    "another model": (lambda answer: {**answer, "model": "other"}, "was asked for .* and answered as other"),
    "another prompt": (lambda answer: spoiled(answer, prompt_token_ids=[1, 2]), "read other ids than it was sent"),
    "not a number": (lambda answer: unlike(answer, float("nan")), "a log-probability is not finite"),
    "cut off": (lambda answer: shortened(answer, 2), "cut an answer off after 2 tokens of 6; .* --max-model-len"),
    "above 0": (lambda answer: unlike(answer, 0.5), "not finite, or above 0"),
}


def spoiled(answer, **fields):
    return {**answer, "choices": [{**answer["choices"][0], **fields}]}


def shortened(answer, count):
    choice = answer["choices"][0]
    logprobs = {"token_logprobs": choice["logprobs"]["token_logprobs"][:count]}
    return spoiled(answer, token_ids=choice["token_ids"][:count], logprobs=logprobs, finish_reason="length")


def unlike(answer, value):
    count = len(answer["choices"][0]["token_ids"])
    return spoiled(answer, logprobs={"token_logprobs": [value] * count})


@pytest.mark.parametrize("name", LIES)
def test_nothing_is_believed_that_can_be_checked(checkpoints, tmp_path, name):
    change, sentence = LIES[name]
    local = load_policy(model_of(checkpoints, 4))
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path) as policy:
        policy.sample(prompts_of(local), SAMPLING)
        held.change = change
        with pytest.raises(PolicyError, match=sentence):
            policy.sample(prompts_of(local), SAMPLING)


def test_log_probabilities_without_the_temperature_are_refused(checkpoints, tmp_path):
    """A server in its default mode tells raw ones: the probe asks at a temperature, too."""
    local = load_policy(model_of(checkpoints, 4))
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path) as policy:
        raw = held.models[BASE]

        def without_temperature(body):
            [choice] = answer_of(held, body)["choices"]
            ids = choice["token_ids"]
            row = torch.tensor([[*body["prompt"], *ids]])
            with torch.no_grad():
                scores = raw.model(input_ids=row).logits[0, len(body["prompt"]) - 1 : -1].log_softmax(-1)
            values = scores[torch.arange(len(ids)), torch.tensor(ids)].tolist()
            return {"model": body["model"], "choices": [{**choice, "logprobs": {"token_logprobs": values}}]}

        answer_of = type(held).completion
        held.completion = without_temperature
        with pytest.raises(PolicyError, match="--logprobs-mode processed_logprobs"):
            policy.sample(prompts_of(local), SAMPLING)


def test_nobody_there_and_routes_that_are_off(checkpoints, tmp_path):
    local = load_policy(model_of(checkpoints, 4))
    gone = InferenceConfig(engine="vllm", url="http://127.0.0.1:9", attempts=1)
    with pytest.raises(PolicyError, match=r"http://127.0.0.1:9/v1/models: "), sampled_by(gone, local, tmp_path):
        pass
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), local, tmp_path) as policy:
        held.faults["/v1/load_lora_adapter"] = [(404, {"error": {"message": "Not Found"}})]
        with pytest.raises(PolicyError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"):
            policy.sample(prompts_of(local), SAMPLING)
    whole = load_policy(model_of(checkpoints, 0))
    with serving(checkpoints / "qwen2") as held, sampled_by(config_of(held), whole, tmp_path) as policy:
        held.faults["/pause?mode=wait"] = [(404, {"detail": "Not Found"})]
        with pytest.raises(PolicyError, match="VLLM_SERVER_DEV_MODE=1"):
            policy.sample(prompts_of(whole), SAMPLING)


def test_what_several_processes_cannot_use_is_refused_beforehand():
    served = {"engine": "vllm", "url": "http://localhost:1"}
    require_engine(InferenceConfig(**served), 2, 1800.0)
    with pytest.raises(ConfigError, match="one process alone samples ahead"):
        require_engine(InferenceConfig(**served, ahead=True), 2, 1800.0)
    with pytest.raises(ConfigError, match=r"time_limit_s: 5 attempts of 300 s .* 1500 s \(train\.timeout_s\)"):
        require_engine(InferenceConfig(**served), 2, 1500.0)
    with pytest.raises(ConfigError, match=r"inference\.url: several processes share"):
        require_engine(InferenceConfig(engine="vllm", program="true"), 2, 1800.0)
    require_engine(InferenceConfig(), 2, 10.0)


def test_settings_of_a_server_need_one():
    with pytest.raises(ValueError, match="url is of a server; set engine = 'vllm'"):
        InferenceConfig(url="http://localhost:8000")


def test_a_run_by_a_server(checkpoints, tmp_path):
    """Each step is sampled by weights of its own; what learns is what the server said."""
    model = checkpoints / "qwen2"
    with serving(model) as held:
        changes = {
            "inference": {"engine": "vllm", "url": held.url},
            "train": {"steps": 3, "eval_every": 3, "eval_problems": 2},
            "evaluation": {**NO_CONTROLS, "problems": 2},
        }
        found = execute(small_config(tmp_path / "run", model, model={"lora": {"rank": 4}}, **changes))
        names = [call["lora_name"] for call in held.routes("/v1/load_lora_adapter")]
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert found["status"] == "finished"
    assert all(row["inference/gap"] < 1e-3 for row in rows if row["step"])
    assert len(set(names)) == len(names) >= found["steps"]
    assert found["tokens_sampled"] > 0
    assert not any((tmp_path / "run" / "served").iterdir())
    assert json.loads((tmp_path / "run" / "config.json").read_text())["config"]["inference"]["engine"] == "vllm"
