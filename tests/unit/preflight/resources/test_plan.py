"""The plan's arithmetic: hand-counted cases, and the tensors that tiny models really make."""

import json
import struct

import pytest
import torch
from saved_tensors import kept_for_backward, num_bytes
from small_runs import with_tries
from tiny_models import tiny_model, tiny_policy

from secondthought.config import ModelConfig, RunConfig, resolve
from secondthought.errors import PolicyError
from secondthought.inference import branch_cache, decoding, drawing, prefix_cache, row_limit
from secondthought.inference import reading as prompt_reading
from secondthought.models import token_scores
from secondthought.preflight.resources import inputs as reading
from secondthought.preflight.resources import memory, sampling_memory
from secondthought.preflight.resources import workload as work
from secondthought.preflight.resources.memory import Learning, Trees
from secondthought.preflight.resources.model_shape import ModelShape
from secondthought.preflight.resources.plan import MachineSpeed, RunPlan
from secondthought.preflight.resources.sampling_memory import Rows
from secondthought.preflight.resources.workload import Assumed, Lengths
from secondthought.train.learner import Learner
from secondthought.trees import TokenTree, TreeBranch
from secondthought.types import Prompt, Sampling

LENGTHS = Lengths(prompt=10, reflection_request=5, retry_request=7, retry_alone=6, source="a test")
EXACT = Assumed(first_try=0.5, length_share=1.0)
RATES = MachineSpeed(update=1e9, decode=1e9, call=1e-6)
EVERY = ["qwen2", "llama", "qwen3", "gemma"]


def shape_of(model):
    return reading.shape_of(model.config, source="test")


def config(**changed):
    return resolve(with_tries({"train": {"groups_per_step": 4}} | changed, changed), source="test")


def plan(given, shape=None, assumed=EXACT):
    return RunPlan(config=given, shape=shape or shape_of(tiny_model()), lengths=LENGTHS, assumed=assumed)


@pytest.mark.parametrize("architecture", [*EVERY, "mistral-window", "gemma3-window"])
def test_parameters_are_the_models(architecture):
    model = tiny_model(architecture)
    shape = shape_of(model)
    assert shape.parameters == model.num_parameters()
    E, F, HD, KD = shape.hidden, shape.intermediate, shape.queries, shape.keys
    assert shape.matrices == shape.layers * (2 * E * HD + 2 * E * KD + 3 * E * F)


def test_a_shape_is_read_off_names():
    shape = shape_of(tiny_model("qwen3"))
    assert (shape.norms, shape.head_norms, shape.gated, shape.expanded_layers) == (2, True, True, 0)
    shape = shape_of(tiny_model("gemma3-window"))
    assert (shape.norms, shape.head_norms, shape.expanded_layers) == (4, True, 1)
    assert shape_of(tiny_model("mistral-window")).expanded_layers == 2


def test_adapters_by_hand():
    given = config(model={"path": "small", "lora": {"rank": 2, "target_modules": ["q_proj", "down_proj"]}})
    shape = shape_of(tiny_model())
    E, F = shape.hidden, shape.intermediate
    learning = plan(given, shape).learning
    assert learning.trainable == 2 * shape.layers * ((E + shape.queries) + (F + E))
    stays = memory.resident(shape, learning)
    assert stays["reference"] == 0
    assert stays["weights"] == 4 * (shape.parameters + learning.trainable)
    every = plan(config(model={"lora": {"rank": 1}}), shape).learning.trainable
    assert every == shape.layers * (2 * (E + shape.queries) + 2 * (E + shape.keys) + 3 * (E + F))


def test_frozen_weights_beside_bf16_adapters_take_two_bytes_and_are_cast_no_more():
    shape = shape_of(tiny_model())
    learning = Learning(trainable=100, reference=True, precision="bf16", adapters=True)
    assert memory.resident(shape, learning)["weights"] == 2 * shape.parameters + 4 * 100
    assert memory.cast_weights(shape, learning) == 2 * 100


def test_of_many_logits_a_slice_is_in_flight_whatever_their_number(monkeypatch):
    assert memory.SLICE == token_scores.SLICE
    shape, learning = shape_of(tiny_model()), Learning(trainable=100, reference=True, adapters=True)
    few, many = (memory.Trees(U=1, P=9, G=4, R=5, M=number) for number in (10, 20))
    whole = memory.update(shape, many, learning)
    monkeypatch.setattr(memory, "SLICE", 5 * shape.vocab)
    sliced = [memory.update(shape, trees, learning) for trees in (few, many)]
    assert sliced[0]["logits in flight or backward"] == sliced[1]["logits in flight or backward"]
    assert sliced[1]["logits in flight or backward"] < whole["logits in flight or backward"] / 2
    assert sliced[1]["logits kept"] == 4 * 20 * shape.hidden


def test_a_config_without_sizes_is_named():
    with pytest.raises(PolicyError, match=r"here: its config.json has no hidden_size"):
        ModelShape.of({"vocab_size": 3}, {}, source="here")


def test_what_stays_is_sixteen_or_twenty_bytes_per_parameter():
    shape = shape_of(tiny_model())
    without = memory.resident(shape, Learning(trainable=shape.parameters, reference=False))
    assert memory.total(without) == 16 * shape.parameters + memory.LIBRARY_BYTES["fp32"]
    with_one = memory.resident(shape, Learning(trainable=100, reference=True))
    assert memory.total(with_one) == 8 * shape.parameters + 12 * 100 + memory.LIBRARY_BYTES["fp32"]


def test_a_critic_is_a_second_model_with_gradients_and_moments():
    shape = shape_of(tiny_model())
    policy, critic = (
        memory.resident(shape, Learning(trainable=shape.parameters, reference=False, critic=critic))
        for critic in (False, True)
    )
    own = ("weights", "gradients", "moments")
    assert critic.pop("critic") == sum(policy[name] for name in own)
    assert critic == policy


@pytest.mark.parametrize("on_cpu", [True, False])
def test_larger_models_sample_fewer_rows_at_once_on_a_cpu(on_cpu):
    rows = [row_limit.most_rows(10**exponent, on_cpu=on_cpu) for exponent in range(5, 12)]
    assert rows == sorted(rows, reverse=True)
    assert min(rows) >= row_limit.FEWEST_ROWS
    assert (rows[0], rows[-1]) == (row_limit.MOST_ROWS, row_limit.FEWEST_ROWS if on_cpu else row_limit.MOST_ROWS)


def test_the_plan_and_the_sampler_take_as_many_rows_at_once(monkeypatch):
    monkeypatch.setattr(row_limit, "CPU_PRODUCTS", 100 * tiny_model().num_parameters())
    assert decoding.SharedSampler(tiny_model(), frozenset()).max_rows == plan(config()).most_rows == 100


def test_the_samplers_constants_are_those_of_the_formula():
    assert branch_cache.CHUNK == sampling_memory.CHUNK
    assert drawing.VOCABULARY_ROWS == sampling_memory.DRAW_ROWS
    assert prefix_cache.KEPT_BYTES == sampling_memory.KEPT_BYTES


@pytest.mark.parametrize(("architecture", "precision"), [(name, "fp32") for name in EVERY] + [("qwen2", "bf16")])
def test_the_cache_holds_the_formulas_bytes(architecture, precision, monkeypatch):
    made = []

    class Spy(branch_cache.BranchCache):
        def __init__(self, *given):
            super().__init__(*given)
            made.append(self)

    policy = tiny_policy(architecture, precision=precision)
    policy.measure_paths()
    monkeypatch.setattr(prompt_reading, "BranchCache", Spy)
    policy.stop_ids = frozenset()
    rows = Rows(U=2, S=3, P=9, T=4, R=5)
    prompts = [
        Prompt(trunk=(1, *range(20, 27), u), tail=(30, 31, u, s), key=10 * u + s)
        for u in range(rows.U)
        for s in range(rows.S)
    ]
    policy.sample(prompts, Sampling(temperature=1.0, max_tokens=rows.R))
    (cache,) = made
    found = sampling_memory.cache(shape_of(policy.model), rows, 2 if precision == "bf16" else 4)
    assert found["cache of trunks"] == _bytes(cache.trunks.keys) + _bytes(cache.trunks.values)
    assert found["cache of rows"] == _bytes(cache.keys) + _bytes(cache.values)


def _bytes(blocks):
    return sum(block.untyped_storage().nbytes() for block in blocks.values())


def test_tails_are_read_before_rows_have_grown_and_scores_stand_beside_queries_alone():
    shape, rows = shape_of(tiny_model()), Rows(U=40, S=2, P=50, T=60, R=40)
    found = sampling_memory.sampling(shape, rows, Learning(trainable=1, reference=False))
    scores = 3 * 4 * shape.heads * (50 + 64)
    beside = 4 * shape.hidden + 5 * 4 * shape.queries
    assert found["reading tails"] == round(80 * 60 * (scores + beside) * (1 + memory.HEAP_SLACK))
    assert found["cache of rows"] == 2 * 4 * shape.layers * shape.keys * 80 * 64
    assert "decoding" in sampling_memory.sampling(
        shape, Rows(U=40, S=2, P=5, T=1, R=400), Learning(trainable=1, reference=False)
    )


def trees(shape, sizes):
    def branch(size, g):
        learns = (True,) * size
        return TreeBranch(
            token_ids=tuple((7 * g + at) % shape.vocab for at in range(size)),
            old_logprobs=(-1.0,) * size,
            advantages=(0.5 if g % 2 else -0.5,) * size,
            learns=learns,
            anchored=(False,) * size,
        )

    return [
        TokenTree(
            trunk=tuple((u + at) % shape.vocab for at in range(sizes.P)),
            trunk_anchored=(False,) * sizes.P,
            branches=tuple(branch(sizes.R, g) for g in range(sizes.G)),
        )
        for u in range(sizes.U)
    ]


def saved_bytes(learner, given):
    """What autograd keeps from a forward, each storage once, parameters left out."""
    with kept_for_backward(learner.policy.model) as kept:
        learner._loss(given, sum(tree.num_learning for tree in given), 0)
    return num_bytes(kept)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("architecture", [*EVERY, "mistral-window", "gemma3-window"])
@pytest.mark.parametrize("sizes", [Trees(U=1, P=80, G=4, R=20, M=80), Trees(U=2, P=20, G=4, R=30, M=240)], ids=str)
def test_activations_are_within_a_fifth_of_what_autograd_keeps(architecture, precision, sizes):
    policy = tiny_policy(architecture, precision=precision)
    shape = shape_of(policy.model)
    given = RunConfig(algorithm={"kl_ref": 0.0}, train={"micro_batch_tokens": 10**6})
    learner = Learner(policy, given.algorithm, given.optim, given.train)
    formula = memory.total(
        memory.saved(shape, sizes, Learning(trainable=shape.parameters, reference=False, precision=precision))
    )
    assert formula == pytest.approx(saved_bytes(learner, trees(shape, sizes)), rel=0.2)


def test_a_tree_that_is_shared_needs_less_than_its_rows():
    shape, learning = shape_of(tiny_model()), Learning(trainable=1, reference=False)
    one = Trees(U=1, P=700, G=16, R=100, M=1600)
    assert work.as_rows(one) == Trees(U=16, P=800, G=1, R=0, M=16 * 800)
    shared, apart = (memory.total(memory.update(shape, item, learning)) for item in (one, work.as_rows(one)))
    assert shared < apart / 3


def test_tokens_of_a_step_by_hand():
    given = config(
        algorithm={"group_size": 3, "retries": 2},
        episode={"max_attempt_tokens": 20, "max_reflection_tokens": 8},
    )
    found = plan(given).tokens()["per_step"]
    # 4 problems, half of the first tries right: 4 + 2 tries in two rounds, 3 failures kept.
    assert found["mining"] == {"most": 4 * 2 * 20, "expected": 6 * 20}
    assert found["reflections"] == {"most": 4 * 3 * 8, "expected": 3 * 3 * 8}
    assert found["retries"] == {"most": 4 * 3 * 2 * 20, "expected": 3 * 3 * 2 * 20}
    assert found["all"]["most"] == 160 + 96 + 480


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ({"type": "grpo"}, Trees(U=4, P=10, G=3, R=20, M=4 * 60)),
        ({"type": "ppo"}, Trees(U=4, P=10, G=3, R=20, M=4 * 60)),
        ({"type": "retry-only"}, Trees(U=4, P=36, G=3, R=20, M=4 * 60)),
        ({"type": "reflect-retry"}, Trees(U=4, P=35, G=3, R=8, M=4 * 24)),
        ({"credit": "retry", "retries": 2}, Trees(U=4, P=35, G=6, R=35, M=4 * 120)),
        ({"credit": "all"}, Trees(U=4, P=35, G=3, R=35, M=4 * 84)),
        ({"kl_anchor": 0.1}, Trees(U=4, P=35, G=3, R=35, M=4 * (24 + 60 + 20))),
    ],
    ids=str,
)
def test_trees_of_a_step_by_hand(algorithm, expected):
    given = config(
        algorithm={"group_size": 3, **algorithm}, episode={"max_attempt_tokens": 20, "max_reflection_tokens": 8}
    )
    assert work.trees(given, LENGTHS) == expected


def fresh(**algorithm):
    given = {"type": "reflect-retry", "group_size": 3, **algorithm}
    return config(
        algorithm=given, episode={"retry_sees": "reflection", "max_attempt_tokens": 8, "max_reflection_tokens": 6}
    )


NOTED = Lengths(prompt=10, reflection_request=5, retry_request=7, retry_alone=6, source="a test", note=4, note_alone=2)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ({}, Trees(U=4, P=23, G=3, R=6, M=4 * 18)),
        ({"credit": "retry", "retries": 2}, Trees(U=4, P=10, G=6, R=18, M=4 * 48)),
        ({"credit": "all"}, Trees(U=8, P=23, G=3, R=18, M=8 * 24)),
        ({"type": "retry-only"}, Trees(U=4, P=12, G=3, R=8, M=4 * 24)),
        ({"type": "reflect-grpo"}, Trees(U=4, P=10, G=5, R=8, M=4 * 40)),
    ],
)
def test_trees_of_fresh_retries_by_hand(algorithm, expected):
    assert work.trees(fresh(**algorithm), NOTED) == expected


def test_fresh_retries_are_sampled_after_the_problem_by_hand():
    phases = {phase.name: phase for phase in work.step_phases(fresh(retries=2), NOTED, EXACT, 1)}
    assert phases["reflections"].rows == Rows(U=4, S=3, P=23, T=0, R=6)
    assert phases["retries"].rows == Rows(U=4, S=6, P=10, T=10, R=8)
    phases = {phase.name: phase for phase in work.step_phases(fresh(type="reflect-grpo"), NOTED, EXACT, 1)}
    assert phases["reflections"].rows == Rows(U=8, S=1, P=23, T=0, R=6)
    assert phases["retries"].rows == Rows(U=4, S=2, P=10, T=10, R=8)
    assert phases["retries"].most_tokens == 4 * 2 * 8


def test_a_micro_batch_holds_whole_trees_and_at_least_one():
    step = Trees(U=5, P=40, G=3, R=20, M=300)
    assert work.micro_batch(config(train={"micro_batch_tokens": 250}), step) == (Trees(U=2, P=40, G=3, R=20, M=120), 3)
    assert work.micro_batch(config(train={"micro_batch_tokens": 1}), step)[1] == 5


def test_a_micro_batch_is_of_one_mini_batch():
    step = Trees(U=5, P=40, G=3, R=20, M=300)
    given = config(train={"micro_batch_tokens": 400, "mini_batches": 2})
    assert work.micro_batch(given, step) == (Trees(U=3, P=40, G=3, R=20, M=180), 2)
    assert work.micro_batch(config(train={"micro_batch_tokens": 400, "mini_batches": 8}), step)[1] == 5


def test_a_critic_reads_all_trees_four_times_without_logits():
    """Judged once, then forward and twice as much backward."""
    shape = shape_of(tiny_model())
    step = Trees(U=1, P=100, G=1, R=0, M=0)
    without, critic = (
        work.update_operations(shape, step, Learning(trainable=1, reference=False, critic=critic), EXACT)
        for critic in (False, True)
    )
    assert critic == pytest.approx(without * 7 / 3)


def test_where_one_try_is_played_nothing_is_retried():
    one, two = (plan(config(evaluation={"tries": tries, "problems": 10, "temperatures": [1.0]})) for tries in (1, 2))
    names = [phase.name for part in ("validation", "evaluation") for phase in one.phases[part]]
    assert names == ["validation: first tries", "evaluation: first tries"]
    assert one.tokens()["run"]["evaluation"]["most"] == 2 * 10 * 256
    assert {"validation: oracle", "evaluation: controls"} <= {p.name for part in two.phases.values() for p in part}


def test_a_token_budget_ends_the_run():
    given = config(
        algorithm={"type": "grpo", "group_size": 2},
        episode={"max_attempt_tokens": 5},
        train={"groups_per_step": 4, "max_sampled_tokens": 401},
    )
    assert plan(given).steps == 11
    assert plan(given.model_copy(update={"train": given.train.model_copy(update={"steps": 3})})).steps == 3


def test_operations_of_an_update_by_hand():
    shape = shape_of(tiny_model())
    step = Trees(U=1, P=100, G=1, R=0, M=0)
    learning = Learning(trainable=1, reference=False)
    products = 6 * shape.matrices * 100
    attention = 3 * 4 * shape.layers * shape.queries * 100 * 100 / 2
    assert work.update_operations(shape, step, learning, EXACT) == products + attention
    both = Learning(trainable=1, reference=True)
    assert work.update_operations(shape, step, both, EXACT) == pytest.approx((products + attention) * 4 / 3)


def test_advice_names_the_setting_that_matters():
    few = {"eval_problems": 1, "groups_per_step": 64, "micro_batch_tokens": 64 * 10_000}
    found = plan(config(train=few, evaluation={"problems": 1}), assumed=Assumed())
    advice = found.advice()
    assert list(advice.values()) == sorted(advice.values())
    assert all(need < found.memory()["need"] for need in advice.values())
    assert "train.groups_per_step = 32" in advice
    assert not any("problems" in name for name in advice)


def test_the_largest_peak_is_what_is_needed():
    found = plan(config()).memory()
    assert found["need"] == max(found["peaks"].values()) + memory.RUNTIME_BYTES
    largest = found["sampling"]["phases"][found["sampling"]["largest"]]
    assert all(memory.total(terms) <= memory.total(largest) for terms in found["sampling"]["phases"].values())


def test_time_grows_with_steps_and_with_a_slower_machine():
    short, long = (plan(config(train={"steps": steps})) for steps in (10, 20))
    assert short.time(RATES)["run"]["all"] < long.time(RATES)["run"]["all"]
    slower = MachineSpeed(update=RATES.update / 2, decode=RATES.decode / 2, call=2 * RATES.call)
    assert short.time(slower)["run"]["all"] == pytest.approx(2 * short.time(RATES)["run"]["all"])


def test_a_hub_id_that_is_not_here_needs_its_config(monkeypatch):
    monkeypatch.setattr(reading, "cached_file", lambda *_, **__: None)
    with pytest.raises(PolicyError, match=r"nobody/nothing: is not on this machine; .*config\.json"):
        reading.read_shape(ModelConfig(path="nobody/nothing"))


def test_a_config_of_no_language_model_is_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "of_nobody"}', "utf-8")
    with pytest.raises(PolicyError, match=r"config\.json: cannot be read as a model's config"):
        reading.read_shape(ModelConfig(path=str(tmp_path)))


def test_headers_are_read_without_the_weights(tmp_path):
    header = json.dumps({"w": {"dtype": "BF16", "shape": [3, 4], "data_offsets": [0, 24]}, "__metadata__": {}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    assert reading.stored_weights(tmp_path) == {"parameters": 12, "bytes": 24}
    (tmp_path / "broken.safetensors").write_bytes(b"\x01")
    with pytest.raises(PolicyError, match=r"broken\.safetensors: its header"):
        reading.stored_weights(tmp_path)


def test_the_shipped_models_weights_are_the_plans():
    where = reading.model_files(ModelConfig())
    assert reading.stored_weights(where)["parameters"] == reading.read_shape(ModelConfig()).parameters


def test_this_machine_has_memory():
    found = reading.machine_memory(torch.device("cpu"))
    assert 0 < found["free"] <= found["total"]


def test_an_unknown_device_is_one_sentence():
    with pytest.raises(PolicyError, match=r"model\.device: 'abacus' is no device"):
        reading.device_of(ModelConfig(device="abacus"))
