"""The corpus: only train problems, honest arithmetic, and the habits that its knobs promise."""

from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.evaluate.controls import FIXED_REFLECTION
from secondthought.organisms.corpus import CorpusKnobs, Writer, space, transcripts
from secondthought.organisms.lines import answer, lines, moves
from secondthought.rng import stream
from secondthought.tasks import expressions
from secondthought.tasks.countdown import Countdown, problems, prompts, reflections
from secondthought.tasks.countdown.leak import leak
from secondthought.tasks.countdown.verify import verify
from secondthought.tasks.options import split_of

TRIPLES = st.tuples(*[st.integers(1, 30)] * 3).map(lambda numbers: tuple(sorted(numbers)))
COUNT = 3000


def corpus(count=COUNT, **knobs):
    return list(islice(transcripts(stream("test"), CorpusKnobs(**knobs)), count))


def posed(said):
    """The problem that a transcript is about."""
    text = said[0].text
    numbers = text[text.index("[") + 1 : text.index("]")].split(", ")
    target = text.split("equals ")[1].split(".")[0]
    return tuple(map(int, numbers)), int(target)


def share(flags):
    flags = list(flags)
    return sum(flags) / len(flags)


@given(numbers=TRIPLES)
def test_every_line_is_written_as_it_is_played(numbers):
    for line in lines(numbers):
        for second in line.finishes:
            expression = expressions.parse(answer(line.first, second))
            assert expression.value == second.result
            assert sorted(expression.numbers) == list(numbers)


@given(x=st.integers(0, 200), y=st.integers(0, 30))
def test_moves_are_all_whole_small_results(x, y):
    a, b = max(x, y), min(x, y)
    results = {"+": Fraction(a + b), "-": Fraction(a - b), "*": Fraction(a * b), **({"/": Fraction(a, b)} if b else {})}
    expected = {sign for sign, value in results.items() if value.denominator == 1 and value <= 200}
    assert {move.operator for move in moves(x, y)} == expected
    assert all(move.result == results[move.operator] and (move.a, move.b) == (a, b) for move in moves(x, y))


def test_no_problem_of_the_corpus_is_outside_the_train_split():
    assert {split_of(problems.identity(*posed(said))) for said in corpus()} == {"train"}


def test_test_problems_are_never_drawn():
    held_out = {problem.id for problem in Countdown(preset="tiny").problems("test", 1000, 0)}
    rng = stream("draws")
    assert not held_out & {problems.identity(*space().draw(rng)) for _ in range(20_000)}


def test_the_space_is_nearly_all_of_the_train_split():
    options = problems.read_options({"preset": "tiny"})
    rng = stream("draws")
    drawn = {space().draw(rng) for _ in range(300)}
    assert len(space()) > 33_000
    assert all(options.min_target <= target <= options.max_target for _, target in drawn)


def test_same_stream_same_corpus():
    assert corpus(50) == corpus(50)
    assert corpus(50) != list(islice(transcripts(stream("another")), 50))


def test_a_transcript_ends_at_its_first_success():
    for said in corpus(500):
        tries = [one.text for one in said if one.role == "assistant" and "<answer>" in one.text]
        verdicts = [verify(*posed(said), text).correct for text in tries]
        assert not any(verdicts[:-1])


def test_first_tries_are_right_and_wrong_as_the_knobs_say():
    knobs = CorpusKnobs()
    said = corpus()
    kinds = [reflections.diagnose(*posed(one), one[1].text) for one in said]
    assert share(kind is None for kind in kinds) == pytest.approx(knobs.first_right, abs=0.04)
    failures = [kind.kind for kind in kinds if kind]
    assert {"missed", "slip", "left_out", "reused"} == set(failures)
    assert min(share(kind == name for kind in failures) for name in set(failures)) > 0.05


def test_proposals_are_good_as_often_as_the_knob_says():
    said = [one for one in corpus(foreign_reflection=0.0, no_reflection=0.0, diagnoses=0.0) if len(one) > 2]
    proposals = [(posed(one), one[3].text) for one in said if one[3].text != reflections.GENERAL_REFLECTION]
    good = share(leak(*problem, text) == "first_step" for problem, text in proposals)
    assert good == pytest.approx(CorpusKnobs().good_proposal, abs=0.05)


def test_retries_begin_with_what_was_proposed_and_finish_when_it_is_good():
    said = [
        one
        for one in corpus(foreign_reflection=0.0, no_reflection=0.0, proposes=1.0, diagnoses=0.0, good_proposal=1.0)
        if len(one) > 2
    ]
    steps = [next(word for word in one[3].text.rstrip(".").split() if word[0].isdigit()) for one in said]
    followed = share(one[5].text.startswith(step + "=") for one, step in zip(said, steps, strict=True))
    assert followed == pytest.approx(CorpusKnobs().follows, abs=0.03)
    assert share(verify(*posed(one), one[5].text).correct for one in said) > 0.85


def test_a_bad_proposal_is_followed_too_and_fails():
    said = [
        one
        for one in corpus(foreign_reflection=0.0, no_reflection=0.0, proposes=1.0, good_proposal=0.0, follows=1.0)
        if len(one) > 2
    ]
    hopeless = [one for one in said if leak(*posed(one), one[3].text) == "none"]
    assert len(hopeless) > 0.9 * len(said)
    assert not any(verify(*posed(one), one[5].text).correct for one in hopeless)


def test_reflections_say_what_the_task_would_diagnose():
    for said in corpus(300, foreign_reflection=0.0, no_reflection=0.0, diagnoses=1.0):
        if len(said) > 2:
            found = reflections.diagnose(*posed(said), said[1].text)
            assert said[3].text.startswith(found.text)


def test_another_problems_reflection_is_shown_and_not_learned():
    said = [one for one in corpus(500, foreign_reflection=1.0, no_reflection=0.0) if len(one) > 2]
    assert said
    assert all([turn.learn for turn in one[:6]] == [False, True, False, False, False, True] for one in said)


def test_without_reflection_the_retry_follows_the_failed_try():
    said = [one for one in corpus(300, no_reflection=1.0) if len(one) > 2]
    assert all(prompts.REFLECTION_REQUEST not in turn.text for one in said for turn in one)
    assert all(one[2].text.endswith(one[0].text) for one in said)


def test_speakers_take_turns():
    for said in corpus(300):
        assert all(a.role != b.role for a, b in pairwise(said))
        assert said[-1].role == "assistant"


def test_extreme_knobs_hold():
    assert all(len(said) == 2 for said in corpus(200, first_right=1.0))
    writer = Writer(stream("x"), CorpusKnobs(first_right=0.0))
    assert not any(verify((3, 7, 8), 31, writer.fresh((3, 7, 8), 31)).correct for _ in range(200))


def test_the_fixed_reflection_of_the_evaluation_is_known_to_the_corpus():
    assert reflections.general_reflection() == FIXED_REFLECTION
