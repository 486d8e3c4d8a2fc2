"""Documents of every format; what cannot be read is set aside with its place, and the rest is read."""

import bz2
import errno
import gzip
import json
import lzma
import random
from datetime import date
from decimal import Decimal

import pytest

from secondthought.data.corpora import piece_step
from secondthought.data.corpora.documents import CorpusDocument, Fields, SetAside, documents_of
from secondthought.data.corpora.pieces import pieces_of


def read(path, **fields):
    return [each for piece in pieces_of([str(path)]) for span in piece for each in documents_of(span, Fields(**fields))]


ROWS = [{"text": "One.", "id": 7, "source": "web", "licence": "CC0", "url": "a"}, {"text": "Two."}]


def document(**values):
    return CorpusDocument(
        **{"id": "7", "text": "One.", "source": "web", "licence": "CC0", "rest": {"url": "a"}, **values}
    )


@pytest.mark.parametrize(("ending", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)])
def test_rows_of_json_lines(tmp_path, ending, pack):
    path = tmp_path / f"rows.jsonl{ending}"
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    path.write_bytes(pack(lines.encode()))
    second = document(id=f"{path}:{len(json.dumps(ROWS[0])) + 1}", text="Two.", source="rows", licence=None, rest={})
    assert read(path) == [document(), second]


def test_fields_of_other_names(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"content": "One.", "key": "a", "from": "b", "terms": "c"}\n')
    found = read(path, text="content", id="key", source="from", licence="terms")
    assert found == [CorpusDocument(id="a", text="One.", source="b", licence="c")]


def test_what_is_no_document_is_set_aside_and_the_rest_is_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    bad = [b"{", b"[1, 2]", b'{"text": 3}', b'{"id": 1}', b'{"text": "  "}', b'{"text": "\xff"}', b"nonsense"]
    path.write_bytes(b"\n".join([b'{"text": "first"}', *bad, b"", b'{"text": "last"}']))
    found = read(path)
    assert [each.text for each in found if isinstance(each, CorpusDocument)] == ["first", "last"]
    aside = [each for each in found if isinstance(each, SetAside)]
    assert len(aside) == len(bad)
    data = path.read_bytes()
    assert [data[each.place :].split(b"\n")[0] for each in aside] == bad
    assert [each.reason for each in aside][2:5] == [
        "field 'text' is not text",
        "field 'text' is missing",
        "field 'text' is empty",
    ]


def test_half_a_character_is_made_whole(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a\\ud83d b"}\n')
    assert [each.text for each in read(path)] == ["a\ufffd b"]


def test_a_file_that_is_torn_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    whole = gzip.compress(
        b"".join(b'{"text": "%d %s"}\n' % (i, bytes([97 + i % 26]) * 60) for i in range(20000)), mtime=0
    )
    path.write_bytes(whole[: len(whole) // 2])
    found = read(path)
    assert len(found) > 1000
    assert isinstance(found[-1], SetAside)
    assert "cannot be read on" in found[-1].reason
    assert all(isinstance(each, CorpusDocument) for each in found[:-1])


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_a_damaged_file_is_read_as_far_as_it_goes(tmp_path, ending):
    zstandard = pytest.importorskip("zstandard")
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}[ending]
    dice = random.Random(0)
    data = bytearray(pack(b"".join(b'{"text": "%x"}\n' % dice.getrandbits(200) for _ in range(30_000))))
    for place in range(len(data) * 3 // 4, len(data) * 3 // 4 + 200):
        data[place] ^= 0xFF
    path = tmp_path / f"rows.jsonl{ending}"
    path.write_bytes(data)
    found = read(path)
    assert isinstance(found[-1], SetAside)
    assert all(isinstance(each, CorpusDocument) for each in found[: len(found) // 2])


def test_a_file_that_cannot_be_reached_is_not_taken_for_a_broken_one(tmp_path, monkeypatch):
    """A share that is away for a moment: the piece is not done, and the same command reads it another time."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "One."}\n')
    (span,) = pieces_of([str(path)])[0]
    path.unlink()
    with pytest.raises(FileNotFoundError):
        list(documents_of(span, Fields()))
    monkeypatch.setattr("fsspec.open", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(OSError, match="Input/output error"):
        list(documents_of(span, Fields()))


def test_a_file_of_plain_text_is_a_document(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text("# Notes\nSome.\n")
    assert read(path) == [CorpusDocument(id=f"{path}:0", text="# Notes\nSome.\n", source="notes")]


def test_rows_of_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([ROWS[0], {**ROWS[0], "text": None, "id": 8}]), path)
    first, second = read(path)
    assert first == document()
    assert (second.place, second.reason) == (1, "field 'text' is missing")


@pytest.mark.parametrize("fast", [True, False])
def test_what_json_has_no_form_for_goes_as_text(monkeypatch, fast):
    """Columns of parquet hold times, bytes and decimals; JSON lines hold numbers of any size."""
    if not fast:
        monkeypatch.setattr(piece_step, "orjson", None)
    rest = {"day": date(2026, 1, 2), "raw": b"ab", "price": Decimal("1.50"), "big": 2**70, "nan": float("nan")}
    row = json.loads(piece_step.measured_line(document(rest=rest), {"problem": 1}))
    assert row == {
        **{"id": "7", "text": "One.", "source": "web", "licence": "CC0", "marks": {"problem": 1}},
        **{"day": "2026-01-02", "raw": "b'ab'", "price": "1.50", "big": 2**70, "nan": None},
    }


def test_no_parquet_at_all_is_set_aside(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"nonsense")
    (found,) = read(path)
    assert isinstance(found, SetAside)


def test_records_of_wet_files(tmp_path):
    pytest.importorskip("warcio")
    path = tmp_path / "crawl.warc.gz"
    records = [("warcinfo", b"software: none"), ("conversion", b"Some text."), ("conversion", "M\u00f6re.".encode())]
    path.write_bytes(b"".join(gzip.compress(_record(kind, n, text)) for n, (kind, text) in enumerate(records)))
    found = read(path)
    assert [each.text for each in found] == ["Some text.", "M\u00f6re."]
    assert [each.id for each in found] == ["<urn:uuid:1>", "<urn:uuid:2>"]
    assert {each.rest["url"] for each in found} == {"http://a.org/"}


def _record(kind, number, text):
    heads = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\nWARC-Target-URI: http://a.org/\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return heads.encode() + text + b"\r\n\r\n"
