"""Where rows lie: every form gives the same rows, and what cannot be read is told in one sentence."""

from __future__ import annotations

import gzip
import json
import sys

import pytest

from secondthought.errors import TaskError
from secondthought.tasks.rows.sources import read_rows

ROWS = [{"question": "1 + 1?", "answer": "2"}, {"question": "Où?", "answer": 3}]
LINES = "\n".join(json.dumps(row) for row in ROWS)


def written(path, data):
    path.write_bytes(data)
    return path


FORMS = {
    "rows.jsonl": LINES.encode(),
    "rows.json": json.dumps(ROWS, indent=1).encode(),
    "marked.json": b"\xef\xbb\xbf \n" + json.dumps(ROWS).encode(),
    "rows.jsonl.gz": gzip.compress(LINES.encode(), mtime=0),
    "rows.json.gz": gzip.compress(json.dumps(ROWS).encode(), mtime=0),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_same_rows_come_out_of_every_form(name, tmp_path):
    path = written(tmp_path / name, FORMS[name])
    found = list(read_rows(path))
    assert [dict(item.row) for item in found] == ROWS
    kind = "line" if "jsonl" in name else "row"
    assert [item.place for item in found] == [f"{path}, {kind} {number}" for number in (1, 2)]


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"question": row["question"], "answer": str(row["answer"])} for row in ROWS]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    found = list(read_rows(tmp_path / "rows.parquet"))
    assert [dict(item.row) for item in found] == rows
    with pytest.raises(TaskError, match="cannot be read as parquet"):
        list(read_rows(written(tmp_path / "torn.parquet", (tmp_path / "rows.parquet").read_bytes()[:-9])))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a":', "line 2: is not JSON"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "line 2: is not a JSON object"),
        ("a.json", b"[{}, 3]", "row 2: is not a JSON object"),
        ("a.json", b"[{}, ", "is not JSON"),
        ("a.json", b"[" * 100_000, "is not JSON"),
        ("a.jsonl.gz", b'{"a": 1}', "cannot be read"),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)[:-12], "ends too early"),
    ],
)
def test_what_is_damaged_is_told_with_its_place(name, data, said, tmp_path):
    path = written(tmp_path / name, data)
    with pytest.raises(TaskError, match=said) as told:
        list(read_rows(path))
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)


def test_what_is_no_file_is_told(tmp_path):
    with pytest.raises(TaskError, match=r"nowhere\.jsonl"):
        list(read_rows(tmp_path / "nowhere.jsonl"))
    with pytest.raises(TaskError, match="cannot be read"):
        list(read_rows(tmp_path))


class Hub:
    """Stands for the library that reaches a hub."""

    def __init__(self, rows=None, error=None):
        self.rows, self.error, self.asked = rows, error, None

    def load_dataset(self, name, config, *, split, streaming):
        self.asked = (name, config, split, streaming)
        if self.error is not None:
            raise self.error
        return iter(self.rows)


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("hub:openai/gsm8k", ("openai/gsm8k", None, "train", True)),
        ("hub:openai/gsm8k:main", ("openai/gsm8k", "main", "train", True)),
        ("hub:openai/gsm8k:main:test", ("openai/gsm8k", "main", "test", True)),
        ("hub:Rowan/hellaswag::validation", ("Rowan/hellaswag", None, "validation", True)),
    ],
)
def test_a_hub_is_streamed(source, asked, monkeypatch):
    hub = Hub(ROWS)
    monkeypatch.setitem(sys.modules, "datasets", hub)
    assert [dict(item.row) for item in read_rows(source)] == ROWS
    assert hub.asked == asked


def test_a_hub_that_is_not_reached_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", Hub(error=ConnectionError("Couldn't reach it.\nMore of it.")))
    with pytest.raises(TaskError) as told:
        list(read_rows("hub:openai/gsm8k"))
    assert str(told.value) == (
        "openai/gsm8k: cannot be fetched (ConnectionError: Couldn't reach it); where there is no network, or the data"
        " set asks for an account, download its files elsewhere and give their paths"
    )
    with pytest.raises(TaskError, match="is named hub:OWNER/NAME"):
        list(read_rows("hub:a:b:c:d"))


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(TaskError, match=r"needs datasets: pip install 'secondthought\[data\]'"):
        list(read_rows("hub:openai/gsm8k"))
    with pytest.raises(TaskError, match=r"needs pyarrow: pip install 'secondthought\[data\]'"):
        list(read_rows(written(tmp_path / "a.parquet", b"PAR1")))
