"""Pieces: the whole input, once, cut in the same places each time."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.data.corpora.lines import lines_between
from secondthought.data.corpora.pieces import FileSpan, pieces_of
from secondthought.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "web").mkdir()
    for number in range(5):
        (tmp_path / "web" / f"page-{number}.txt").write_text("x" * (10 + number))
    (tmp_path / "web" / "big.jsonl").write_text('{"text": "one"}\n' * 20)
    (tmp_path / "web" / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "web" / ".git").mkdir()
    (tmp_path / "web" / ".git" / "notes.txt").write_text("hidden")
    return tmp_path / "web"


def test_small_files_are_gathered_and_large_ones_cut(folder):
    pieces = pieces_of([str(folder)], most=100)
    assert pieces == pieces_of([str(folder)], most=100)
    assert {span.source for piece in pieces for span in piece} == {"web"}
    big = [span for piece in pieces for span in piece if span.format == "jsonl"]
    assert [(span.start, span.stop) for span in big] == [(0, 100), (100, 200), (200, 300), (300, 320)]
    texts = [span.path for piece in pieces for span in piece if span.format == "text"]
    assert len(texts) == len(set(texts)) == 5
    assert all(sum(span.size for span in piece) <= 100 for piece in pieces)
    assert len(pieces) == 4


def test_packed_files_are_entered_at_their_beginning_alone(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(b"0" * 500)
    assert pieces_of([str(path)], most=100) == [(FileSpan(str(path), "jsonl", "rows", size=500),)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("nothing", None, "no such file or folder"),
        ("notes.xyz", "text", "its ending does not tell what it is; give --format"),
    ],
)
def test_what_cannot_be_an_input_is_said(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=said):
        pieces_of([str(path)])


def test_a_folder_without_text_and_a_file_given_twice_are_refused(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no file with text"):
        pieces_of([str(tmp_path / "empty")])
    with pytest.raises(ConfigError, match=r"big\.jsonl: is in two of the inputs"):
        pieces_of([str(folder), str(folder / "big.jsonl")])


def test_a_format_that_is_given_holds_for_all_files(tmp_path):
    path = tmp_path / "notes.xyz"
    path.write_text("text")
    assert pieces_of([str(path)], format="text") == [(FileSpan(str(path), "text", "notes", size=4),)]


@given(
    st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\n", b" ")), max_size=12),
    st.booleans(),
    st.integers(1, 40),
)
def test_every_line_is_in_one_span(lines, ends, most):
    """Whatever the cuts, the spans' lines are the file's, in order and each once."""
    data = b"\n".join(lines) + (b"\n" if ends else b"")
    cuts = range(0, len(data), most)
    found = [line for start in cuts for line in lines_between(io.BytesIO(data), start, min(start + most, len(data)))]
    assert b"".join(line.data for line in found) == data
    assert all(data[line.place :].startswith(line.data) for line in found)


@given(st.integers(1, 60), st.integers(1, 40), st.integers(5, 30))
def test_a_line_that_is_too_long_is_passed_over(length, most, longest):
    data = b"a\n" + b"x" * length + b"\nb\n"
    cuts = range(0, len(data), most)
    spans = ((start, min(start + most, len(data))) for start in cuts)
    found = [line for span in spans for line in lines_between(io.BytesIO(data), *span, longest=longest)]
    long = None if length >= longest else b"x" * length + b"\n"
    assert [(line.place, line.data) for line in found] == [(0, b"a\n"), (2, long), (3 + length, b"b\n")]
