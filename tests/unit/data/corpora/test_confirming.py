"""A sample is drawn from both strata, and readers of all documents give the exact prevalence."""

import json

import pytest

from secondthought.data.corpora.confirming import DRAWN, confirmed, drawn_documents
from secondthought.data.corpora.documents import CorpusDocument, Fields
from secondthought.data.corpora.lines import LONGEST
from secondthought.data.corpora.measure import measure, measured
from secondthought.data.corpora.piece_step import MARKS, MeasurePieces, Outputs, measured_line
from secondthought.data.corpora.pieces import pieces_of
from secondthought.errors import ConfigError
from secondthought.habits.catalog import shipped

pytest.importorskip("datatrove")
MARK = "verification"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """90 documents, every third with a wording of verification, in pieces of a few."""
    root = tmp_path_factory.mktemp("corpus")
    texts = ("Let me check: 3 + 4 = 7.", "A plain sentence.", "Nothing here.")
    rows = [json.dumps({"id": number, "text": f"{number}: {texts[number % 3]}"}) for number in range(90)]
    (root / "rows.jsonl").write_text("\n".join(rows))
    pieces = tuple(pieces_of([str(root / "rows.jsonl")], most=700))
    outputs = Outputs(folder=root / "out", packed=False)
    measure(MeasurePieces(pieces=pieces, behaviors=shipped(), outputs=outputs, fields=Fields()))
    return root / "out"


def test_as_many_of_both_kinds_and_each_with_its_text(corpus):
    outputs, counts = measured(corpus)
    rows = list(drawn_documents(outputs, counts, [MARK], 8))
    assert len(rows) == 16
    assert sum(row[DRAWN][MARK] for row in rows) == 8
    for row in rows:
        assert row[DRAWN][MARK] == (int(row["id"]) % 3 == 0) == (row[MARKS][MARK] > 0)
        assert row["text"].startswith(f"{row['id']}: ")
    assert rows == list(drawn_documents(outputs, counts, [MARK], 8))
    both = list(drawn_documents(outputs, counts, [MARK, "problem"], 8))
    assert [row["text"] for row in both if MARK in row[DRAWN]] == [row["text"] for row in rows]


@pytest.mark.parametrize("packed", [True, False])
def test_a_document_that_is_longer_than_a_line_of_the_input_may_be_moves_no_other(tmp_path, packed):
    """Of parquet, or with ends of lines as \\n, a text may be written longer than what is read of any other file."""
    if packed:
        pytest.importorskip("zstandard")
    outputs = Outputs(folder=tmp_path, packed=packed)
    texts = ("word " * (LONGEST // 5 + 1), "Let me check: 3 + 4 = 7.", "Nothing here.")
    documents = [CorpusDocument(id=str(n), text=text, source="books") for n, text in enumerate(texts)]
    with outputs.new_documents(0) as file:
        for each in documents:
            file.write(measured_line(each, {}))
    found = list(outputs.documents_at({0: {line: str(line) for line in range(3)}}))
    assert [(line, each.id) for line, each in found] == [("0", "0"), ("1", "1"), ("2", "2")]
    assert [len(each.text) for _, each in found] == [len(text) for text in texts]


def labelled(rows, label):
    return [{**row, "counts": {MARK: label(int(row["id"]))}} for row in rows]


def test_readers_of_every_document_give_the_exact_share(corpus):
    """They see it in documents 0 to 44: in 15 of the 30 that were found, and in 30 of the others."""
    outputs, counts = measured(corpus)
    rows = labelled(drawn_documents(outputs, counts, [MARK], 100), lambda number: int(number < 45))
    (found,) = confirmed(counts, rows, [MARK])
    assert found.found.estimate == pytest.approx(1 / 3)
    assert found.precision.estimate == 0.5
    assert found.overlooked.estimate == 0.5
    assert found.prevalence.estimate == pytest.approx(0.5)
    assert found.prevalence.low < 0.5 < found.prevalence.high


def test_what_readers_cannot_tell_is_left_out_and_said(corpus):
    outputs, counts = measured(corpus)
    rows = labelled(drawn_documents(outputs, counts, [MARK], 100), lambda number: None if number % 2 else 1)
    (found,) = confirmed(counts, rows, [MARK])
    assert found.unread == 45
    assert (found.precision.n, found.overlooked.n, found.prevalence.estimate) == (15, 30, 1.0)


def test_a_stratum_that_nobody_read_leaves_the_prevalence_open(corpus):
    outputs, counts = measured(corpus)
    rows = [row for row in drawn_documents(outputs, counts, [MARK], 10) if row[DRAWN][MARK]]
    (found,) = confirmed(counts, labelled(rows, lambda number: 1), [MARK])
    assert found.precision.estimate == 1.0
    assert not found.overlooked.is_defined
    assert not found.prevalence.is_defined


def test_what_is_no_measured_corpus_is_refused(corpus, tmp_path):
    with pytest.raises(ConfigError, match="is no measured corpus"):
        measured(tmp_path)
    counts = sorted((corpus / "counts").iterdir())[0]
    content = counts.read_bytes()
    counts.unlink()
    with pytest.raises(ConfigError, match=r"1 of \d+ pieces are not measured yet"):
        measured(corpus)
    counts.write_bytes(content)
