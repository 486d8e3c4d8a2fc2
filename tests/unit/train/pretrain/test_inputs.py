"""What continued pretraining learns from: documents as tokens, held-out ones, and an order to an exact budget."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.config import ModelConfig
from secondthought.config.base import completed
from secondthought.config.pretrain import PretrainConfig
from secondthought.errors import ConfigError
from secondthought.inference.loading import load_policy
from secondthought.train.pretrain.inputs import PretrainMaterial, Tokenizing, WindowOrder, held_out_of
from secondthought.train.pretrain.windows import DocumentTokens, TokenStore, Windows

TEXTS = [f"Document {n}. " + "One and one is two. " * (1 + n % 5) for n in range(30)]


def config_of(**settings):
    return completed(PretrainConfig, settings, source="test")


@pytest.fixture
def policy(checkpoints):
    return load_policy(ModelConfig(path=str(checkpoints / "llama"), device="cpu"))


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "web.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(TEXTS)))
    return path


def material_of(data, checkpoints, /, **settings):
    model = {"path": str(checkpoints / "llama"), "device": "cpu"}
    base = {"data": [str(data)], "model": model, "max_length": 24, "train": {"batch_tokens": 100}}
    return PretrainMaterial.of(config_of(**{**base, **settings}))


def test_a_document_is_its_text_between_a_beginning_and_an_end(policy, data):
    read = Tokenizing(policy, config_of(max_length=4096))
    documents = list(read.documents([str(data)]))
    tokenizer = policy.chat.tokenizer
    for text, document in zip(TEXTS, documents, strict=True):
        assert policy.chat.decode(document.ids) == text
        assert document.ids[-1] == tokenizer.eos_token_id
        assert document.num_read == 1
        begins = tuple(tokenizer(text)["input_ids"])
        assert document.ids[:-1] == (begins if begins[0] == tokenizer.bos_token_id else (document.ids[0], *begins))


def test_after_a_prompt_responses_alone_are_learned(policy, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        json.dumps({"text": "What is two and two?\nIt is four.", "prompt": "What is two and two?\n"}) + "\n"
    )
    [found] = Tokenizing(policy, config_of(learn="responses")).documents([str(path)])
    assert policy.chat.decode(found.ids[: found.num_read]) == "What is two and two?\n"
    assert policy.chat.decode(found.ids[found.num_read :]) == "It is four."


@pytest.mark.parametrize("row", [{"text": "a b"}, {"text": "a b", "prompt": "b"}, {"text": "a b", "prompt": 3}])
def test_a_row_without_a_prompt_is_named(policy, tmp_path, row):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"id": "x7", **row}) + "\n")
    with pytest.raises(ConfigError, match=r"rows.jsonl: document x7 has no 'prompt'"):
        list(Tokenizing(policy, config_of(learn="responses")).documents([str(path)]))


def test_what_cannot_be_read_is_counted_and_the_rest_is_learned(checkpoints, tmp_path, data):
    torn = tmp_path / "torn.jsonl"
    torn.write_text('{"text": 3}\n{"text": "All of this is fine."}\n{"te')
    material = material_of(data, checkpoints, data=[str(data), str(torn)], eval_share=0)
    assert material.facts()["set_aside"] == 2
    assert material.facts()["documents"] == len(TEXTS) + 1
    assert f"2 could not be read ({torn}: field 'text' is not text)" in material.sentence()


def test_prompts_without_room_for_a_response_are_left_out_and_counted(checkpoints, tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": f"{'so ' * n}yes", "prompt": "so " * n} for n in (1, 40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    material = material_of(path, checkpoints, learn="responses", eval_share=0)
    assert (material.facts()["documents"], material.facts()["too_long"]) == (1, 1)


def test_equal_documents_are_on_one_side():
    store = TokenStore()
    for n in range(60):
        store.add(DocumentTokens((n % 20, n % 20)))
    held = held_out_of(store, 0.2, 0)
    assert len(held) == 12
    assert {number % 20 for number in held}.isdisjoint(n % 20 for n in range(60) if n not in held)
    assert held == held_out_of(store, 0.2, 0) != held_out_of(store, 0.2, 1)


def test_too_few_documents_to_hold_out(checkpoints, tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("Only this.")
    with pytest.raises(ConfigError, match="eval_share: 1 different documents are too few"):
        material_of(path, checkpoints)
    assert len(material_of(path, checkpoints, eval_share=0).held_out) == 0


def test_held_out_documents_of_their_own(checkpoints, tmp_path, data):
    other = tmp_path / "other.txt"
    other.write_text("Another text.")
    material = material_of(data, checkpoints, held_out=str(other))
    assert (material.held_out.documents, material.windows.documents) == (1, len(TEXTS))
    assert "left out since" not in material.sentence()
    other.write_text("Yet another text.")
    assert material_of(data, checkpoints, held_out=str(other)).digest != material.digest


def test_what_is_held_out_is_not_learned(checkpoints, tmp_path, data):
    other = tmp_path / "held.jsonl"
    other.write_text(data.read_text().splitlines()[3] + "\n")
    material = material_of(data, checkpoints, held_out=str(other))
    assert (material.held_out.documents, material.windows.documents) == (1, len(TEXTS) - 1)
    assert "1 held out, 1 left out since they are held out" in material.sentence()


def test_measured_up_to_ten_times(checkpoints, data):
    material = material_of(data, checkpoints, train={"batch_tokens": 60})
    measured = [step for step in range(1, material.steps + 1) if material.is_measured(step)]
    assert 5 <= len(measured) <= 10
    assert measured[-1] == material.steps


@given(
    st.lists(st.integers(2, 60), min_size=1, max_size=12),
    st.integers(1, 400),
    st.integers(12, 50),
    st.integers(0, 3),
)
def test_a_run_learns_just_so_many_tokens(sizes, tokens, batch_tokens, seed):
    store = TokenStore()
    for size in sizes:
        store.add(DocumentTokens((7,) * size))
    windows = Windows(store, range(len(store)), 12)
    config = config_of(max_length=12, seed=seed, train={"tokens": tokens, "batch_tokens": batch_tokens})
    order = WindowOrder.of(config, windows)
    steps = [order.batch(step) for step in range(1, order.steps + 1)]
    assert all(steps)
    learned = [sum(min(windows.learned(place), most) for place, most in batch) for batch in steps]
    assert sum(learned) == tokens
    assert [order.learned(step) for step in range(1, order.steps + 1)] == [
        sum(learned[:step]) for step in range(1, order.steps + 1)
    ]
    assert all(count < batch_tokens + 12 for count in learned)
    places = [place for batch in steps for place, _ in batch]
    for epoch in range(len(places) // len(windows)):
        assert sorted(places[epoch * len(windows) :][: len(windows)]) == list(range(len(windows)))


def test_one_pass_unless_tokens_are_given(checkpoints, data):
    material = material_of(data, checkpoints, eval_share=0)
    everything = [example for step in range(1, material.steps + 1) for example in material.batch(step)]
    assert sorted(example.line for example in everything) == sorted(example.line for example in material.windows)
    assert material.epoch(material.steps) == 1.0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"train": {"batch_tokens": 8}}, r"train\.batch_tokens \(8\) is less than max_length \(24\)"),
        ({"max_length": 10**6}, r"max_length: the model reads at most \d+ tokens"),
        ({"data": ["nowhere.jsonl"]}, "nowhere.jsonl: no such file or folder"),
        ({"held_out": "EMPTY"}, r"held_out: .*empty\.jsonl holds no document that can be read"),
    ],
)
def test_settings_that_make_no_run(checkpoints, data, settings, sentence):
    empty = data.with_name("empty.jsonl")
    empty.write_text('{"text": 3}\n')
    given = {name: str(empty) if value == "EMPTY" else value for name, value in settings.items()}
    with pytest.raises(ConfigError, match=sentence):
        material_of(data, checkpoints, **given)
