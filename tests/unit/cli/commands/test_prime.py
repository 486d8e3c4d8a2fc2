"""`prime`: sets on disk with their provenance, and sentences for what cannot be."""

import json
import os

import pytest

from secondthought.tasks import load


def test_a_device_is_not_replaced_by_a_set(cli, one_sentence, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "is no plain file" in one_sentence(cli("prime", "direct", pipe, "--count", "3", "--overwrite"), 1)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_set_and_its_provenance(cli, tmp_path):
    out = tmp_path / "bv.jsonl"
    words = ("prime", "backtracking-verification", str(out), "--count", "12", "--dials.correct", "0.25")
    result = cli(*words, "--json")
    assert result.code == 0
    assert result.err == ""
    about = json.loads((tmp_path / "bv.provenance.json").read_text())
    assert result.object == {"out": str(out), **about}
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert (len(rows), about["correct"], about["dials"]["correct"]) == (12, 3, 0.25)
    assert about["behaviors"]["subgoal_setting"]["present"] == 0
    task = load("countdown", {"preset": "priming", "answer_format": "think"})
    for row in rows:
        assert task.verify(task.parse(row["problem"]), row["completion"]).correct is row["correct"]
    again = cli(*words)
    assert again.code == 1
    assert "exists already" in again.err
    assert cli(*words, "--overwrite").code == 0
    assert [json.loads(line) for line in out.read_text().splitlines()] == rows


def test_what_was_written_can_be_taken_up_again(cli, tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    cli("prime", "direct", str(one), "--count", "4", "--wording", "short")
    result = cli("prime", "any", str(two), "--source.file", str(one), "--wording", "short")
    assert result.code == 0
    assert "4 traces on 4 problems" in result.out
    completions = [[json.loads(line)["completion"] for line in path.read_text().splitlines()] for path in (one, two)]
    assert completions[0] == completions[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["backtraking"], "did you mean 'backtracking'?"),
        (["any"], "any is for traces that exist already"),
        (["dots"], "--tokenizer"),
        (["direct", "--source.endpoint", "http://localhost:1"], "--source.model"),
        (["direct", "--source.file", "a", "--source.endpoint", "b"], "one source"),
        (["direct", "--source.file", "a", "--dials.correct", "1"], "--dials.correct is for search"),
        (["direct", "--source.file", "nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["incorrect-only", "--dials.correct", "0.3"], "fixes it"),
        (["direct", "--count", "0"], "count"),
    ],
)
def test_sentences(cli, tmp_path, words, sentence):
    result = cli("prime", words[0], str(tmp_path / "out.jsonl"), *words[1:])
    assert result.code in (1, 2)
    assert sentence in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "out.jsonl").exists()
