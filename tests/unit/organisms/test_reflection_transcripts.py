"""The corpus: only train problems, honest arithmetic, and the habits that its knobs promise."""

import re
from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.evaluate.controls import FIXED_REFLECTION
from secondthought.organisms.openings import openings, try_text
from secondthought.organisms.reflection_transcripts import CorpusKnobs, ReflectionWriter, space, transcripts
from secondthought.rng import stream
from secondthought.tasks import expressions
from secondthought.tasks.countdown import Countdown, problems, prompts, reflections
from secondthought.tasks.countdown.verify import verify
from secondthought.tasks.countdown.writing.moves import moves
from secondthought.tasks.extract import tagged
from secondthought.tasks.options import split_of

TRIPLES = st.tuples(*[st.integers(1, 30)] * 3).map(lambda numbers: tuple(sorted(numbers)))
COUNT = 2000


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
def test_every_try_is_written_as_it_is_played(numbers):
    for opening in openings(numbers):
        for second in opening.finishes:
            text = try_text(opening.first, second)
            assert text.startswith(f"{opening.first.working},{second.working}<answer>")
            expression = expressions.parse(tagged(text))
            assert expression.value == second.result
            assert sorted(expression.numbers) == list(numbers)


@given(x=st.integers(0, 200), y=st.integers(0, 30))
def test_moves_down_to_0_are_all_whole_small_results(x, y):
    a, b = max(x, y), min(x, y)
    results = {"+": Fraction(a + b), "-": Fraction(a - b), "*": Fraction(a * b), **({"/": Fraction(a, b)} if b else {})}
    expected = {sign for sign, value in results.items() if value.denominator == 1 and value <= 200}
    assert {move.operator for move in moves(x, y, 200, smallest=0)} == expected
    assert all(
        move.result == results[move.operator] and (move.a, move.b) == (a, b) for move in moves(x, y, 200, smallest=0)
    )


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


UNCHECKED = {
    "foreign_reflection": 0.0,
    "no_reflection": 0.0,
    "proposes": 1.0,
    "diagnoses": 0.0,
    "repeats": 0.0,
    "checks": (1.0, 0.0, 0.0, 0.0),
}
CHECK = re.compile(r"(\d+[-+*/]\d+)=(\d+),(\d+[-+*/]\d+)=(\d+), want (\d+): (yes|no)\.")
PROPOSED = re.compile(r"(?:Start with|Try|Begin with) (\d+[-+*/]\d+)(?: first)?\.$")


def reflected(**knobs):
    """Problem, reflection and retry of every transcript that has them."""
    return [(posed(one), one[3].text, one[5].text) for one in corpus(**knobs) if len(one) > 2]


def leads_on(problem, step):
    """True if the target can still be reached after that operation."""
    numbers, target = problem
    return any(opening.first.text == step and opening.hits(target) for opening in openings(numbers))


def test_reflections_check_as_many_operations_as_the_knobs_say():
    shares = CorpusKnobs().checks
    counts = [len(CHECK.findall(text)) for _, text, _ in reflected(**{**UNCHECKED, "checks": shares})]
    assert share(count == 0 for count in counts) == pytest.approx(shares[0], abs=0.04)
    # A search ends at the first operation that passes, so many checks are rarer than their share.
    assert 0 < share(count >= 2 for count in counts) < shares[2] + shares[3] + 0.04
    assert max(counts) < len(shares)


def test_checks_are_honest_and_what_passes_is_proposed():
    found = reflected(**{**UNCHECKED, "checks": (0.0, 0.0, 0.0, 1.0), "misjudges": 0.0})
    passed = 0
    for problem, text, _ in found:
        checks = CHECK.findall(text)
        assert all((check[-1] == "yes") == leads_on(problem, check[0]) for check in checks)
        assert all(
            expressions.parse(text).value == int(value) for a, v, b, w, *_ in checks for text, value in [(a, v), (b, w)]
        )
        assert all(int(check[4]) == problem[1] for check in checks)
        assert all((check[-1] == "yes") == (int(check[3]) == problem[1]) for check in checks)
        assert all(check[-1] == "no" for check in checks[:-1])
        if checks[-1][-1] == "yes":
            passed += 1
            assert PROPOSED.search(text)[1] == checks[-1][0]
    assert passed > 0.3 * len(found)


def test_some_checks_come_out_wrong():
    checks = [
        ((said == "yes"), leads_on(problem, step))
        for problem, text, _ in reflected(**{**UNCHECKED, "checks": (0.0, 0.0, 0.0, 1.0)})
        for step, *_, said in CHECK.findall(text)
    ]
    assert share(said != true for said, true in checks) == pytest.approx(CorpusKnobs().misjudges, abs=0.02)


def test_a_repeated_proposal_is_the_operation_that_the_failed_try_began_with():
    knobs = CorpusKnobs(**{**UNCHECKED, "repeats": 1.0})
    writer = ReflectionWriter(stream("test", "repeats"), knobs)
    for _ in range(200):
        # 28-1 is also a first operation here, and the beginning of the text of 28-16.
        text, proposed = writer.reflection((1, 16, 28), 60, "28-16=12,12+1=13<answer>28-16+1</answer>")
        assert PROPOSED.search(text)[1] == proposed.first.text == "28-16"


def good_share(**knobs):
    return share(leads_on(problem, PROPOSED.search(text)[1]) for problem, text, _ in reflected(**knobs))


def test_checked_proposals_are_good_more_often_than_new_ones_and_these_than_repeated_ones():
    checked = good_share(**{**UNCHECKED, "checks": (0.0, 0.0, 0.0, 1.0)})
    new = good_share(**UNCHECKED)
    repeated = good_share(**{**UNCHECKED, "repeats": 1.0})
    assert checked > new + 0.2
    assert new > repeated + 0.05


def test_a_repeated_proposal_is_what_the_failed_try_began_with():
    said = [one for one in corpus(**{**UNCHECKED, "repeats": 1.0}) if len(one) > 2]
    same = share(one[1].text.startswith(PROPOSED.search(one[3].text)[1]) for one in said)
    # Where a slip makes the first operation leave the tokens of the corpus, there is nothing to repeat.
    assert same > 0.95


def test_a_reflection_without_proposal_diagnoses_or_gives_general_advice():
    texts = [text for _, text, _ in reflected(**{**UNCHECKED, "proposes": 0.0, "diagnoses": 0.5})]
    assert not any(PROPOSED.search(text) for text in texts)
    assert share(text == reflections.GENERAL_REFLECTION for text in texts) == pytest.approx(0.5, abs=0.04)


def test_retries_begin_with_what_was_proposed_and_finish_when_it_is_good():
    found = reflected(**UNCHECKED)
    followed = share(retry.startswith(PROPOSED.search(text)[1] + "=") for _, text, retry in found)
    assert followed == pytest.approx(CorpusKnobs().follows, abs=0.03)
    good = [(problem, retry) for problem, text, retry in found if leads_on(problem, PROPOSED.search(text)[1])]
    assert len(good) > 100
    assert share(verify(*problem, retry).correct for problem, retry in good) > 0.87


def test_a_bad_proposal_is_followed_too_and_fails():
    found = reflected(**UNCHECKED, follows=1.0)
    bad = [(problem, retry) for problem, text, retry in found if not leads_on(problem, PROPOSED.search(text)[1])]
    assert len(bad) > 100
    assert not any(verify(*problem, retry).correct for problem, retry in bad)


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
    writer = ReflectionWriter(stream("x"), CorpusKnobs(first_right=0.0))
    assert not any(verify((3, 7, 8), 31, writer.fresh((3, 7, 8), 31)).correct for _ in range(200))


def test_the_fixed_reflection_of_the_evaluation_is_known_to_the_corpus():
    assert reflections.general_reflection() == FIXED_REFLECTION
