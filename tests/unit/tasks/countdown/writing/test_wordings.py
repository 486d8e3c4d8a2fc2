"""Plans as text: what was planned is what a reader of numbers sees, in both wordings."""

import re

import pytest

from secondthought.rng import stream
from secondthought.tasks import expressions, extract
from secondthought.tasks.countdown import problems
from secondthought.tasks.countdown.reading.detector import follow
from secondthought.tasks.countdown.writing import english
from secondthought.tasks.countdown.writing import short_form as short
from secondthought.tasks.countdown.writing.plans import Dials
from secondthought.tasks.countdown.writing.search import Searcher
from secondthought.types import HABITS

COUNT = 150
SETS = {
    "all": frozenset(HABITS),
    "backtracking": frozenset({"backtracking"}),
    "subgoals": frozenset({"backtracking", "subgoal_setting"}),
    "backward": frozenset({"backtracking", "backward_chaining"}),
    "verification": frozenset({"backtracking", "verification"}),
    "direct": frozenset(),
}
_OPERATION = re.compile(r"(\d+) ?([-+*/]) ?(\d+) ?= ?(\d+)")


def plans(preset, dials, allowed):
    rng = stream("wording", preset, *sorted(allowed))
    searcher = Searcher(rng, dials)
    for numbers, target in problems.generate(problems.read_options({"preset": preset}), "train", COUNT, 0):
        plan = searcher.plan(numbers, target, allowed) if target not in numbers else None
        if plan:
            yield plan, rng


def told():
    for name, allowed in SETS.items():
        for plan, rng in plans("priming", Dials(), allowed):
            yield name, plan, english.english(plan, rng)
        for plan, _ in plans("four", short.DIALS, allowed):
            yield name, plan, short.short(plan)


@pytest.fixture(scope="module")
def texts():
    """What the plans of every set read like: seconds, which only those who run these tests wait for."""
    return list(told())


@pytest.fixture(scope="module")
def readings(texts):
    """Each plan, and what a reader of numbers counts in its text."""
    return [(plan, follow(text, plan.numbers, plan.target).counts) for _, plan, text in texts]


def test_every_calculation_is_true(texts):
    for _, _, text in texts:
        for a, operator, b, result in _OPERATION.findall(text):
            assert expressions.parse(f"{a}{operator}{b}").value == int(result), text


def test_the_marked_answer_is_the_plan_s(texts):
    for _, plan, text in texts:
        answer = extract.answer(text)
        expression = expressions.parse(answer.text)
        assert sorted(expression.numbers) == sorted(plan.numbers)
        assert (expression.value == plan.target) is plan.correct


@pytest.mark.parametrize("behavior", HABITS)
def test_a_reader_of_numbers_sees_what_was_planned(readings, behavior):
    """At most 2 % of thoughts look as if they showed what they do not, which sets of one kind filter out."""
    false, missed, shown, hidden = 0, 0, 0, 0
    for plan, counts in readings:
        if behavior in plan.behaviors:
            shown, missed = shown + 1, missed + (not counts[behavior])
        else:
            hidden, false = hidden + 1, false + bool(counts[behavior])
    assert shown > 100
    assert hidden > 100
    assert false <= 0.02 * hidden
    assert missed <= 0.25 * shown


def test_without_verification_no_sentence_after_the_opening_names_the_target(texts):
    for name, plan, text in texts:
        if name == "backtracking" and text.startswith("<think>\n"):
            thought = text.split("</think>")[0]
            for sentence in re.split(r"(?<=[.:;])\s", thought):
                compares = re.search(r"\b(?:not|too|match\w*|equals?|check\w*|works?|right|wrong)\b", sentence)
                assert not compares, sentence
            assert plan.behaviors == {"backtracking"}


def test_english_varies(texts):
    firsts = {text.split("\n")[1].split(" ")[0] for name, _, text in texts if name == "direct" and "\n" in text}
    assert len(firsts) >= 5
    [plan, rng] = next(iter(plans("priming", Dials(), SETS["all"])))
    assert len({english.thought(plan, rng) for _ in range(20)}) == 20


def test_short_words_are_tokens_of_the_organisms(texts):
    """A thought of an organism costs no bytes: every piece of it is in the vocabulary."""
    tokenizers = pytest.importorskip("secondthought.organisms.tokenizer")
    tokenizer = tokenizers.build_tokenizer(short.WORDS)
    for _, _, text in texts:
        if not text.startswith("<think>\n"):
            pieces = re.findall(tokenizers.PIECES, text)
            assert len(tokenizer(text, add_special_tokens=False)["input_ids"]) == len(pieces), text
