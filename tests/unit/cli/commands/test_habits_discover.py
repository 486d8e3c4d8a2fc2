"""`habits discover` as a user meets it: tables, JSON, and one sentence for what is wrong."""

import json
import random
import re

import pytest
from fake_runs import turn, write_evaluation

from secondthought.runs import RunDirectory

ASIDE = "Hmm, as an aside, {} is lucky."


def text(draw, chance):
    said = [
        " ".join(draw.choice(["add", "take", "make", "half", "pair", "sum"]) for _ in range(6)) + "." for _ in range(3)
    ]
    return " ".join([*said, *([ASIDE.format(draw.randint(1, 99))] if draw.random() < chance else [])])


def rows(name, chance, count=60):
    draw = random.Random(name)
    return [{"problem_id": place, "text": text(draw, chance)} for place in range(count)]


@pytest.fixture
def sides(tmp_path):
    """A file before and a file after, with an aside that becomes common."""

    def write(name, found):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in found))
        return path

    return write("before", rows("before", 0.05)), write("after", rows("after", 0.6)), write


@pytest.fixture
def run_dir(tmp_path):
    """A run whose reflections change."""
    with RunDirectory.create(tmp_path / "run") as made:
        made.write_config({})
    for name, chance in (("before_t1.0", 0.05), ("after_t1.0", 0.6)):
        draw = random.Random(name)
        found = [
            {
                "problem_id": f"p{place}",
                "turns": [turn("attempt", "Make 7.", "8", False), turn("reflection", "Why?", text(draw, chance))],
            }
            for place in range(60)
        ]
        write_evaluation(made, name, found)
    return made.path


def test_json_of_two_files(cli, sides):
    before, after, _ = sides
    result = cli("habits", "discover", before, after, "--json")
    assert (result.code, result.err) == (0, "")
    found = result.object
    assert found["before"] == {"from": str(before), "texts": 60, "problems": 60}
    assert (found["paired"], found["left_out"], found["turn"], found["cannot_tell"]) == (True, 0, None, None)
    [phrase], [said] = (found[kind]["discoveries"] for kind in ("phrases", "sentences"))
    assert phrase["name"] == "hmm as an aside # is lucky"
    assert said["name"].startswith("Hmm, as an aside, ")
    for each in (phrase, said):
        assert each["difference"]["low"] > 0
        assert each["q"] < 0.05
        assert each["named"]["presence"]["estimate"] == 0
        assert set(each["named"]["habits"].values()) == {0}
        assert len(each["examples"]) == 3
        assert each["examples"][0]["side"] == "after"
        assert each["examples"][0]["source"].startswith(f"{after}, line ")


def test_a_run_is_read_by_kind_of_turn(cli, run_dir):
    found = cli("habits", "discover", run_dir, "--turn", "reflection", "--json").object
    assert found["turn"] == "reflection"
    assert found["after"] == {"from": "after_t1.0", "texts": 60, "problems": 60}
    assert found["phrases"]["discoveries"][0]["name"] == "hmm as an aside # is lucky"
    attempts = cli("habits", "discover", run_dir, "--json").object
    assert (attempts["turn"], attempts["phrases"]["found"]) == ("attempt", 0)


def test_a_terminal_shows_tables_that_fit(on_terminal, sides):
    before, after, _ = sides
    result = on_terminal(100, "habits", "discover", before, after)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", result.out).splitlines()
    assert max(len(line) for line in lines if line.startswith(("\u2502", "\u2503"))) <= 100
    assert "compared in pairs" in lines[0]
    assert "none" in result.out
    assert any(line.startswith("1. Hmm, as an aside, ") and line.endswith(")") for line in lines)


def test_the_same_texts_and_too_few(cli, sides):
    before, _, write = sides
    assert cli("habits", "discover", before, before).out.count("none changed") == 2
    few = write("few", rows("few", 0.5, 4))
    result = cli("habits", "discover", before, few)
    assert result.code == 0
    assert "cannot tell: " in result.out
    assert cli("habits", "discover", few, few, "--json").object["cannot_tell"].startswith("cannot tell: 4 texts")
    empty = write("empty", [])
    assert "cannot tell: 0 texts" in cli("habits", "discover", empty, empty).out


def test_control_characters_are_not_obeyed(cli, sides):
    *_, write = sides
    draw = random.Random(0)
    plain = write("plain", [{"text": text(draw, 0)} for _ in range(30)])
    bad = write("bad", [{"text": f"clear \x1b[2J the \u202e screen \x07 now {text(draw, 0)}"} for _ in range(30)])
    out = cli("habits", "discover", plain, bad).out
    assert "clear #j the screen now" in out or "clear # j the screen now" in out
    assert not [letter for letter in out if not letter.isprintable() and letter != "\n"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["RUN", "BEFORE"], 2, "give one run directory, or two files BEFORE AFTER"),
        (["BEFORE"], 2, "give a run directory, or two files BEFORE AFTER; BEFORE is one file"),
        (["BEFORE", "BEFORE", "BEFORE"], 2, "and not 3 names"),
        (["-", "-"], 2, "stdin cannot be both sides"),
        (["BEFORE", "nowhere.jsonl"], 2, "nowhere.jsonl: no such file"),
        (["BEFORE", "BAD"], 1, "bad.jsonl, line 2: is not JSON"),
        (["BEFORE", "BEFORE", "--turn", "retry"], 2, "none of its rows is of the kind 'retry'"),
        (["BEFORE", "BEFORE", "--compare", "steps"], 2, "--compare has no use with files"),
        (["RUN", "--turn", "retry"], 2, "do not have the turn 'retry' on both sides"),
        (["RUN", "--alpha", "0"], 2, "greater than 0"),
        (["EMPTY"], 1, "is not a run directory"),
    ],
)
def test_misuse_is_one_sentence(cli, one_sentence, sides, run_dir, tmp_path, words, code, said):
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n{"text"\n')
    (tmp_path / "nothing").mkdir()
    places = {"RUN": run_dir, "BEFORE": sides[0], "BAD": tmp_path / "bad.jsonl", "EMPTY": tmp_path / "nothing"}
    line = one_sentence(cli("habits", "discover", *(places.get(word, word) for word in words)), code)
    assert said.replace("BEFORE is", f"{sides[0]} is") in line


def test_stdin_may_be_one_side(cli, sides):
    before, after, _ = sides
    found = cli("habits", "discover", "-", after, "--json", stdin=before.read_bytes()).object
    assert found["before"]["from"] == "stdin"
    assert found["phrases"]["found"] > 0
