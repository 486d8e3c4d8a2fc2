"""A model read from a GGUF file is the model that was written, within what its packing loses."""

import json

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Packing
from gguf import GGUFReader
from gguf.quants import dequantize
from gguf_files import ARCHITECTURES, LLAMA_3_ROTARY, SIZES, gguf_model, gguf_tokenizer, write_gguf
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from secondthought.config import LoraConfig, ModelConfig
from secondthought.inference.loading import load_policy
from secondthought.inference.local import LocalPolicy
from secondthought.models.gguf.cache import checkpoint_of
from secondthought.models.gguf.header import read_header
from secondthought.models.gguf.numbers import unpacked
from secondthought.models.gguf.rotary import LLAMA_3, llama_3_factors
from secondthought.models.gguf.tokens import tokenizer_of
from secondthought.types import Message

IDS = torch.tensor([[257, *range(40, 90), 258]])
PACKINGS = {"F32": 0.0, "BF16": 0.0, "F16": 1e-5, "Q8_0": 0.01, "Q5_1": 0.07, "Q5_0": 0.07, "Q4_1": 0.15, "Q4_0": 0.15}
"""What `gguf` can write, and the largest error against a tensor's largest number."""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def logits(model):
    with torch.no_grad():
        return model(IDS).logits.float()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_an_unpacked_file_is_the_model_to_the_bit(architecture, tied, tmp_path):
    if architecture == "granite" and not tied:
        pytest.skip("its sizes are written for a tied head")
    more = {} if architecture == "granite" else {"tie_word_embeddings": tied}
    model = gguf_model(architecture, **more)
    tied = model.config.tie_word_embeddings
    read = LocalPolicy.load(write_gguf(tmp_path / "m.gguf", model, architecture=architecture)).model
    assert torch.equal(logits(read), logits(model))
    assert read.config.tie_word_embeddings == tied
    assert (read.lm_head.weight is read.model.embed_tokens.weight) == tied


def test_a_bias_of_attention_and_llama_3s_positions_are_read(tmp_path):
    model = gguf_model("llama", rope_parameters=dict(LLAMA_3_ROTARY), attention_bias=False)
    read = LocalPolicy.load(write_gguf(tmp_path / "m.gguf", model, architecture="llama")).model
    assert read.config.rope_parameters == model.config.rope_parameters
    assert torch.equal(logits(read), logits(model))


@given(factor=st.floats(2, 64), base=st.floats(1e4, 1e6), size=st.sampled_from([16, 64, 128]))
def test_factors_of_llama_3_are_those_of_transformers(factor, base, size):
    """Wave by wave, as its paper's code has it."""
    found = llama_3_factors(base, size, factor)
    low, high, original = LLAMA_3.values()
    for place, held in enumerate(found):
        wave = 2 * np.pi / (1 / base ** (2 * place / size))
        if wave < original / high:
            expected = 1.0
        elif wave > original / low:
            expected = factor
        else:
            smooth = (original / wave - low) / (high - low)
            expected = 1 / ((1 - smooth) / factor + smooth)
        assert held == pytest.approx(expected)


@pytest.mark.parametrize("packing", sorted(PACKINGS))
def test_each_packing_comes_back_within_its_error(packing, tmp_path):
    model = gguf_model("qwen2", tie_word_embeddings=False)
    directory = checkpoint_of(write_gguf(tmp_path / "m.gguf", model, packing=packing))
    for name, held in load_file(directory / "model.safetensors").items():
        wanted = model.state_dict()[name]
        limit = PACKINGS[packing] * float(wanted.abs().max()) if wanted.dim() > 1 else 0.0
        assert float((held.float() - wanted).abs().max()) <= limit, name


@pytest.mark.parametrize("packing", ["Q4_0", "Q8_0", "Q5_1", "Q6_K", "Q4_K", "Q2_K", "IQ4_NL"])
def test_pieces_are_what_gguf_makes_of_the_whole(packing, tmp_path, monkeypatch):
    """K-quants cannot be written by `gguf`: random bytes are numbers in them, too."""
    monkeypatch.setattr("secondthought.models.gguf.numbers._PIECE", 512)
    from gguf import GGML_QUANT_SIZES, GGUFWriter

    kind, path = Packing[packing], tmp_path / "m.gguf"
    block, size = GGML_QUANT_SIZES[kind]
    packed = np.random.default_rng(0).integers(0, 60, (7, 5 * size), dtype=np.uint8)
    writer = GGUFWriter(path, "qwen2")
    writer.add_tensor("t", packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = read_header(path)
    told = []
    found = unpacked(header, header.tensors["t"], told.append)
    wanted = torch.from_numpy(np.array(dequantize(GGUFReader(path).tensors[0].data, kind))).bfloat16()
    assert found.shape == (7, 5 * block)
    assert sum(told) == found.numel()
    assert torch.equal(found, wanted)


def test_a_header_says_what_gguf_reads_in_it(tmp_path):
    path = write_gguf(tmp_path / "m.gguf", gguf_model(), packing="Q8_0")
    ours, theirs = read_header(path), GGUFReader(path)
    fields = {name: field.contents() for name, field in theirs.fields.items() if not name.startswith("GGUF.")}
    assert dict(ours.fields) == fields
    assert {name: (one.packing, one.start, one.count) for name, one in ours.tensors.items()} == {
        one.name: (one.tensor_type.value, one.data_offset, one.n_elements) for one in theirs.tensors
    }


def test_the_tokenizer_is_the_files(tmp_path):
    path = write_gguf(tmp_path / "m.gguf", gguf_model())
    policy, original = LocalPolicy.load(path), gguf_tokenizer()
    text = "say <tool_call> h\u00e9 12<|im_end|>"
    found = policy.chat.tokenizer
    assert found.encode(text) == original.encode(text)
    assert found.decode(found.encode("hello")) == "hello"
    assert found.tokenize("hello") == ["hell", "o"]
    assert found.chat_template == original.chat_template
    assert policy.stop_ids >= {SIZES["eos_token_id"]}
    assert policy.start([Message(role="user", content="hi")]) == tuple(
        original.apply_chat_template([{"role": "user", "content": "hi"}], add_generation_prompt=True)["input_ids"]
    )


def test_every_token_that_ends_a_turn_ends_it(tmp_path):
    path = write_gguf(tmp_path / "m.gguf", gguf_model(), **{"tokenizer.ggml.eot_token_id": ("uint32", 257)})
    said = json.loads((checkpoint_of(path) / "generation_config.json").read_text())
    assert said["eos_token_id"] == [258, 257]


def test_templates_with_names_and_a_first_token(tmp_path):
    more = {
        "tokenizer.chat_template.tool_use": ("string", "{{ tools }}"),
        "tokenizer.ggml.add_bos_token": ("bool", True),
    }
    found = tokenizer_of(read_header(write_gguf(tmp_path / "m.gguf", gguf_model(), **more)))
    assert set(found.chat_template) == {"default", "tool_use"}
    assert found.encode("a")[0] == SIZES["bos_token_id"]


def test_a_run_trains_an_adapter_over_it_and_finds_its_base(tmp_path, monkeypatch):
    path = write_gguf(tmp_path / "m.gguf", gguf_model())
    monkeypatch.chdir(tmp_path)
    policy = load_policy(ModelConfig(path="m.gguf", lora=LoraConfig(rank=2)))
    policy.save(tmp_path / "adapter")
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == str(path)
    again = load_policy(ModelConfig(path=str(tmp_path / "adapter")))
    assert torch.equal(logits(again.model), logits(policy.model))
