"""A checkpoint that is damaged, or of two models, is one sentence with file, field and remedy."""

import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import byte_tokenizer, tiny_model

from secondthought.errors import PolicyError
from secondthought.models.device import find_device
from secondthought.models.local import LocalModel
from secondthought.models.pretrained import is_out_of_memory


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    tiny_model("llama").save_pretrained(directory)
    byte_tokenizer().save_pretrained(directory)
    return directory


@pytest.fixture
def checkpoint(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "model")


def edit(file, **changed):
    found = json.loads(file.read_text()) | changed
    file.write_text(json.dumps({name: value for name, value in found.items() if value is not ...}))


def refused(checkpoint, **settings):
    with pytest.raises(PolicyError) as caught:
        LocalModel.load(checkpoint, **({"device": "cpu"} | settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model_type": ...}, "config.json: model_type is missing"),
        ({"model_type": "brandnew9"}, "config.json: cannot be loaded.*pip install --upgrade transformers"),
        ({"model_type": "t5", "architectures": ["T5"]}, "cannot be loaded as a causal language model"),
        ({"hidden_size": "64"}, "config.json: .*'hidden_size' expected int, got str"),
        ({"hidden_size": None}, "config.json: .*'hidden_size' expected int, got NoneType"),
        ({"num_attention_heads": 0}, "config.json: "),
        ({"hidden_act": "blub"}, "'blub' is not known to this version"),
        ({"num_hidden_layers": 9}, r"the weights lack model\.layers\.\d.* more, which config.json asks for"),
        (
            {"num_hidden_layers": 1},
            r"the weights hold model\.layers\.1.*, which the model of config.json",
        ),
        ({"vocab_size": 9999}, r"lm_head.weight is \[\d+, \d+\] in the file and \[9999, \d+\] by config.json"),
        ({"eos_token_id": "x"}, "eos_token_id"),
        ({"dtype": "float99"}, "config.json: .*float99"),
    ],
)
def test_a_wrong_config(checkpoint, changed, said):
    edit(checkpoint / "config.json", **changed)
    sentence = refused(checkpoint)
    assert sentence.startswith(str(checkpoint))
    assert re.search(said, sentence), sentence


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"'])
def test_a_config_that_is_no_object(checkpoint, text):
    (checkpoint / "config.json").write_text(text)
    assert refused(checkpoint).startswith(f"{checkpoint / 'config.json'}: ")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is cut off"),
        (b"\x10", "is cut off"),
        (b"x" * 1000, "is cut off, or no file of safetensors"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (None, "is cut off"),
    ],
)
def test_weights_that_are_cut_off_or_something_else(checkpoint, data, said):
    file = checkpoint / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if data is None else data)
    assert refused(checkpoint).startswith(f"{file}: ")
    assert said in refused(checkpoint)


def test_weights_that_are_not_there(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    assert "model.safetensors: cannot be read: No such file" in refused(checkpoint)
    torch.save({}, checkpoint / "pytorch_model.bin")
    assert "pytorch_model.bin may run code" in refused(checkpoint)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("{", "is not a valid JSON file"),
        ("{}", "weight_map must name the file"),
        ('{"weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors"}}', "named in .* and not there"),
    ],
)
def test_an_index_that_names_what_is_not_there(checkpoint, index, said):
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "model.safetensors.index.json").write_text(index)
    with pytest.raises(PolicyError, match=said):
        LocalModel.load(checkpoint, device="cpu")


def change_tensors(checkpoint, change):
    tensors = load_file(checkpoint / "model.safetensors")
    save_file(change(tensors), checkpoint / "model.safetensors", metadata={"format": "pt"})


NORM = "model.layers.0.input_layernorm.weight"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: {name: value for name, value in held.items() if name != NORM}, f"the weights lack {NORM}"),
        (lambda held: {f"x.{name}": value for name, value in held.items()}, "the weights lack "),
        (lambda held: held | {"model.layers.0.blub.weight": torch.zeros(1)}, "the weights hold model.layers.0.blub"),
        (lambda held: held | {NORM: torch.zeros(3)}, rf"{NORM} is \[3\] in the file"),
        (lambda held: {name: value.to(torch.int8) for name, value in held.items()}, "holds whole numbers"),
    ],
    ids=["missing", "other names", "extra layer", "shape", "whole numbers"],
)
def test_weights_of_another_model_never_load_as_random_numbers(checkpoint, change, said):
    change_tensors(checkpoint, change)
    with pytest.raises(PolicyError, match=said):
        LocalModel.load(checkpoint, device="cpu")


def test_tensors_besides_the_model_are_said_and_left_out(checkpoint, caplog):
    change_tensors(checkpoint, lambda held: held | {"v_head.weight": torch.zeros(1)})
    LocalModel.load(checkpoint, device="cpu")
    assert "the weights also hold v_head.weight" in caplog.text


@pytest.mark.parametrize("device", ["gpu", "meta", "cuda:99", "cuda:-1", ""])
def test_a_device_that_is_not_here(device):
    with pytest.raises(PolicyError, match=r"model\.device: "):
        find_device(device)


def test_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto").type == "cpu"
    with pytest.raises(PolicyError, match=r"model\.device: cuda: .*; use cpu"):
        find_device("cuda")


def test_memory_that_runs_out_is_no_fault_of_a_file(checkpoint, monkeypatch):
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))

    def fill(*args, **given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("secondthought.models.pretrained.AutoModelForCausalLM.from_pretrained", fill)
    with pytest.raises(torch.OutOfMemoryError):
        LocalModel.load(checkpoint, device="cpu")
