"""`corpora measure`: what is shown, and what is said of what cannot be done."""

import json

import pytest

pytest.importorskip("datatrove")


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "Let me check: 3 + 4 = 7.", "source": "a"}\n{"text": "Plain."}\nnonsense\n')
    return path


def test_the_table_has_a_row_for_each_source(cli, corpus, tmp_path):
    result = cli("corpora", "measure", corpus, "--out", tmp_path / "out", "--workers", 1)
    assert result.code == 0, result.err
    assert "set aside, since they could not be read: 1 (" in result.out.replace("\n", " ")
    rows = [line for line in result.out.splitlines() if line.startswith("\u2502")]
    assert [row.split()[1] for row in rows] == ["a", "rows", "all"]
    assert "100.0" in rows[0]


def test_json(cli, corpus, tmp_path):
    found = cli("corpora", "measure", corpus, "--out", tmp_path / "out", "--workers", 1, "--json").object
    assert found["set_aside"] == 1
    assert found["sources"]["a"]["marks"]["verification"]["prevalence"]["estimate"] == 1.0
    assert found["all"]["documents"] == 2


def test_a_corpus_of_which_nothing_can_be_read(cli, corpus, tmp_path):
    result = cli("corpora", "measure", corpus, "--out", tmp_path / "out", "--workers", 1, "--fields.text", "content")
    assert result.code == 2
    assert "no document could be read; the first:" in result.err
    assert "rows.jsonl, at 0: field 'content' is missing; --fields names where" in result.err


def test_behaviors_of_ones_own(cli, corpus, tmp_path):
    habit = tmp_path / "naming.toml"
    patterns = '[[patterns]]\nliterals = ["plain"]\nmatch = "^plain"\n'
    habit.write_text(f'name = "plainness"\ndefinition = "It says so."\n{patterns}')
    flags = ("--out", tmp_path / "out", "--workers", 1, "--json", "--behaviors", habit, "--plain")
    found = cli("corpora", "measure", corpus, *flags).object
    assert list(found["all"]["marks"]) == ["plainness", "problem", "solution"]
    row = json.loads((tmp_path / "out" / "documents" / "000000.jsonl").read_text().splitlines()[1])
    assert row["marks"] == {"plainness": 1, "problem": 0, "solution": 0}


def test_from_the_corpus_to_the_corrected_share(cli, corpus, tmp_path):
    """Measured, drawn, read by a detector in a judge's place, corrected."""
    assert cli("corpora", "measure", corpus, "--out", tmp_path / "out", "--workers", 1).code == 0
    sample, labels = tmp_path / "sample.jsonl", tmp_path / "labels.jsonl"
    result = cli("corpora", "sample", tmp_path / "out", "--out", sample, "--marks", "verification")
    assert result.code == 0, result.err
    assert "2 documents for verification" in result.out
    assert "exists already" in cli("corpora", "sample", tmp_path / "out", "--out", sample).err
    labels.write_text(cli("habits", sample, "--keep").out)
    found = cli("corpora", "confirm", tmp_path / "out", labels, "--json").object
    assert list(found) == ["verification"]
    assert found["verification"]["prevalence"]["estimate"] == 0.5
    assert "verification" in cli("corpora", "confirm", tmp_path / "out", labels).out


def test_marks_and_labels_that_are_none(cli, corpus, tmp_path):
    assert cli("corpora", "measure", corpus, "--out", tmp_path / "out", "--workers", 1).code == 0
    result = cli("corpora", "sample", tmp_path / "out", "--out", tmp_path / "s", "--marks", "verfication")
    assert "this corpus has none (did you mean 'verification'?)" in result.err
    result = cli("corpora", "confirm", tmp_path / "out", corpus)
    assert "line 1: field 'drawn' is missing; label the rows of `corpora sample`" in result.err


@pytest.mark.parametrize("label", ["yes", -1, 0.5, [1]])
def test_labels_that_are_no_counts(cli, corpus, tmp_path, label):
    assert cli("corpora", "measure", corpus, "--out", tmp_path / "out", "--workers", 1).code == 0
    labels = tmp_path / "labels.jsonl"
    labels.write_text(json.dumps({"drawn": {"verification": True}, "counts": {"verification": label}}))
    result = cli("corpora", "confirm", tmp_path / "out", labels)
    assert "labels.jsonl: line 1: the label of verification must be true, false, a count, or null" in result.err
    assert result.code == 1


def test_select_refuses_what_there_is_not(cli, corpus, tmp_path):
    pytest.importorskip("rensa")
    assert cli("corpora", "measure", corpus, "--out", tmp_path / "out", "--workers", 1).code == 0
    flags = ("--out", tmp_path / "sets", "--tokens", 10, "--tokenizer", "small", "--workers", 1)
    result = cli("corpora", "select", tmp_path / "out", *flags, "--habits", "verfication")
    assert "--habits verfication: this corpus has none (did you mean 'verification'?)" in result.err
    result = cli("corpora", "select", tmp_path / "out", *flags)
    assert "--tokens 10: the 0 pairs of like documents hold 0 tokens a side" in result.err
    other = ("--out", tmp_path / "other", "--tokens", 10, "--workers", 1)
    result = cli("corpora", "select", tmp_path / "out", *other, "--tokenizer", tmp_path / "none")
    assert "is no directory here" in result.err
