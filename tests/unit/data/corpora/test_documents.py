"""Documents of every format; what cannot be read is set aside with its place, and the rest is read."""

import bz2
import errno
import gzip
import json
import lzma
import random
from datetime import date
from decimal import Decimal
from functools import partial

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


def _packed(ending, data):
    zstandard = pytest.importorskip("zstandard")
    xz = partial(lzma.compress, preset=0)  # the default takes ten seconds
    return {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": xz, ".zst": zstandard.compress}[ending](data)


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_a_file_that_is_torn_is_read_as_far_as_it_goes(tmp_path, ending):
    path = tmp_path / f"rows.jsonl{ending}"
    dice = random.Random(0)
    whole = _packed(ending, b"".join(b'{"text": "%x"}\n' % dice.getrandbits(400) for _ in range(25_000)))
    path.write_bytes(whole[: len(whole) // 2])
    found = read(path)
    assert len(found) > 1000
    assert isinstance(found[-1], SetAside)
    assert "cannot be read on" in found[-1].reason
    assert all(isinstance(each, CorpusDocument) for each in found[:-1])


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_a_text_that_is_torn_is_not_taken_for_a_whole_one(tmp_path, ending):
    path = tmp_path / f"book.txt{ending}"
    dice = random.Random(0)
    whole = _packed(ending, " ".join(f"{dice.getrandbits(64):x}" for _ in range(20_000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    (found,) = read(path)
    assert isinstance(found, SetAside)
    assert "cannot be read on" in found.reason


def test_all_frames_of_zstd_are_read_and_what_is_to_be_skipped_is_skipped(tmp_path):
    """Parallel packers write a frame for each part, with frames between them that hold no text."""
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "rows.jsonl.zst"
    frames = [zstandard.compress(b'{"text": "%d"}\n' % number * 3000) for number in range(3)]
    path.write_bytes((b"\x50\x2a\x4d\x18\x04\0\0\0abcd").join([b"", *frames, b""]))
    assert [each.text for each in read(path)] == [str(number) for number in range(3) for _ in range(3000)]


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_a_damaged_file_is_read_as_far_as_it_goes(tmp_path, ending):
    dice = random.Random(0)
    data = bytearray(_packed(ending, b"".join(b'{"text": "%x"}\n' % dice.getrandbits(200) for _ in range(30_000))))
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


def test_records_of_a_damaged_wet_file_are_read_as_far_as_it_goes(tmp_path):
    pytest.importorskip("warcio")
    path = tmp_path / "crawl.warc"
    path.write_bytes(_record("conversion", 0, b"Some text.") + b"no record\n" + _record("conversion", 1, b"More."))
    text, aside = read(path)
    assert text.text == "Some text."
    assert isinstance(aside, SetAside)
    assert "cannot be read on" in aside.reason


def test_records_that_were_packed_as_one_are_set_aside(tmp_path):
    pytest.importorskip("warcio")
    path = tmp_path / "crawl.warc.gz"
    path.write_bytes(gzip.compress(b"".join(_record("conversion", number, b"Some text.") for number in range(2))))
    assert "cannot be read on" in read(path)[-1].reason


@pytest.mark.parametrize(("ending", "pack"), [("", bytes), (".gz", gzip.compress)])
def test_a_record_that_is_torn_is_not_taken_for_a_whole_one(tmp_path, ending, pack):
    pytest.importorskip("warcio")
    dice = random.Random(0)
    text = " ".join(f"{dice.getrandbits(64):x}" for _ in range(2000)).encode()
    records = [pack(_record("conversion", number, text)) for number in range(2)]
    path = tmp_path / f"crawl.warc{ending}"
    path.write_bytes(records[0] + records[1][: len(records[1]) // 2])
    whole, torn = read(path)
    assert whole.text == text.decode()
    assert (torn.place, torn.reason) == (1, f"the record ends before its {len(text)} bytes do")


def _record(kind, number, text):
    heads = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\nWARC-Target-URI: http://a.org/\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return heads.encode() + text + b"\r\n\r\n"
