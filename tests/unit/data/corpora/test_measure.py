"""A corpus is measured once, whoever does it and however often it is stopped."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from secondthought.data.corpora.documents import Fields
from secondthought.data.corpora.measure import measure
from secondthought.data.corpora.piece_step import MeasurePieces, Outputs
from secondthought.data.corpora.pieces import pieces_of
from secondthought.data.corpora.running import How
from secondthought.errors import ConfigError
from secondthought.habits.catalog import shipped

pytest.importorskip("datatrove")
DOCUMENTS = 400


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "rows.jsonl"
    texts = ("Let me check: 3 + 4 = 7.", "Wait, that is wrong.", "Solve the equation.", "A plain sentence.")
    rows = [{"id": number, "text": f"{texts[number % 4]} Row {number}.", "note": 2**70} for number in range(DOCUMENTS)]
    lines = [json.dumps(row) for row in rows]
    lines[10] = "nonsense"
    path.write_text("\n".join(lines))
    return path


def step_of(corpus, out, packed=False, most=2000):
    pieces = tuple(pieces_of([str(corpus)], most=most))
    return MeasurePieces(
        pieces=pieces, behaviors=shipped(), outputs=Outputs(folder=out, packed=packed), fields=Fields()
    )


def written(out):
    """Return the rows of all documents; what a killed writer left has no such name, and counts for nothing."""
    return [
        json.loads(line)
        for path in sorted((out / "documents").glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def assert_whole(out, counts):
    rows = written(out)
    assert [int(row["id"]) for row in rows] == [number for number in range(DOCUMENTS) if number != 10]
    assert counts.total().documents == DOCUMENTS - 1
    assert counts.set_aside == 1
    for mark, place in (("verification", 0), ("backtracking", 1), ("problem", 2)):
        assert counts.sources["rows"].marks[mark].shown == sum(row["marks"][mark] > 0 for row in rows)
        assert Counter(int(row["id"]) % 4 for row in rows if row["marks"][mark]).most_common(1)[0][0] == place
    assert rows[0]["note"] == 2**70


def test_measured_in_pieces_or_whole_is_the_same(corpus, tmp_path):
    step = step_of(corpus, tmp_path / "pieces")
    assert len(step.pieces) > 5
    counts = measure(step)
    assert_whole(tmp_path / "pieces", counts)
    assert measure(step_of(corpus, tmp_path / "whole", most=10**9)).sources == counts.sources
    assert written(tmp_path / "whole") == written(tmp_path / "pieces")
    (aside,) = [
        json.loads(line)
        for path in (tmp_path / "pieces" / "set-aside").iterdir()
        for line in path.read_text().splitlines()
    ]
    assert aside["beginning"] == "nonsense"


def test_two_workers_say_nothing_and_do_the_same(corpus, tmp_path, capfd):
    counts = measure(step_of(corpus, tmp_path / "two"), How(workers=2))
    assert_whole(tmp_path / "two", counts)
    assert capfd.readouterr() == ("", "")


def test_packed_documents_are_a_corpus_again(corpus, tmp_path):
    pytest.importorskip("zstandard")
    counts = measure(step_of(corpus, tmp_path / "first", packed=True))
    again = measure(step_of(tmp_path / "first" / "documents", tmp_path / "second"))
    assert again.total().documents == counts.total().documents
    assert again.sources["rows"].marks == counts.sources["rows"].marks
    assert_whole(tmp_path / "second", replace(again, set_aside=1))


def test_what_is_done_is_not_done_again(corpus, tmp_path):
    step = step_of(corpus, tmp_path / "out")
    counts = measure(step)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "documents").iterdir()}
    step.outputs.counts(3).unlink()  # as if it was stopped there
    for mark in (tmp_path / "out" / "tasks" / "completions").iterdir():
        mark.unlink()
    assert measure(step) == counts
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "documents").iterdir()}
    assert {path for path in after if after[path] != before[path]} == {step.outputs.documents(3)}


def test_other_settings_are_refused(corpus, tmp_path):
    measure(step_of(corpus, tmp_path / "out"))
    with pytest.raises(ConfigError, match="was made with other pieces"):
        measure(step_of(corpus, tmp_path / "out", most=3000))
    with pytest.raises(ConfigError, match="was made with other behaviors"):
        measure(replace(step_of(corpus, tmp_path / "out"), behaviors=shipped()[:2]))


def test_an_option_that_the_executor_does_not_know_is_named(corpus, tmp_path):
    with pytest.raises(ConfigError, match=r"--executor local: .*'partition'"):
        measure(step_of(corpus, tmp_path / "out"), How(options={"partition": "cpu"}))


def test_a_packer_that_is_not_installed_is_said_beforehand(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("secondthought.data.corpora.piece_step.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"install secondthought\[corpora\], or give --plain"):
        measure(step_of(corpus, tmp_path / "out", packed=True))
    assert not (tmp_path / "out").exists()
    assert measure(step_of(corpus, tmp_path / "out")) is not None


def test_an_executor_that_is_not_installed_is_named(corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="--executor ray needs ray; pip install ray"):
        measure(step_of(corpus, tmp_path / "out"), How(executor="ray"))


def test_killed_at_any_moment_no_document_is_lost_or_there_twice(corpus, tmp_path):
    dice = random.Random(0)
    command = [sys.executable, "-m", "secondthought", "corpora", "measure", str(corpus), "--out", str(tmp_path / "out")]
    command += ["--plain", "--workers", "2", "--quiet", "--piece-mb", str(300 / 2**20)]
    kills = 0
    for _ in range(3):
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
        done = tmp_path / "out" / "counts"
        began = len(list(done.iterdir())) if done.exists() else 0
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if done.exists() and len(list(done.iterdir())) > began + dice.randrange(5, 15):
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.005)
        process.wait()
    assert kills >= 2
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    step = step_of(corpus, tmp_path / "out", most=300)
    assert_whole(tmp_path / "out", measure(step))
