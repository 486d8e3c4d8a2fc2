"""The learned detector: windows, what is seen in them, weights as data, and training that is honest about itself."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.cli import main
from secondthought.errors import ConfigError, TaskError
from secondthought.habits.learned import labels, weights
from secondthought.habits.learned.detector import LearnedDetector
from secondthought.habits.learned.labels import Labelled
from secondthought.habits.learned.training import _best_threshold, _folds, learn, scores
from secondthought.habits.learned.weights import HabitWeights
from secondthought.habits.learned.windows import WORDS, features_of, windows_of
from secondthought.types import HABITS, Thought

EVIDENCE = Path(__file__).parents[3] / "evidence" / "habits"
KNOWN = {"no": 4.0, "pattern:verification": 2.0}
WEIGHTS = HabitWeights(weights=KNOWN, bias=-1.0, slope=2.0, offset=0.5, threshold=0.5)


@given(st.text(alphabet="ab \n", max_size=2000))
def test_windows_hold_each_word_once_in_order(text):
    windows = list(windows_of(text))
    assert [word for start, end in windows for word in text[start:end].split()] == text.split()
    sizes = [len(text[start:end].split()) for start, end in windows]
    assert all(size == WORDS for size in sizes[:-1])
    assert all(0 < size < 2 * WORDS for size in sizes)


def test_numbers_are_one_word_and_longer_texts_weigh_no_more():
    assert features_of("It is 41.", {}) == features_of("it is 1,234.", {})
    short, long = features_of("no way", {}), features_of("no way " + "of some words and others " * 9, {})
    assert short["no way"] > long["no way"] > 0
    assert sum(value**2 for value in long.values()) == pytest.approx(9.0)


def test_a_probability_is_what_its_formula_says():
    features = features_of("no", {"verification": 3})
    score = -1.0 + 4.0 * features["no"] + 2.0
    assert WEIGHTS.probability(features) == pytest.approx(1 / (1 + math.exp(-(2.0 * score + 0.5))))
    assert WEIGHTS.probability({"no": 1e9}) == 1.0
    assert WEIGHTS.probability({"no": -1e9}) < 1e-300


def test_weights_are_written_and_read(tmp_path):
    weights.write(tmp_path / "w.json", {"verification": WEIGHTS, "own": WEIGHTS})
    assert weights.read(tmp_path / "w.json") == {"verification": WEIGHTS, "own": WEIGHTS}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 1}', '{"format": 1, "habits": {"a": {}}, "weights": {}}', '{"a": ' * 9999, "null"],
)
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"w.json: is no learned detector; `secondthought habits learn` writes one"):
        weights.read(path)
    path.write_text('{"format": 2}')
    with pytest.raises(ConfigError, match="has format 2, and this version reads 1"):
        weights.read(path)


@given(st.text(max_size=600))
def test_any_text_is_read_the_same_way_each_time(text):
    detector = shipped()
    reading = detector.detect([Thought(text=text)])[0]
    assert reading == detector.read(text)
    assert set(reading.counts) == set(HABITS)
    for habit in HABITS:
        spans = [span for span in reading.spans if span.behavior == habit]
        assert reading.counts[habit] == len(spans)
        assert all(text[span.start : span.end] == span.text for span in spans)


def shipped(found=[]):  # noqa: B006  # made once
    if not found:
        found.append(LearnedDetector())
    return found[0]


def test_what_ships_finds_what_was_read():
    """On the windows that it learned from: a file of weights that is torn or of another version would not."""
    rows = [json.loads(line) for line in (EVIDENCE / "windows-read.jsonl").read_text().splitlines()]
    for habit in HABITS:
        found = np.array([bool(shipped().read(row["text"]).counts[habit]) for row in rows])
        assert scores(found, np.array([row["reading"][habit] for row in rows])).f1 > 0.8


def made(count, seed=0, *, tests=True):
    """Texts that show a habit where they hold one of two words, which no pattern knows."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        shows = number % 3 == 0
        words = [draw.choice(["sun", "moon", "sea", "hill"]) for _ in range(20)] + ["zug" if shows else "zog"] * 2
        found.append(Labelled(text=" ".join(words), shows={"own": shows}, group=str(number), tests=tests))
    return found


def test_what_can_be_learned_is_learned_and_what_cannot_is_not():
    found, [report] = learn(made(90))
    assert (report.windows, report.shown) == (90, 30)
    assert report.learned.f1 == 1.0
    assert math.isnan(report.patterns.precision)
    assert report.gain.low > 0
    assert report.brier < 0.05
    assert found["own"].probability(features_of("zug sun", {})) > found["own"].threshold
    draw = random.Random(1)
    noise = [Labelled(text=each.text, shows={"own": draw.random() < 0.5}, group=each.group) for each in made(90)]
    hidden = [Labelled(text="sun " * 9, shows=each.shows, group=each.group) for each in noise]
    _, [blind] = learn(hidden)
    assert blind.brier > 0.2


def test_texts_of_one_source_are_on_one_side():
    """The same text under two labels of one group would be known by heart."""
    groups = [str(number // 4) for number in range(80)]
    for learned, tested in _folds(groups, 5):
        assert {groups[place] for place in learned}.isdisjoint(groups[place] for place in tested)
    assert sorted(place for _, tested in _folds(groups, 5) for place in tested) == list(range(80))


def test_what_must_not_test_does_not():
    _, [report] = learn([*made(60), *made(60, seed=1, tests=False)])
    assert (report.windows, report.shown) == (60, 20)


def test_too_little_is_refused():
    with pytest.raises(ConfigError, match=r"own: is shown by texts of 9 sources .* not by those of 18; .* needs 10"):
        learn(made(27))
    one = [Labelled(text=each.text, shows=each.shows, group=str(each.shows["own"])) for each in made(90)]
    with pytest.raises(ConfigError, match="is shown by texts of 1 sources"):
        learn(one)


def test_a_loop_counts_once():
    text = "We add. Let me check that this is right, since it may be wrong. " * 200
    assert max(shipped().read(text).counts.values()) <= 3


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=12))
def test_the_threshold_is_the_best_of_all(pairs):
    p, shows = np.array([each for each, _ in pairs]), np.array([each for _, each in pairs])
    if len(set(p)) < len(p) or not shows.any():
        return
    best = max(scores(p >= least, shows).f1 for least in [*p, 0.0])
    assert scores(p >= _best_threshold(p, shows), shows).f1 == pytest.approx(best)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"reading": {"a": True}}, "line 1: field 'text' must be"),
        ({"text": "a"}, "line 1: field 'reading' must say"),
        ({"text": "a", "reading": {}}, "line 1: field 'reading' must say"),
        ({"text": "a", "reading": {"a": "yes"}}, "line 1: the label of a must be true"),
        ({"text": "a " * 121, "reading": {"a": True}}, "line 1: the text has 121 words; cut it into windows"),
    ],
)
def test_a_bad_label_is_named(tmp_path, row, sentence):
    path = tmp_path / "l.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(TaskError, match=sentence):
        list(labels.read([path]))


def test_labels_of_people_of_finds_and_of_judges(tmp_path):
    path = tmp_path / "l.jsonl"
    rows = [
        {"text": "a", "reading": {"x": True, "y": None}, "id": "one"},
        {"text": "b", "behavior": "x", "reading": False, "id": None},
        {"text": "c", "counts": {"x": 2, "y": 0}},
        {"summary": {}},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = list(labels.read([path], tests=False))
    assert [dict(each.shows) for each in found] == [{"x": True}, {"x": False}, {"x": True, "y": False}]
    assert [each.group for each in found] == ["one", "b", "c"]
    assert not any(each.tests for each in found)


def test_the_commands(tmp_path, capsys):
    path = tmp_path / "l.jsonl"
    rows = ({"text": each.text, "reading": dict(each.shows)} for each in made(60))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert not main(["habits", "learn", str(path), "--out", str(tmp_path / "w.json"), "--quiet"])
    assert "learned from 60 texts" in capsys.readouterr().out
    texts = tmp_path / "t.jsonl"
    texts.write_text('{"text": "sun moon zug zug"}\n{"text": "sun moon zog zog"}\n')
    own = ["--weights", str(tmp_path / "w.json")]
    assert not main(["habits", str(texts), "--detector", "learned", *own])
    counts = [json.loads(line).get("counts") for line in capsys.readouterr().out.splitlines()]
    assert counts[:2] == [{"own": 1}, {"own": 0}]
    assert main(["habits", str(texts), *own]) == 2
    assert "--weights goes with --detector learned" in capsys.readouterr().err
    assert main(["habits", "learn", str(tmp_path / "none.jsonl"), "--out", "w"]) == 2
    assert "none.jsonl" in capsys.readouterr().err
