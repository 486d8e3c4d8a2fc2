"""Places below the home directory, encodings of editors, and what a disk refuses."""

import errno
import os
from pathlib import Path

import pytest

from secondthought import jsonl
from secondthought.config import RunConfig, read_toml
from secondthought.disk import at_home, why_refused, why_unread, why_unwritten
from secondthought.errors import ConfigError, RunError
from secondthought.runs import files
from secondthought.tasks.jsonl_task import JsonlOptions


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_home_is_written_out_in_any_setting(home):
    config = RunConfig.model_validate(
        {
            "run_dir": "~/runs/a",
            "model": {"path": "~/models/a"},
            "task": {"name": "~/questions.jsonl", "options": {"path": "~/x"}},
            "evaluation": {"peers": {"large": "~/models/b"}, "cache": "~/cache"},
            "train": {"failures": "~/failures.jsonl"},
        }
    )
    dumped = config.model_dump_json()
    assert "~" not in dumped
    assert dumped.count(str(home)) == 7
    assert JsonlOptions(path="~/questions.jsonl").path == home / "questions.jsonl"


def test_what_is_no_place_below_home_stays(home):
    values = ("~5", "a~/b", Path("~nobody-at-all/x"), 3, None)
    assert at_home(values) == values


def test_a_file_of_settings_may_lie_at_home_begin_with_a_mark_and_end_lines_with_two_characters(home):
    (home / "c.toml").write_bytes(b"\xef\xbb\xbfseed = 3\r\n[train]\r\nsteps = 4\r\n")
    assert read_toml(Path("~/c.toml")) == {"seed": 3, "train": {"steps": 4}}
    (home / "c.json").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n')
    assert files.read_json(home / "c.json") == {"a": 1}
    assert [line.value for line in jsonl.parse([b'\xef\xbb\xbf{"a": 1}\r\n', b"\r\n", b'{"a": 2}'])] == [
        {"a": 1},
        {"a": 2},
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_told(tmp_path, encoding):
    (tmp_path / "c.toml").write_bytes("seed = 3\n".encode(encoding))
    with pytest.raises(ConfigError, match=r"c\.toml: .*UTF-16.*; save it as UTF-8"):
        read_toml(tmp_path / "c.toml")
    (tmp_path / "rows.jsonl").write_bytes('{"a": 1}\n{"a": 2}\n'.encode(encoding))
    (line,) = jsonl.read(tmp_path / "rows.jsonl")
    assert "save it as UTF-8" in line.error
    with pytest.raises(RunError, match="is not JSON"):
        files.read_json(tmp_path / "rows.jsonl")


def test_latin_1_is_told_with_its_line(tmp_path):
    (tmp_path / "c.toml").write_bytes(b"seed = 3\n# \xe9\n")
    with pytest.raises(ConfigError, match=r"is not UTF-8 \(line 2\)"):
        read_toml(tmp_path / "c.toml")


@pytest.mark.parametrize(
    "text", ['[{"a": 1}, {"a": 2}]', '[\n{"a": 1},\n{"a": 2}\n]', '[{"a": 1},\n {"a": 2}]', '\n [ {"a":\n1}]']
)
def test_an_array_is_told_once(text):
    (line,) = jsonl.parse(text.splitlines())
    assert "begins a JSON array; write one object a line" in line.error


def test_an_object_over_several_lines_is_told_once():
    (line,) = jsonl.parse(["{", ' "a": 1', "}"])
    assert "write each on one line" in line.error


def test_a_row_that_is_a_list_is_one_bad_row():
    wrong = "is not a JSON object"
    assert [line.error for line in jsonl.parse(["[1]", '{"a": 1}', "[2]"])] == [wrong, None, wrong]


def test_a_file_of_json_given_as_toml(tmp_path):
    (tmp_path / "c.toml").write_text('{"seed": 3}')
    with pytest.raises(ConfigError, match="it looks like JSON"):
        read_toml(tmp_path / "c.toml")


def test_deep_nesting_is_told(tmp_path):
    (tmp_path / "c.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match="is not valid TOML"):
        read_toml(tmp_path / "c.toml")


def unread(path):
    try:
        path.read_bytes()
    except OSError as error:
        return why_unread(path, error)
    raise AssertionError("it was read")


def test_what_cannot_be_read_is_said_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert unread(tmp_path / "none").endswith("none: cannot be read: No such file or directory")
    assert unread(tmp_path / "a" / "b" / "none").endswith(f"directory (there is no directory {tmp_path / 'a'})")
    assert unread(tmp_path / "link").endswith(f"link: is a link to {tmp_path / 'gone'}, which is not there")
    assert unread(tmp_path / "loop").endswith("it is a link that leads to itself")
    assert unread(tmp_path).endswith("cannot be read: Is a directory; name a file in it")
    assert unread(tmp_path / "file" / "x").endswith(f"Not a directory: {tmp_path / 'file'} is a file")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "choose a place that is yours"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EISDIR, "name a file"),
        (errno.EEXIST, "choose another name"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_cannot_be_written_is_said_with_the_remedy(number, remedy):
    error = OSError(number, os.strerror(number), "/x")
    assert why_unwritten("/x", error).startswith("/x: ")
    assert remedy in why_unwritten("/x", error)
    assert why_refused(error).startswith("/x: ")


def test_a_path_with_a_zero_character_is_refused():
    with pytest.raises(ValueError, match="zero character"):
        RunConfig.model_validate({"run_dir": "a\0b"})
