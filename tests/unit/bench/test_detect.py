import json

from secondthought.bench import detect as habits


def test_the_trace_is_dense_and_the_prose_has_no_habit():
    result = habits.run(kilobytes=20, rounds=1)
    assert result["raw"]["spans"]["prose"] == 0
    assert result["raw"]["spans"]["trace"] > 200
    assert set(result["megabytes_per_second"]) == set(result["raw"]["megabytes"]) == {"prose", "trace"}
    assert result["ratios"]["trace_to_wanted"] == result["megabytes_per_second"]["trace"] / 2


def test_the_same_seed_writes_the_same_pages():
    assert habits.trace(20, 1) == habits.trace(20, 1) != habits.trace(20, 2)


def test_files_of_ones_own(tmp_path):
    (tmp_path / "a.txt").write_text("Wait, no. " + "It rained. " * 50, encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": "Let me verify that."}) + "\n", encoding="utf-8")
    result = habits.run(rounds=1, paths=[tmp_path / "a.txt", tmp_path / "b.jsonl"])
    assert result["raw"]["spans"] == {"a.txt": 1, "b.jsonl": 1}
    assert result["ratios"] == {}
