"""What measuring a corpus takes is told from a sample of it."""

import json
import math

import pytest

from secondthought.cli import main
from secondthought.data.corpora.documents import Fields
from secondthought.data.corpora.piece_step import MeasurePieces, Outputs
from secondthought.data.corpora.pieces import pieces_of
from secondthought.data.corpora.planning import CorpusPlan, MeasuredSample, measured_sample
from secondthought.errors import ConfigError
from secondthought.habits.catalog import shipped
from secondthought.stats import Interval


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "web.jsonl"
    path.write_text("".join(json.dumps({"text": f"Let me check {n}. " * 40}) + "\n" for n in range(200)))
    return path


def step_of(corpus, most=20_000):
    outputs = Outputs(folder=corpus.parent / "never", packed=False)
    pieces = tuple(pieces_of([str(corpus)], most=most))
    return MeasurePieces(pieces=pieces, behaviors=shipped(), outputs=outputs, fields=Fields())


def plan_of(size, *, workers=1, piece=100, longest=None, per_mb=2.0, low=1.0, high=3.0):
    per = Interval(estimate=per_mb, low=low, high=high, n=5)
    sample = MeasuredSample(bytes=1000, documents=10, written=1500, seconds_per_mb=per)
    pieces = math.ceil(size / piece)
    return CorpusPlan(sample=sample, bytes=size, pieces=pieces, longest=longest or size // pieces, workers=workers)


def test_two_pieces_at_least_are_measured_and_nothing_stays(corpus):
    step = step_of(corpus)
    sample = measured_sample(step, 1e-9)
    assert sample.seconds_per_mb.n == 2
    assert sample.bytes == sum(sorted(step.sizes)[-2:]) or sample.bytes < sum(step.sizes)
    assert 0 < sample.documents < 200
    assert sample.written > sample.bytes
    assert list(corpus.parent.iterdir()) == [corpus]


def test_with_time_all_of_it_is_measured_once(corpus):
    sample = measured_sample(step_of(corpus), 1e9)
    assert (sample.documents, sample.bytes) == (200, corpus.stat().st_size)


def test_a_small_piece_weighs_little(corpus, monkeypatch):
    """Seconds over MB of all pieces: the mean of their rates would be that of the last, of a few bytes."""
    step = step_of(corpus, most=corpus.stat().st_size - 100)
    assert len(step.sizes) == 2
    ticks = iter([0.0, 1.0, 1.0, 2.0])
    monkeypatch.setattr("secondthought.data.corpora.planning.time.perf_counter", lambda: next(ticks))
    sample = measured_sample(step, 1e9)
    assert sample.seconds_per_mb.estimate == pytest.approx(2 / (corpus.stat().st_size / 1e6))


def test_a_corpus_without_documents_is_no_sample(tmp_path):
    path = tmp_path / "web.jsonl"
    path.write_text('{"content": "a"}\n' * 9)
    with pytest.raises(ConfigError, match="no document could be read in the pieces"):
        measured_sample(step_of(path), 1.0)


def test_time_is_that_of_the_worker_with_most_pieces():
    million = 1_000_000
    assert plan_of(10 * million, piece=million).seconds.estimate == pytest.approx(20)
    assert plan_of(10 * million, piece=million, workers=5).seconds.estimate == pytest.approx(4)
    assert plan_of(10 * million, piece=million, workers=4).seconds.estimate == pytest.approx(6)
    assert plan_of(10 * million, piece=million, workers=99).seconds.estimate == pytest.approx(2)
    assert plan_of(half := million // 2, piece=million, workers=9).seconds.estimate == pytest.approx(half * 2 / million)
    assert plan_of(10 * million, piece=million, longest=4 * million, workers=10).seconds.estimate == pytest.approx(8)
    wide = plan_of(10 * million, piece=million).seconds
    assert (wide.low, wide.high) == pytest.approx((10, 30))


def test_tasks_stay_under_the_limit_of_arrays():
    plan = plan_of(5_000_000_000, piece=1_000_000, workers=1000)
    assert (plan.pieces, plan.tasks) == (5000, 1000)
    assert plan.seconds.estimate == pytest.approx(10)
    assert plan.core_hours == pytest.approx(10_000 / 3600)


def test_the_command(corpus, capsys):
    words = ["plan", "corpora", str(corpus), "--quiet", "--seconds", "0.1"]
    assert not main([*words, "--gb", "60", "--workers", "16", "--price", "0.05", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["bytes"] == 60e9
    assert found["tasks"] == 1000
    assert found["cost"] == pytest.approx(0.05 * found["core_hours"])
    assert found["documents"] == pytest.approx(200 * 60e9 / corpus.stat().st_size, rel=0.05)
    assert not main(words)
    shown = capsys.readouterr().out
    assert "a core reads" in shown
    assert "cost" not in shown
