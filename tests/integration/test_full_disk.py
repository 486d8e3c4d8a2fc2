"""A disk that fills up while a run writes: one sentence, and a directory that goes on once there is room."""

import errno

import pytest
import safetensors
import safetensors.torch
from small_runs import NO_CONTROLS, assert_same_run, results, small_config

from secondthought.errors import RunError
from secondthought.inference.local import LocalPolicy
from secondthought.rollout import failure_file
from secondthought.runs import files, recorder
from secondthought.train.run import execute


@pytest.fixture(scope="module")
def whole(tmp_path_factory, checkpoints):
    path = tmp_path_factory.mktemp("whole") / "run"
    execute(small_config(path, checkpoints / "qwen2", evaluation=NO_CONTROLS), quiet=True)
    return path


def fails_at(monkeypatch, owner, name, number, error):
    """Call `number`, from 1, of `owner.name` finds no room."""
    original, count = getattr(owner, name), 0

    def wrapped(*args, **kwargs):
        nonlocal count
        count += 1
        if count == number:
            raise error
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapped)


FULL = OSError(errno.ENOSPC, "No space left on device")
FULL_RUST = safetensors.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
WRITES = {
    "a row": (recorder, "_append", 4, FULL),
    "moments": (safetensors.torch, "save", 2, FULL),
    "weights": (LocalPolicy, "save", 2, FULL_RUST),
    "a pointer or summary": (files, "write_text", 9, FULL),
    "stored failures": (failure_file, "write", 1, FULL),
}


@pytest.mark.parametrize("what", WRITES)
def test_one_sentence_and_resumable(tmp_path, monkeypatch, checkpoints, whole, what):
    config = small_config(tmp_path / "run", checkpoints / "qwen2", evaluation=NO_CONTROLS)
    with monkeypatch.context() as patch:
        fails_at(patch, *WRITES[what])
        with pytest.raises(RunError, match=r"the disk is full; free some space, .*--resume"):
            execute(config, quiet=True)
    assert results(config.run_dir)["status"] == "failed"
    assert not list(config.run_dir.rglob("*.partial"))
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)
