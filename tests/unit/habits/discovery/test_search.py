"""The search as a whole: what was planted is found and named first, and where nothing changed nothing is found."""

import json
import random
import time

import numpy as np
import pytest

from secondthought.habits.discovery.search import Limits, discover
from secondthought.habits.discovery.texts import WrittenText

WORDS = """
sum product total value number then next result gives left right side over under add take away make need find
digit pair half double term factor power root line point area step
"""
VOCABULARY = WORDS.split()


def sentence(draw, words=VOCABULARY):
    return " ".join(draw.choice(words) for _ in range(draw.randint(4, 9))).capitalize() + draw.choice("..?!")


def write(draw, planted=(), words=VOCABULARY):
    """A text of some sentences; `planted` are (sentence, chance)."""
    found = [sentence(draw, words) for _ in range(draw.randint(3, 6))]
    for said, chance in planted:
        if draw.random() < chance:
            found.insert(draw.randrange(len(found)), said.format(draw.randint(1, 99)))
    return " ".join(found)


def side(name, count, planted=(), *, seed=0, samples=1, problem="p", given=""):
    draw = random.Random(f"{seed} {name}")
    return [
        WrittenText(
            source=f"{name} {place}", text=write(draw, planted), problem=f"{problem}{place // samples}", given=given
        )
        for place in range(count)
    ]


ASIDE = "Hmm, as an aside, the number {} is lucky."
CHECK = "Wait, that is not right: {} is too big."


@pytest.mark.parametrize("problems", ["pp", "pq"], ids=["in pairs", "samples of their own"])
def test_a_planted_behaviour_is_found_and_named_first(problems):
    before = side("before", 120, [(ASIDE, 0.05), (CHECK, 0.3)], problem=problems[0])
    after = side("after", 120, [(ASIDE, 0.4), (CHECK, 0.3)], problem=problems[1])
    found = discover(before, after)
    assert found.sides.is_paired is (problems == "pp")
    first = found.phrases.discoveries[0]
    assert first.name == "hmm as an aside the number # is lucky"
    assert found.sentences.discoveries[0].name.startswith("Hmm, as an aside")
    assert [each.name for each in found.phrases.discoveries] == [first.name]
    held = [sum("aside" in text.text for text in texts) for texts in (before, after)]
    for each in (first, found.sentences.discoveries[0]):
        assert (each.change.texts_before, each.change.texts_after) == tuple(held)
        assert each.change.difference.estimate == pytest.approx((held[1] - held[0]) / 120)
        assert each.change.difference.low > 0
        assert each.q < 0.05
        assert len(each.examples) == 3
        sources = {text.source: text.text for text in (*before, *after)}
        assert all(example.is_after and example.sentence in sources[example.source] for example in each.examples)


def test_what_a_named_habit_has_is_told_from_what_none_has():
    before = side("before", 100, [(ASIDE, 0.6), (CHECK, 0.05)])
    after = side("after", 100, [(ASIDE, 0.1), (CHECK, 0.5)])
    falls, rises = sorted(discover(before, after).sentences.discoveries, key=lambda each: each.change.after.estimate)
    assert falls.change.difference.high < 0
    assert falls.cover.most is None
    assert falls.cover.by_any.estimate == 0
    assert not any(example.is_after for example in falls.examples)
    assert rises.cover.by_habit["backtracking"] == rises.cover.most[1] == 1
    assert rises.cover.by_any.estimate == 1


def test_the_same_texts_have_not_changed():
    texts = side("before", 80, [(ASIDE, 0.4)])
    found = discover(texts, texts)
    assert found.why_not is None
    assert (found.phrases.found, found.sentences.found) == (0, 0)
    assert found.phrases.seen > 50


STOCK = [f"{name} is what we should look at again here." for name in ("Alpha", "Beta", "Gamma", "Delta", "Kappa")]


def correlated(seed, problems=26, samples=4):
    """Texts of problems that each have words and sentences of their own, so that texts of one problem are alike."""
    draw = random.Random(seed)
    groups = []
    for problem in range(problems):
        words, said = draw.sample(VOCABULARY, 8), [(stock, 0.9) for stock in draw.sample(STOCK, 1)]
        texts = (write(draw, said, words) for _ in range(samples))
        groups.append([WrittenText(source="", text=text, problem=f"p{problem}") for text in texts])
    return groups


def in_pairs(groups, draw):
    """Half of each problem's texts on either side, by chance."""
    sides = ([], [])
    for group in groups:
        first = draw.randrange(2)
        half = len(group) // 2
        sides[first].extend(group[:half])
        sides[1 - first].extend(group[half:])
    return sides


def whole_problems(groups, draw):
    order = draw.sample(groups, len(groups))
    half = len(order) // 2
    return [[text for group in part for text in group] for part in (order[:half], order[half:])]


def rate_of_false_finds(split, alpha, seeds):
    found = 0
    for seed in range(seeds):
        draw = random.Random(f"split {seed}")
        before, after = split(correlated(seed), draw)
        told = discover(before, after, Limits(alpha=alpha, longest=3))
        found += told.phrases.found > 0 or told.sentences.found > 0
    return found / seeds


@pytest.mark.parametrize("split", [in_pairs, whole_problems])
def test_by_chance_alone_little_is_found(split):
    """Where nothing changed, the false discovery rate is the chance to find anything."""
    alpha, seeds = 0.2, 14
    assert rate_of_false_finds(split, alpha, seeds) <= alpha + 2 * np.sqrt(alpha * (1 - alpha) / seeds)


def unequal_pairs(groups, draw):
    """One text of each problem before, and the others after."""
    return [group[0] for group in groups], [text for group in groups for text in group[1:]]


def unequal_problems(groups, draw):
    before, after = whole_problems(groups, draw)
    return before[::4], after


@pytest.mark.parametrize("split", [unequal_pairs, unequal_problems])
def test_more_texts_of_each_problem_are_no_change(split):
    assert rate_of_false_finds(split, 0.2, 8) <= 0.3


def test_taking_texts_for_problems_would_find_what_is_not_there():
    """The same chance splits, with each text as a problem of its own: why problems are what is counted."""

    def as_if_independent(groups, draw):
        sides = whole_problems(groups, draw)
        return [
            [WrittenText(source="", text=text.text, problem=f"{name}{place}") for place, text in enumerate(texts)]
            for name, texts in zip("ab", sides, strict=True)
        ]

    assert rate_of_false_finds(as_if_independent, 0.2, 8) > 0.6


def test_of_what_is_found_little_is_false():
    """Many planted changes: of all phrases found, the share that no planted sentence holds is at most alpha."""
    said = [
        f"{a} {b} {c} indeed." for a, b, c in zip(*(map(str.upper, VOCABULARY[n::3]) for n in range(3)), strict=False)
    ]
    false, every = 0, 0
    for seed in range(4):
        before = side("before", 100, [(each, 0.1) for each in said], seed=seed, problem="a")
        after = side("after", 100, [(each, 0.45) for each in said], seed=seed, problem="b")
        found = discover(before, after, Limits(top=1000, longest=3)).phrases.discoveries
        every += len(found)
        false += sum("indeed" not in each.name and not any(each.name in one.lower() for one in said) for each in found)
    assert every > 30
    assert false <= 0.1 * every


@pytest.mark.parametrize("counts", [(0, 0), (3, 4), (9, 100)])
def test_too_few_problems_are_said(counts):
    found = discover(side("before", counts[0], problem="a"), side("after", counts[1], problem="b"))
    assert found.why_not is not None
    assert f"{counts[0]} texts" in found.why_not
    assert found.phrases.discoveries == found.sentences.discoveries == ()


def test_many_texts_about_one_problem_are_few():
    texts = side("before", 200, samples=200)
    assert "200 texts about 1 problems" in discover(texts, texts).why_not


def test_words_of_the_problem_are_left_out():
    told = "Use each number once and write the answer in tags."
    before = side("before", 60, [(told, 0.1), (ASIDE, 0.1)], given=told)
    after = side("after", 60, [(told, 0.8), (ASIDE, 0.8)], given=told)
    found = discover(before, after)
    assert found.in_problems > 10
    assert found.phrases.discoveries[0].name == "hmm as an aside the number # is lucky"
    assert not [each.name for each in found.phrases.discoveries if each.name in told.lower()]
    assert len(found.sentences.discoveries) == 1


def test_limits_hold():
    before = side("before", 60, [(ASIDE, 0.0), (CHECK, 0.0)])
    after = side("after", 60, [(ASIDE, 0.9), (CHECK, 0.6)])
    assert len(discover(before, after, Limits(top=1)).phrases.discoveries) == 1
    assert discover(before, after, Limits(top=1)).phrases.found > 1
    assert discover(before, after, Limits(least_texts=1000)).phrases.tested == 0
    assert discover(before, after, Limits(alpha=1e-30)).phrases.found == 0


def test_the_same_twice():
    before, after = side("before", 60, [(ASIDE, 0.1)]), side("after", 60, [(ASIDE, 0.7)])

    def told():
        found = discover(before, after)
        return [
            (each.name, each.q, each.change, json.dumps(dict(each.cover.by_habit)), each.examples)
            for each in (*found.phrases.discoveries, *found.sentences.discoveries)
        ]

    assert told() == told()


def test_hostile_texts_are_read_in_time():
    hostile = [
        "\x00\x1b[2J\u202e" * 500,
        "a" * 100_000,
        "wait " * 20_000,
        "." * 100_000,
        "1" * 100_000,
        "",
        "\n" * 10_000,
    ]
    before = side("before", 20)
    after = [
        WrittenText(source=f"{place}", text=hostile[place % len(hostile)], problem=f"p{place}") for place in range(21)
    ]
    begin = time.perf_counter()
    discover(before, after)
    assert time.perf_counter() - begin < 8
