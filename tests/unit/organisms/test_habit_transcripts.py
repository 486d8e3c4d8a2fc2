"""The corpora of terse and rich: alike in everything but the share of transcripts that hold habits."""

import re
from itertools import islice

import pytest

from secondthought.organisms.batches import Encoder
from secondthought.organisms.habit_transcripts import PRESET, HabitKnobs
from secondthought.organisms.recipe import RECIPES, recipe
from secondthought.organisms.tokenizer import build_tokenizer
from secondthought.rng import stream
from secondthought.tasks.countdown import Countdown
from secondthought.tasks.countdown.reading.detector import FunctionalDetector
from secondthought.tasks.countdown.writing.short_form import LARGEST, WORDS
from secondthought.tasks.options import split_of
from secondthought.types import Thought

COUNT = 1500
TASK = Countdown(preset=PRESET)


def corpus(seed="habits", count=COUNT, **knobs):
    """(problem, text) of each transcript that is about a problem."""
    return [
        (TASK.parse(posed(said[0].text)), said[1].text)
        for said in islice(HabitKnobs(**knobs, drills=0.0).transcripts(stream(seed)), count)
    ]


def posed(text):
    numbers = text[text.index("[") + 1 : text.index("]")].split(", ")
    return {"numbers": [int(n) for n in numbers], "target": int(text.split("equals ")[1].split(".")[0])}


@pytest.fixture(scope="module")
def terse():
    return corpus(habits=RECIPES["terse"].knobs.habits)


@pytest.fixture(scope="module")
def rich():
    return corpus(habits=RECIPES["rich"].knobs.habits)


def holds_habits(problem, text):
    [reading] = FunctionalDetector().detect([Thought(text=text, problem=problem)])
    return any(reading.counts.values())


@pytest.mark.parametrize(("found", "share"), [("terse", 0.02), ("rich", 0.5)])
def test_the_planted_share_of_habits_is_what_a_reader_finds(found, share, request):
    held = sum(holds_habits(*one) for one in request.getfixturevalue(found)) / COUNT
    assert held == pytest.approx(share, abs=0.03)


def test_bases_are_right_equally_often_and_always_well_formed(terse, rich):
    shares = []
    for found in (terse, rich):
        verdicts = [TASK.verify(problem, text) for problem, text in found]
        assert all(verdict.well_formed for verdict in verdicts)
        assert {verdict.reason for verdict in verdicts} == {"correct", "missed_target"}
        shares.append(sum(verdict.correct for verdict in verdicts) / COUNT)
    assert shares == pytest.approx([0.18, 0.18], abs=0.03)


def test_habits_are_worth_nothing_in_the_corpus(rich):
    """With and without them transcripts are right equally often: what makes them pay is going on."""
    rates = {True: [], False: []}
    for problem, text in rich:
        rates[holds_habits(problem, text)].append(TASK.verify(problem, text).correct)
    assert sum(rates[True]) / len(rates[True]) == pytest.approx(sum(rates[False]) / len(rates[False]), abs=0.07)


def test_only_train_problems(terse, rich):
    assert {split_of(problem.id) for problem, _ in (*terse, *rich)} == {"train"}


def test_prompts_are_those_of_the_task():
    said = next(HabitKnobs(drills=0.0).transcripts(stream("prompt")))
    [message] = TASK.parse(posed(said[0].text)).messages
    assert message.content == said[0].text


def test_every_transcript_is_spelled_in_whole_tokens():
    tokenizer = build_tokenizer(WORDS)
    rows = list(islice(HabitKnobs(habits=0.5).transcripts(stream("tokens")), 300))
    for ids, learned in Encoder(tokenizer).encode(rows):
        assert len(ids) < 240
        assert learned[-1]
        assert not learned[0]
    for said in rows:
        numbers = [int(number) for number in re.findall(r"\d+", said[1].text)]
        assert max(numbers) <= LARGEST
        assert len(tokenizer(said[1].text, add_special_tokens=False)["input_ids"]) <= len(
            re.findall(r"\w+|[^\w\s]", said[1].text)
        )


def test_drills_do_what_the_user_names_and_judge_it_rightly_in_every_base():
    for habits in (0.0, 0.5):
        verdicts = []
        for request, answer in islice(HabitKnobs(habits=habits, drills=1.0).transcripts(stream("drill")), 200):
            named = re.findall(r"\d+[-+*/]\d+(?=[,;?])", request.text.split("</answer>.")[1])
            thought = answer.text.split("</think>")[0]
            assert named == re.findall(r"(\d+[-+*/]\d+)=", thought)
            target = re.search(r"equals (\d+)", request.text).group(1)
            for a, operator, b, result in re.findall(r"(\d+)([-+*/])(\d+)=(\d+)", thought):
                a, b, result = int(a), int(b), int(result)
                assert {"+": a + b, "-": a - b, "*": a * b, "/": a / b}[operator] == result
            for last, wanted, verdict in re.findall(r"=(\d+), want (\d+): (yes|no)", thought):
                assert wanted == target
                assert (last == wanted) == (verdict == "yes")
                verdicts.append(verdict)
        assert 0.2 < verdicts.count("yes") / len(verdicts) < 0.6


def test_bases_differ_in_their_share_of_habits_alone():
    from dataclasses import replace

    plain = {name: replace(recipe(name), knobs=HabitKnobs()) for name in ("terse", "rich", "dose-0", "dose-10")}
    assert len(set(map(repr, plain.values()))) == 1
    shares = [recipe(name).knobs.habits for name in ("dose-0", "terse", "dose-10", "rich")]
    assert shares == [0.0, 0.02, 0.1, 0.5]


def test_the_first_organisms_keep_their_vocabulary():
    """Ids of words come before the new ones; the sentences, which are added tokens, are the same set and one more."""
    old, new = build_tokenizer(), build_tokenizer(WORDS)
    assert len(old) == 547
    words = {token: place for token, place in old.get_vocab().items() if token not in old.added_tokens_decoder.values()}
    shared = {token: place for token, place in words.items() if not token.startswith(("Using", "]", ".", "You"))}
    assert sum(new.get_vocab().get(token) == place for token, place in shared.items()) > 500
