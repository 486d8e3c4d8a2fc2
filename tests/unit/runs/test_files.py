"""Files and directories appear whole or not at all, with one writer or with many, killed or not."""

import multiprocessing
import os

import pytest
from many_writers import at_once

from secondthought import jsonl
from secondthought.disk import abandoned, temporary
from secondthought.errors import RunError
from secondthought.runs import files


@pytest.mark.parametrize(
    "write",
    [
        lambda path, number: files.write_text(path, f"{number}\n" * 5000),
        lambda path, number: files.write_rows(path, [{"by": number}] * 5000),
        lambda path, number: jsonl.write(path, [{"by": number}] * 5000),
    ],
)
def test_many_writers_of_one_file_leave_that_of_one(tmp_path, write):
    path = tmp_path / "file"
    for _ in range(5):
        assert at_once(lambda number: write(path, number)) == []
        assert len(set(path.read_text().splitlines())) == 1
        assert len(path.read_text().splitlines()) == 5000
        assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_many_publishers_leave_one_whole_directory_that_is_never_replaced(tmp_path):
    path = tmp_path / "entry"

    def publish(number):
        with files.publish(path) as directory:
            for name in ("a", "b", "c"):
                (directory / name).write_text(str(number))

    assert at_once(publish) == []
    first = [(path / name).read_text() for name in ("a", "b", "c")]
    assert len(set(first)) == 1
    assert at_once(publish) == []
    assert [(path / name).read_text() for name in ("a", "b", "c")] == first
    assert [item.name for item in tmp_path.iterdir()] == ["entry"]


def test_what_fails_publishes_nothing(tmp_path):
    with pytest.raises(RunError, match="cannot be written"), files.publish(tmp_path / "entry") as directory:
        (directory / "a" / "b").read_text()
    assert not list(tmp_path.iterdir())


def test_a_new_directory_replaces_the_old_one(tmp_path):
    for word in ("old", "new"):
        with files.new_directory(tmp_path / "made") as directory:
            (directory / word).write_text(word)
    assert [item.name for item in (tmp_path / "made").iterdir()] == ["new"]
    assert [item.name for item in tmp_path.iterdir()] == ["made"]


def test_files_go_among_others_and_a_model_is_none_until_the_last(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.mkdir()
    for name in ("config.json", "mine.txt"):
        (path / name).write_text("old")
    moved, right = [], os.replace

    def watched(source, target):
        moved.append(os.path.basename(target))
        assert not (path / "config.json").exists()
        right(source, target)

    monkeypatch.setattr(os, "replace", watched)
    with files.into_directory(path) as directory:
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            (directory / name).write_text("new")
    assert moved[-1] == "config.json"
    assert {item.name: item.read_text() for item in path.iterdir()} == {
        "config.json": "new",
        "mine.txt": "old",
        "model.safetensors": "new",
        "tokenizer.json": "new",
    }
    assert [item.name for item in tmp_path.iterdir()] == ["model"]


def _die_while_writing(path):
    partial = temporary(path)
    partial.mkdir()
    os._exit(9)


def test_what_a_dead_writer_left_is_deleted_and_what_a_live_one_writes_is_not(tmp_path):
    path = tmp_path / "step_[1]"
    process = multiprocessing.get_context("fork").Process(target=_die_while_writing, args=(path,))
    process.start()
    process.join()
    [left] = tmp_path.iterdir()
    assert list(abandoned(path)) == [left]
    mine = temporary(path)
    mine.mkdir()
    elsewhere = tmp_path / f"{path.name}.00000000-1-0.partial"
    elsewhere.mkdir()
    with files.new_directory(path):
        pass
    assert sorted(tmp_path.iterdir()) == sorted([path, mine, elsewhere])


def test_a_disk_that_refuses_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"), files.publish(tmp_path / "file" / "entry"):
        pass
