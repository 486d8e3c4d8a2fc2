"""Plans of fine-tuning: hand-counted cases, the tensors that autograd keeps, the very batches that training makes."""

import json
import shutil

import pytest
from saved_tensors import kept_for_backward, num_bytes
from tiny_models import tiny_model, tiny_policy

from secondthought.config import ModelConfig
from secondthought.config.likelihood import LikelihoodOptimConfig
from secondthought.config.sft import SftConfig
from secondthought.errors import ConfigError, TaskError
from secondthought.models.gradient_checkpointing import gradient_checkpointing
from secondthought.preflight.resources import inputs as reading
from secondthought.preflight.resources import memory
from secondthought.preflight.resources import sft_examples as corpus
from secondthought.preflight.resources import workload as work
from secondthought.preflight.resources.memory import Learning, Trees
from secondthought.preflight.resources.plan import MachineSpeed
from secondthought.preflight.resources.sft_plan import SftPlan, cut, uniform
from secondthought.preflight.resources.workload import Assumed
from secondthought.train.likelihood.learner import LikelihoodLearner, trees_of
from secondthought.train.likelihood.material import Example
from secondthought.train.sft.inputs import SftMaterial
from secondthought.trees import by_branches, micro_batches

RATES = MachineSpeed(update=1e9, decode=1e9, call=1e-6)
EXACT = Assumed(first_try=0.0, length_share=1.0)


def shape_of(model):
    return reading.shape_of(model.config, source="test")


def config(**changed):
    return SftConfig.model_validate(changed)


def plan(given, **told):
    found = corpus.from_counts(given, examples=told.get("examples"), tokens=told.get("tokens"))
    return SftPlan(config=given, shape=shape_of(tiny_model()), corpus=found)


def examples(count, prompt, completion):
    return [
        Example(n, tuple((n + at) % 250 for at in range(prompt)), (*range(completion - 1), 258)) for n in range(count)
    ]


@pytest.mark.parametrize(("path", "parameters"), [
    ("Qwen/Qwen2.5-3B", 3_085_938_688),
    ("meta-llama/Llama-3.2-3B", 3_212_749_824),
])  # fmt: skip
def test_models_that_shipped_configs_name_have_their_published_size(path, parameters, monkeypatch):
    monkeypatch.setattr(reading, "cached_file", lambda *_, **__: None)
    found = reading.read_shape(ModelConfig(path=path))
    assert found.parameters == parameters
    assert (found.head_size, found.expanded_layers, found.gated) == (128, 0, True)
    assert "published" in reading.source_of(ModelConfig(path=path))


def saved_bytes(learner, trees):
    """What autograd keeps from the forward of a micro-batch, each storage once, parameters left out."""
    recompute = gradient_checkpointing(learner.model, enabled=learner.train.gradient_checkpointing, trees=True)
    with recompute, kept_for_backward(learner.policy.model) as kept:
        learner._nll(trees, learner.model)
    return num_bytes(kept)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_a_micro_batch_keeps_what_the_formula_says(architecture, precision, recompute):
    policy = tiny_policy(architecture, precision=precision)
    shape = shape_of(policy.model)
    given = config(train={"gradient_checkpointing": recompute, "micro_batch_tokens": 10**6})
    learner = LikelihoodLearner(policy, LikelihoodOptimConfig(), given.train, total_steps=1)
    trees = trees_of(examples(6, 30, 50), 10**6)
    learning = Learning(
        trainable=shape.parameters, reference=False, precision=precision, recompute=recompute, entropy=False
    )
    formula = memory.total(memory.saved(shape, corpus.as_trees(trees), learning))
    assert formula == pytest.approx(saved_bytes(learner, trees), rel=0.2)


def test_recomputing_needs_less_memory_and_a_third_more_operations():
    shape = shape_of(tiny_model())
    trees = Trees(U=8, P=1, G=1, R=255, M=0)
    kept, again = (Learning(trainable=1, reference=False, recompute=recompute) for recompute in (False, True))
    assert memory.total(memory.update(shape, trees, again)) < 0.8 * memory.total(memory.update(shape, trees, kept))
    ratio = work.update_operations(shape, trees, again, EXACT) / work.update_operations(shape, trees, kept, EXACT)
    assert ratio == pytest.approx(4 / 3)


def test_steps_and_tokens_by_hand():
    given = config(
        eval_share=0.1, max_length=40, train={"batch_size": 8, "epochs": 2, "drop_last": True, "micro_batch_tokens": 64}
    )
    found = plan(given, examples=100, tokens=20.0)
    assert (found.corpus.examples, found.corpus.held_out) == (90, 10)
    tokens = found.tokens()
    assert (tokens["steps_per_epoch"], tokens["steps"], tokens["evaluations"]) == (11, 22, 3)
    assert tokens["per_step"] == {"most": 320, "mean": 160, "learned": None}
    assert tokens["run"]["mean"] == 22 * 160
    assert (found.corpus.largest.tokens, found.corpus.number) == (60, 3)
    time = found.time(RATES)
    assert time["per_epoch"]["updates"] == pytest.approx(11 * time["per_step"]["update"])
    assert time["run"]["all"] > time["run"]["updates"] == pytest.approx(22 * time["per_step"]["update"])


def test_seconds_of_a_step_are_its_operations_over_the_rate():
    given = config(max_length=50, train={"batch_size": 4})
    found = plan(given, tokens=50.0)
    step = Trees(U=4, P=1, G=1, R=49, M=4 * 49)
    operations = work.update_operations(found.shape, step, found.learning, EXACT)
    calls = 3 * found.shape.layers * 50 * RATES.call
    assert found.time(RATES)["per_step"]["update"] == pytest.approx(operations / 0.5e9 + calls)


def test_what_nobody_told_is_missing_and_never_zero():
    found = plan(config(eval_share=0.1))
    assert found.tokens()["steps"] is None
    assert found.tokens()["per_epoch"] == {"most": None, "mean": None, "learned": None}
    time = found.time(RATES)
    assert (time["per_epoch"]["updates"], time["run"]["held out"], time["run"]["all"]) == (None, None, None)
    assert time["per_step"]["update"] > 0
    assert plan(config(train={"steps": 7})).tokens()["steps"] == 7


def test_without_lengths_memory_is_that_of_the_longest():
    given = config(max_length=100, train={"micro_batch_tokens": 350})
    assert uniform(given, 100)[1:] == (Trees(U=3, P=1, G=1, R=99, M=297), 22)
    assert uniform(given, 20)[1].tokens == 340
    assert uniform(config(max_length=500, train={"micro_batch_tokens": 350}), 20)[1].tokens == 500


@pytest.mark.parametrize(("told", "sentence"), [
    ({"tokens": 41.0}, "above max_length, 40"),
    ({"examples": 1}, "too few to hold out"),
    ({"examples": 5}, "do not fill a batch"),
])  # fmt: skip
def test_what_cannot_be_is_one_sentence(told, sentence):
    given = config(eval_share=0.1, max_length=40, train={"drop_last": True, "batch_size": 8})
    with pytest.raises(ConfigError, match=sentence):
        plan(given, **told)


def test_only_adapters_have_gradients_and_moments():
    whole = plan(config()).memory()["resident"]
    lora = plan(config(model={"lora": {"rank": 2, "target_modules": ["q_proj"]}})).memory()["resident"]
    shape = shape_of(tiny_model())
    trainable = 2 * shape.layers * (shape.hidden + shape.queries)
    assert whole["gradients"] == 4 * shape.parameters
    assert (lora["gradients"], lora["moments"]) == (4 * trainable, 8 * trainable)
    assert lora["weights"] == 4 * (shape.parameters + trainable)
    assert whole["reference"] == lora["reference"] == 0


def test_held_out_examples_are_read_without_keeping_anything():
    none, some = (plan(config(eval_share=share)).memory() for share in (0.0, 0.1))
    assert "held-out forward" not in none["peaks"]
    assert 0 < memory.total(some["held_out"]["terms"]) < memory.total(some["update"]["terms"])
    assert some["need"] == max(some["peaks"].values()) + memory.RUNTIME_BYTES


def test_advice_lowers_the_need():
    found = plan(config(train={"micro_batch_tokens": 65536}))
    advice = found.advice()
    assert {"train.micro_batch_tokens = 32768", "train.gradient_checkpointing = true"} <= advice.keys()
    assert all(need < found.memory()["need"] for need in advice.values())
    assert list(advice.values()) == sorted(advice.values())


def test_a_cut_micro_batch_keeps_one_tree():
    trees = Trees(U=4, P=10, G=1, R=30, M=120)
    assert cut(trees, config(max_length=20, train={"micro_batch_tokens": 5})) == Trees(U=1, P=10, G=1, R=10, M=10)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [
        {
            "messages": [{"role": "user", "content": f"Make {n % 7} of 2 and 3."}],
            "completion": "2 + 3 = 5 " * (1 + n % 4),
        }
        for n in range(30)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_a_file_is_counted_as_training_reads_it(data):
    given = config(
        data=data, eval_share=0.2, max_length=200, train={"batch_size": 5, "micro_batch_tokens": 100},
        model={"path": "small"},
    )  # fmt: skip
    found, material = corpus.read(given), SftMaterial.read(given, data)
    facts = material.facts()
    assert (found.examples, found.held_out) == (facts["examples"], facts["held_out"])
    assert found.tokens * found.examples == pytest.approx(facts["tokens"])
    assert found.learned * found.examples == pytest.approx(facts["completion_tokens"])
    assert found.steps_per_epoch == material.plan.steps_per_epoch
    batches = [
        sum(tree.num_tokens for tree in batch)
        for step in range(1, found.steps_per_epoch + 1)
        for batch in micro_batches(
            trees_of([material.examples[i] for i in material.plan.batch(step)], 100), 100, alike=by_branches
        )
    ]
    assert found.largest.tokens == pytest.approx(max(batches), rel=0.1)
    assert found.number == -(-len(batches) // found.steps_per_epoch)


def test_a_file_and_what_is_told_of_one_contradict(data):
    with pytest.raises(ConfigError, match="leave --examples"):
        corpus.read(config(data=data), examples=3)


def test_a_row_that_training_refuses_is_refused(data):
    with pytest.raises(TaskError, match="longer than 8 tokens"):
        corpus.read(config(data=data, max_length=8))


def test_without_a_tokenizer_characters_are_counted(data, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(reading.model_files(ModelConfig(path="small")) / "config.json", bare)
    found = corpus.read(config(data=data, model={"path": str(bare)}))
    assert "no usable tokenizer" in found.source
    assert (found.examples, found.held_out) == (30, 0)
    assert found.learned == pytest.approx(sum(1 + 10 * (1 + n % 4) // 3 for n in range(30)) / 30)
    data.write_text('{"prompt": "x"}\n', "utf-8")
    with pytest.raises(TaskError, match="line 1: has no completion"):
        corpus.read(config(data=data, model={"path": str(bare)}))


def test_without_a_tokenizer_the_characters_of_tools_are_counted(tmp_path):
    bare, data = tmp_path / "bare", tmp_path / "data.jsonl"
    bare.mkdir()
    shutil.copy(reading.model_files(ModelConfig(path="small")) / "config.json", bare)

    def tokens_of_row(**more):
        row = {"messages": [{"role": "user", "content": "now?"}], "completion": "now()", **more}
        data.write_text(json.dumps(row) + "\n", "utf-8")
        return corpus.read(config(data=data, model={"path": str(bare)}, train={"batch_size": 1})).tokens

    added = tokens_of_row(tools=[{"name": "now", "description": "x" * 300}]) - tokens_of_row()
    assert added == pytest.approx(300 / reading.CHARACTERS_PER_TOKEN, abs=3)
