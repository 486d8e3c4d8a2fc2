"""What is wrong with a GGUF file is said in one sentence with its name and a remedy; what is right is made once."""

import errno
import importlib
import multiprocessing
import os
import struct

import pytest
from gguf_files import gguf_model, write_gguf
from hypothesis import given
from hypothesis import strategies as st

from secondthought.config import ModelConfig
from secondthought.errors import ConfigError, PolicyError, SecondthoughtError
from secondthought.models.gguf import cache, checkpoint, numbers
from secondthought.models.gguf.cache import cache_directory, checkpoint_of
from secondthought.models.gguf.header import is_gguf, read_header
from secondthought.models.local import LocalModel
from secondthought.models.shipped import why_missing


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def file(tmp_path):
    return write_gguf(tmp_path / "m.gguf", gguf_model())


def refused(path, *, kind=PolicyError):
    with pytest.raises(kind) as caught:
        LocalModel.load(path)
    said = str(caught.value)
    assert "\n" not in said
    if kind is PolicyError:
        assert str(path) in said
        assert said.count(str(path)) == 1
    return said


def test_no_file(tmp_path):
    assert "there is no such file" in refused(tmp_path / "none.gguf")


def test_another_file_by_that_name(tmp_path):
    (tmp_path / "m.gguf").write_text("hello")
    assert "is called a GGUF file and is none" in refused(tmp_path / "m.gguf")
    (tmp_path / "m.gguf").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0")
    assert "git lfs pull" in refused(tmp_path / "m.gguf")


def test_a_renamed_file_is_known_by_its_first_bytes(file, tmp_path):
    renamed = file.rename(tmp_path / "model.bin")
    assert is_gguf(renamed)
    assert why_missing(str(renamed)) == ""
    assert LocalModel.load(renamed).model.config.model_type == "qwen2"
    assert not is_gguf(tmp_path)
    assert not is_gguf("somebody/some-model")
    assert not is_gguf("small")


def test_a_part_of_a_file_in_parts(file, tmp_path):
    part = file.rename(tmp_path / "m-00002-of-00003.gguf")
    assert "is part 2 of 3" in refused(part)
    assert "llama-gguf-split --merge" in refused(part)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1, 0.5, 0.99])
def test_a_file_that_is_cut_off(share, file):
    data = file.read_bytes()
    file.write_bytes(data[: max(5, int(share * len(data)))])
    assert "copy or download it again" in refused(file)
    assert not [*cache_directory().glob("*-1"), *cache_directory().glob("*.partial")]


@given(place=st.floats(0, 1), value=st.integers(0, 2**64 - 1))
def test_a_damaged_header_is_refused_or_read_and_never_worse(place, value, tmp_path_factory):
    """Any eight bytes of it are changed."""
    root = tmp_path_factory.mktemp("damaged")
    file = write_gguf(root / "m.gguf", gguf_model())
    data = bytearray(file.read_bytes())
    at = int(place * min(one.start for one in read_header(file).tensors.values()))
    data[at : at + 8] = struct.pack("<Q", value)
    file.write_bytes(data)
    said = "m.gguf"
    try:
        checkpoint_of(file)
    except SecondthoughtError as error:
        said = str(error)
    assert "m.gguf" in said
    assert "\n" not in said


def changed(tmp_path, architecture="qwen2", **changes):
    return write_gguf(tmp_path / "m.gguf", gguf_model(architecture), architecture=architecture, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"qwen2.block_count": ("uint32", 3)}, "are of two models"),
        ({"qwen2.embedding_length": ("uint32", 32)}, "are of two models"),
        ({"qwen2.attention.head_count": None}, "qwen2.attention.head_count is missing"),
        ({"qwen2.block_count": ("string", "2")}, "must be of kind int, not str"),
        ({"qwen2.rope.scaling.type": ("string", "longrope")}, "stretches positions by 'longrope'"),
        ({"tokenizer.ggml.model": ("string", "t5")}, "tokenizer.ggml.model is 't5'"),
        ({"tokenizer.ggml.model": None}, "tokenizer.ggml.model is missing"),
        ({"tokenizer.ggml.pre": ("string", "new")}, "tokenizer.ggml.pre is 'new'"),
        ({"tokenizer.ggml.merges": ("array", ["q z"])}, "its vocabulary is damaged"),
        ({"tokenizer.ggml.merges": ("array", ["qz"])}, "its vocabulary is damaged"),
        ({"tokenizer.ggml.token_type": ("array", [1])}, "are of two lengths"),
        ({"tokenizer.ggml.eos_token_id": ("uint32", 9999)}, "eos_token is 9999"),
    ],
)
def test_settings_that_make_no_model(changes, words, tmp_path):
    assert words in refused(changed(tmp_path, **changes))


def test_an_architecture_that_is_not_read(tmp_path):
    said = refused(write_gguf(tmp_path / "m.gguf", gguf_model(), architecture="mamba"))
    assert "is of the architecture 'mamba', and GGUF files of llama, granite, qwen2, qwen3 are read" in said


def test_a_tensor_that_is_not_known(tmp_path):
    model = gguf_model("qwen3")
    path = write_gguf(tmp_path / "m.gguf", model, architecture="qwen3")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"blk.1.ffn_gate.weight", b"blk.1.ffn_jump.weight"))
    assert "holds blk.1.ffn_jump.weight" in refused(path)


def test_positions_stretched_as_nobody_does(tmp_path):
    from gguf_files import LLAMA_3_ROTARY

    other = {**LLAMA_3_ROTARY, "original_max_position_embeddings": 2048}
    model = gguf_model("llama", rope_parameters=other)
    assert "is not Llama 3's" in refused(write_gguf(tmp_path / "m.gguf", model, architecture="llama"))


def test_without_the_package(file, monkeypatch):
    real = importlib.import_module

    def absent(name, *rest):
        if name == "gguf":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(numbers.importlib, "import_module", absent)
    assert "pip install 'secondthought[gguf]'" in refused(file, kind=ConfigError)


def test_a_full_disk_leaves_nothing(file, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "_tensors", full)
    said = refused(file)
    assert "the disk is full" in said
    assert "XDG_CACHE_HOME" in said
    assert not [*cache_directory().glob("*-1"), *cache_directory().glob("*.partial")]


def test_too_little_space_is_known_beforehand(file, monkeypatch):
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1_000_000}))
    said = refused(file)
    assert "0.0 GB are free" in said
    assert "set XDG_CACHE_HOME" in said


def test_a_checkpoint_is_made_once_whatever_the_file_is_called(file, tmp_path, monkeypatch):
    first = checkpoint_of(file)
    made = (first / "model.safetensors").stat().st_mtime_ns
    monkeypatch.setattr(cache, "write_checkpoint", lambda *given: pytest.fail("it is made already"))
    assert checkpoint_of(file.rename(tmp_path / "other.gguf")) == first
    assert (first / "model.safetensors").stat().st_mtime_ns == made


def test_a_file_that_has_not_changed_is_not_read_again(file, monkeypatch):
    checkpoint_of(file)
    monkeypatch.setattr(cache.hashlib, "file_digest", lambda *given: pytest.fail("it is read again"))
    checkpoint_of(file)


def test_a_file_that_has_changed_in_place_is_another_model(file, tmp_path):
    first = checkpoint_of(file)
    before = file.stat()
    write_gguf(file, gguf_model(seed=1))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert checkpoint_of(file) != first


def test_a_checkpoint_without_its_weights_is_made_again(file):
    directory = checkpoint_of(file)
    (directory / "model.safetensors").unlink()
    assert (checkpoint_of(file) / "model.safetensors").is_file()


def _make(path, at_once, out):
    at_once.wait()
    out.put(str(checkpoint_of(path)))


def test_two_processes_at_once_make_one(file):
    context = multiprocessing.get_context("fork")
    at_once, out = context.Barrier(2), context.Queue()
    both = [context.Process(target=_make, args=(file, at_once, out)) for _ in range(2)]
    for one in both:
        one.start()
    assert out.get(timeout=60) == out.get(timeout=60)
    for one in both:
        one.join()
    assert len([*cache_directory().glob("*-1")]) == 1
    assert not [*cache_directory().glob("*.partial")]


def test_a_name_in_a_config_is_looked_at_before_any_work(tmp_path):
    assert "no such file" in why_missing(str(tmp_path / "none.gguf"))
    with pytest.raises(PolicyError, match="no such file"):
        LocalModel.load(ModelConfig(path=str(tmp_path / "none.gguf")).path)
