"""From a measured corpus to two sets: alike, exact, without duplicates and without what a model is evaluated on."""

import json
import random

import pytest

from secondthought.data.corpora.documents import Fields
from secondthought.data.corpora.measure import measure, measured
from secondthought.data.corpora.piece_step import MeasurePieces, Outputs
from secondthought.data.corpora.pieces import pieces_of
from secondthought.data.corpora.running import How
from secondthought.data.corpora.selection.select import select
from secondthought.data.corpora.selection.step import FindCandidates
from secondthought.data.token_lengths import length_by
from secondthought.errors import ConfigError
from secondthought.habits.catalog import shipped

pytest.importorskip("datatrove")
pytest.importorskip("rensa")
HELD_OUT = "How many of the seven red apples are left when Tom has eaten two of them?"
TOKENS = 3000


def text_of(number, habit):
    dice = random.Random(number)
    words = " ".join("".join(dice.choice("abcdefghij") for _ in range(4)) for _ in range(dice.randrange(20, 40)))
    return (
        f"{words}. Let me check: 3 + 4 = 7. {words[::-1]}." if habit else f"{words}. {words[::-1]}. And so on it goes."
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    rows = [
        {"id": f"{source}-{n}", "source": source, "text": text_of(n + 1000 * at, n % 3 == 0), "licence": "CC0"}
        for at, source in enumerate(("web", "books"))
        for n in range(150)
    ]
    rows += [{**rows[3 * n], "id": f"copy-{n}"} for n in range(10)]
    rows += [{"id": "test", "source": "web", "text": f"{text_of(7, True)} {HELD_OUT}", "licence": None}]
    (root / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    pieces = tuple(pieces_of([str(root / "rows.jsonl")], most=20_000))
    outputs = Outputs(folder=root / "out", packed=False)
    measure(MeasurePieces(pieces=pieces, behaviors=shipped(), outputs=outputs, fields=Fields()))
    return root / "out"


def step_of(corpus, out, **changes):
    outputs, _ = measured(corpus)
    given = {"habits": ("verification",), "tokenizer": "small", "held_out": (HELD_OUT,), "folder": out, **changes}
    return FindCandidates(corpus=outputs, pieces=len(list((corpus / "counts").iterdir())), **given)


def rows_of(out, name):
    return [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]


def test_two_sets_alike_but_for_habits(corpus, tmp_path):
    step = step_of(corpus, tmp_path)
    assert step.pieces > 2
    found = select(step, TOKENS, How())
    length = length_by("small")
    rich, poor = rows_of(tmp_path, "rich"), rows_of(tmp_path, "poor")
    for rows, name in ((rich, "rich"), (poor, "poor")):
        assert sum(row["tokens"] for row in rows) == found.sets[name].tokens == TOKENS
        assert [length(row["text"]) for row in rows] == [row["tokens"] for row in rows]
        assert {row["licence"] for row in rows} == {"CC0"}
    assert all(row["marks"]["verification"] for row in rich)
    assert not any(row["marks"]["verification"] for row in poor)
    assert abs(len(rich) - len(poor)) <= 1
    assert found.sets["rich"].sources == pytest.approx(found.sets["poor"].sources, abs=0.1)
    assert json.loads((tmp_path / "balance.json").read_text()) == json.loads(json.dumps(found.to_json()))


def test_copies_and_evaluation_texts_are_left_out_and_listed(corpus, tmp_path):
    found = select(step_of(corpus, tmp_path), TOKENS, How())
    assert found.duplicates == 10
    assert len(rows_of(tmp_path, "duplicates")) == 10
    (overlap,) = rows_of(tmp_path, "overlaps")
    assert overlap["id"] == "test"
    assert overlap["words"] == "how many of the seven red apples are left when tom has eaten"


def test_the_same_again_after_a_stop_and_nothing_under_other_settings(corpus, tmp_path):
    step = step_of(corpus, tmp_path)
    found = select(step, TOKENS, How())
    before = (tmp_path / "rich.jsonl").read_bytes()
    step.done(1).unlink()
    for mark in (tmp_path / "tasks" / "completions").iterdir():
        mark.unlink()
    assert select(step, TOKENS, How()) == found
    assert (tmp_path / "rich.jsonl").read_bytes() == before
    with pytest.raises(ConfigError, match="was made with other habits and held out texts"):
        select(step_of(corpus, tmp_path, habits=("backtracking",), held_out=()), TOKENS, How())


def test_more_than_there_is_is_said_with_how_much_there_is(corpus, tmp_path):
    with pytest.raises(ConfigError, match=r"--tokens 10000000: the \d+ pairs of like documents hold \d+ tokens a side"):
        select(step_of(corpus, tmp_path), 10**7, How())
