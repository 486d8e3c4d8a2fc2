"""The functional detector on thoughts written by hand, in many wordings, and on structured ones rendered at random."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from timing import assert_in_proportion

from secondthought.protocols import Detector
from secondthought.tasks.countdown import Countdown
from secondthought.tasks.countdown.reading.calculations import operations
from secondthought.tasks.countdown.reading.detector import FunctionalDetector, follow, spans
from secondthought.types import Message, Problem, Thought

NUMBERS, TARGET = (30, 25, 3, 4), 32
"""The paper's own example; (30 - 25 + 3) * 4 = 32."""
TRACES = Path(__file__).parents[6] / "shared" / "data" / "countdown_rgym_traces"


def counts(text, numbers=NUMBERS, target=TARGET):
    found = follow(text, numbers, target).counts
    return tuple(found[name] for name in ("verification", "backtracking", "subgoal_setting", "backward_chaining"))


SOLVED = "30 - 25 = 5, 5 + 3 = 8, 8 * 4 = 32."

VERIFICATION = [
    "30 + 3 = 33, not 32.",
    "30 + 3 = 33 (not 32)",
    "30 + 3 != 32",
    "30 + 3 = 33 \u2260 32",
    "I add 30 and 3 to get 33. That is 33, one more than 32.",
    "30 plus 3 is 33, which is too high.",
    "30+3=33 -- too big!",
    "25 + 4 = 29. That's 3 short of 32.",
    "25 + 4 + 3 gives 32. Yes, that matches the target.",
    "25 + 4 + 3 = 32, the target!",
    "25 + 4 + 3 = 32 \u2713",
    "(25 + 4 + 3) = 32, exactly the 32 that I want.",
    "25 + 4 + 3 = 32. This works!",
    "25 + 4 = 29, but that is less than 32",
    "$25 + 4 = 29 \\neq 32$",
    "25 + 4 = 29. Target 32: no.",
    "25 + 4 = 29; I wanted 32 but got 29.",
    "25 + 4 = 29, still below the target.",
    "25 + 4 = 29 is 3 less than 32.",
    "(30 - 25 + 3) * 4 = 32. To verify: 30 - 25 = 5, 5 + 3 = 8, 8 * 4 = 32.",
    "(30 - 25 + 3) * 4 = 32: 30 - 25 = 5, 5 + 3 = 8 and 8 * 4 = 32.",
    "30 - 25 = 5, 5 + 3 = 8, 8 * 4 = 32. Check: (30 - 25 + 3) * 4 = 8 * 4 = 32.",
    "30 - 25 = 5, 5 + 3 = 8, 8 * 4 = 32. So (30 - 25 + 3) * 4 = (5 + 3) * 4 = 8 * 4 = 32.",
    "30 + 25 + 3 - 4 = 54. 54 - 32 = 22.",
]
COMPARED = [
    "25 + 4 = 29. 29 matches the target.",
    "25 + 4 = 29. 29 equals the target 29, so this works.",
    "30 + 3 = 33. I get 33, but the target is 29",
    "30 + 3 = 33. That is 33, not the 28 that I need.",
    "30 + 3 = 33. 33 is not 28.",
    "30 + 3 = 33 is a start. That is 33, not the 28 that I need.",
    "30 + 3 = 33. I needed 28 and got 33, so this does not work.",
    "25 + 4 = 29, which is our target",
    "25 + 4 = 29 = target",
    "25 + 4 = 29 (target)",
    "25 + 4 = 29. The result is 29, the target.",
    "25 + 4 = 29. That gives us 29, our target number.",
    "25 + 4 = 29. And 29 is what we want.",
    "25 + 4 = 29. So 29 is reached.",
    "25 + 4 = 29. We have reached the target number of 29.",
    "25 + 4 = 29, as required.",
    "25 + 4 = 29. We got 29!",
    "25 + 4 = 29, exactly 29 as required",
    "25 + 4 = 29 \u2713",
    "25 + 3 = 28 \u2717",
    "25 + 4 = 29. Found it!",
    "4) 25 + 4 = 29\n5) This works!",
    "25 + 3 = 28, still not there",
    "30 + 3 = 33. Target is 29, got 33",
    "30 + 3 = 33. 33 != 29",
    "30 + 3 = 33. 33 is too high, since the target is 29.",
    "30 + 3 = 33 does not compute to 29",
    "30 + 3 = 33. It doesn't add up to 29.",
    "25 + 3 + 4 = 32. That's 3 more than we need.",
    "25 + 3 = 28, 1 less than needed",
    "25 + 3 = 28. Still 1 short.",
    "25 + 3 = 28. One short.",
    "25 + 3 = 28. 1 too few.",
    "30 + 3 = 33. That's 4 too high.",
    "25 + 3 = 28, but we need 29.",
    "25 + 3 = 28. We need 29, so no.",
    "25 + 3 = 28. The result is 28, but I want 29.",
    "25 + 3 = 28. It should be 29.",
    "25 + 3 = 28. Is this 29? No.",
]
NOT_COMPARED = [
    "The target is 29.",
    "25 + 3 = 28. The target is 29.",
    "25 + 3 = 28. The target can be made of more.",
    "25 + 3 = 28. I need 29.",
    "I need 29. 25 + 3 = 28",
    "numbers are 3, 4; the target is 29",
    "25 + 3 = 28. Now I have 28 and 4. I need 29.",
    "30 + 3 = 33. Subtract 4 to reach the target.",
    "30 + 3 = 33. I need to subtract 4 to get 29.",
    "30 + 3 = 33. From 33 I need to get to 29.",
    "30 + 3 = 33, so that with 4 the target 29 is made",
    "25 + 3 = 28. We still need 30 and 4.",
    "25 + 3 = 28, not using 4.",
    "25 + 3 = 28. We have not used 30.",
    "25 + 3 = 28. But first I need 4.",
    "25 + 3 = 28 (target: 29)",
    "25 + 3 = 28. 29 is what I need.",
    "25 + 3 = 28. Is there a way to reach the target?",
    "25 + 3 = 28. 28 is not used up.",
    "25 + 3 = 28. 28 is not 2 digits less.",
    "25 + 3 = 28. Found it! (25 + 3) * 30 - 4",
    "30 - 4 = 26\n2. 25 is a perfect square",
    "30 + 3 = 33, want 28: no.",
    "25 + 4 = 29",
    "So we get 25 + 4 = 29.",
]
BACKTRACKING = [
    "30 + 25 = 55, 55 - 3 = 52. 30 - 25 = 5, 5 * 4 = 20.",
    "First 30 x 4 = 120. Let me go back: 30 x 3 = 90.",
    "30 times 4 is 120. 25 times 4 is 100, and 100 minus 30 is 70.",
    "Multiply 30 by 4 to get 120. Hmm. Multiply 30 by 3 to get 90.",
    "30 \u00d7 4 = 120\n25 \u00d7 4 = 100",
    "$30 \\times 4 = 120$. $(30 - 25) \\times 4 = 20$.",
    "- 30 * 4 = 120\n- 30 * 3 = 90",
    "1. 30 * 4 = 120\n2. 30 - 4 = 26",
    "30 + 25 + 3 - 4\nno\n30 * 25 - 3 * 4",
    "30 - 25 = 5, 5 * 4 = 20. From 5 again: 5 + 3 = 8.",
    "30 - 25 = 5. No good, back to the start. 3 * 4 = 12.",
    "(30 + 25) * 3 = 165. Taking 25 from 30 leaves 5.",
]
SUBGOALS = [
    f"First I want 8. {SOLVED}",
    f"I need 8 before the last step: {SOLVED}",
    f"Subgoal: 8. {SOLVED}",
    f"goal: get to 8 first, then finish. {SOLVED}",
    f"Let me aim for 8. {SOLVED}",
    f"Can I make 8 from 30, 25 and 3? {SOLVED}",
    f"To get an 8, {SOLVED}",
    f"An 8 would help, so I look for 8. {SOLVED}",
    f"8 is what I need on the way. {SOLVED}",
    "Trying to reach 5: 30 - 25 = 5. Then 5 * 4 = 20.",
]
BACKWARD = [
    "32 / 4 = 8, so I need 8 from 30, 25 and 3.",
    "Work back from 32: 32 / 4 = 8.",
    "32 divided by 4 is 8.",
    "32 = 8 * 4, so the rest must give 8: 30 - 25 + 3 = 8.",
    "Dividing 32 by 4 gives 8.",
    "$32 \\div 4 = 8$",
    "32 \u00f7 4 = 8. What makes 8?",
    "If the last step is to add 3, I need 32 - 3 = 29.",
    "Subtract 3 from 32 to get 29.",
    "30 + 4 = 34 goes beyond; 32 - 30 = 2 is left to be made.",
]
LINEAR = [
    "",
    "I do not know.",
    " . . . . . .",
    "Using the numbers [30, 25, 3, 4], create an equation that equals 32.",
    SOLVED,
    f"{SOLVED} So (30 - 25 + 3) * 4 = 32. <answer>(30 - 25 + 3) * 4</answer>",
    "Step 1: 30 - 25 = 5\nStep 2: 5 + 3 = 8\nStep 3: 8 * 4 = 32",
    "(30 - 25 + 3) * 4 = (5 + 3) * 4 = 8 * 4 = 32",
    "30 minus 25 is 5. 5 plus 3 is 8. 8 times 4 gives 32.",
    "30 - 25 = 5 and 3 * 4 = 12, then 5 + 12 = 17.",
    "I have 4 numbers, 30, 25, 3 and 4, and 2-3 steps; that takes 10 minutes.",
    "On page 12 of 40 there are 7 + 5 = 12 items.",
    f"{SOLVED} {SOLVED}",
]


@pytest.mark.parametrize("text", VERIFICATION)
def test_one_check(text):
    assert counts(text)[0] == 1


@pytest.mark.parametrize("text", COMPARED)
def test_one_comparison(text):
    assert counts(text, target=29)[0] == 1


@pytest.mark.parametrize("text", NOT_COMPARED)
def test_the_target_named_is_no_comparison(text):
    assert counts(text, target=29)[0] == 0


@pytest.mark.parametrize("text", BACKTRACKING)
def test_one_attempt_given_up(text):
    assert counts(text) == (0, 1, 0, 0)


@pytest.mark.parametrize("text", SUBGOALS)
def test_one_subgoal(text):
    assert counts(text) == (0, 0, 1, 0)


@pytest.mark.parametrize("text", BACKWARD)
def test_one_backward_step(text):
    assert counts(text)[1:] == (0, 0, 1)


@pytest.mark.parametrize("text", LINEAR)
def test_nothing(text):
    assert counts(text) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3+4 = 7 (not 32), 30+25 = 55 (not 32), 30-25 = 5 (not 32)", (3, 2, 0, 0)),
        ("3+4=7, 3*4=12, 30-25=5, 30-4=26", (0, 2, 0, 0)),
        ("30 + 25 = 55, too high. No good, back to the start. " + SOLVED + " That matches the target.", (2, 1, 0, 0)),
        ("32 / 4 = 8, so I need 8. 30 - 25 = 5, 5 + 3 = 8, 8 * 4 = 32.", (0, 0, 0, 1)),
        ("32 - 3 = 29, 29 - 4 = 25.", (0, 0, 0, 2)),
        ("32 - 3 = 29, no. 32 / 4 = 8, 8 - 3 = 5, 30 - 25 = 5.", (0, 0, 0, 3)),
        ("First I want 5. 30 - 25 = 5. Next I need 8. 5 + 3 = 8. 8 * 4 = 32.", (0, 0, 2, 0)),
        ("I need 7. 30 - 25 = 5.", (0, 0, 0, 0)),
        ("30 - 25 + 3 = 8, so we get 8.", (0, 0, 0, 0)),
        ("This does not work. That won't work. No good.", (0, 0, 0, 0)),
    ],
)
def test_mixed(text, expected):
    assert counts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(30 + 25 = 55, too high) " * 30, (1, 0, 0, 0)),
        ("30 + 25 = 55 (not 32). 30 - 25 = 5 (not 32). " * 30, (2, 1, 0, 0)),
        ("32 / 4 = 8. " * 30, (0, 0, 0, 1)),
        ("I need 8. 30 - 25 + 3 = 8. " * 30, (0, 0, 1, 0)),
        (SOLVED * 30, (0, 0, 0, 0)),
        ("30 * 4 = 120, 30 * 3 = 90. " * 3 + "30 * 4 = 120, 120", (0, 1, 0, 0)),
    ],
)
def test_what_a_loop_repeats_counts_once(text, expected):
    assert counts(text) == expected


@pytest.mark.parametrize(
    ("text", "numbers", "target", "expected"),
    [
        # What is answered need not be what was worked out: no further attempt.
        ("12+9=21, 21-12=9, 12+9=21.</think><answer>((12+9)-12)+9</answer>", (3, 9, 12, 12), 13, 0),
        ("8+7=15.</think><answer>7*3</answer>", (3, 7, 8), 29, 0),
        ("<answer>3 + 7</answer> no, <answer>8 * 3</answer>, so <answer>8 * 3 + 7</answer>", (3, 7, 8), 29, 1),
        # A number that is used a second time on the last result goes on.
        ("9+2=11, 11-7=4, 4*2=8.", (2, 4, 7, 9), 14, 0),
        ("12-5=7, 7+5=12, 12*5=60.", (2, 5, 9, 12), 14, 0),
        ("9+2=11, 11-7=4. No good. 4*2=8.", (2, 4, 7, 9), 14, 1),
        # The point that is gone back to is one from which the next steps are possible.
        ("9-2=7, 7+6=13, 13-2=11. instead: 6/2=3, 9-3=6, 6+2=8.", (2, 2, 6, 9), 14, 1),
        ("9*24=216, 24+10=34, 216-34=182. Again: 24*10=240, 24-9=15, 240/15=16.", (24, 24, 10, 9), 20, 1),
        ("9+4=13, 13+3=16, 16+3=19. instead: 3-3=0, 4-0=4, 9*4=36.", (3, 3, 4, 9), 23, 1),
    ],
)
def test_attempts_of_models_that_slip(text, numbers, target, expected):
    assert counts(text, numbers, target)[1] == expected


def test_a_number_that_a_backward_step_named_is_compared_with_in_few_words():
    text = "want 22: 22-4=18, need 18: 9+1=10, 10+9=19, need 18: no."
    assert counts(text, (1, 4, 9, 9), 22) == (1, 0, 0, 1)
    assert counts("9+1=10, 10+9=19, need 18: no.", (1, 4, 9, 9), 22)[0] == 0


def test_a_target_among_the_numbers_is_worked_with_forwards():
    assert counts("32 / 4 = 8, 8 + 3 = 11", numbers=(32, 4, 3), target=11) == (0, 0, 0, 0)
    assert counts("11 - 3 = 8, 8 * 4 = 32", numbers=(32, 4, 3), target=11)[3] == 2
    assert counts("11 + 4 = 15, 15 - 4 = 11", numbers=(11, 4, 4), target=11)[3] == 0


def test_a_target_reached_before_is_worked_with_forwards():
    story = follow("25 + 4 + 3 = 32, 32 - 30 = 2, 2 + 1 = 3", NUMBERS, TARGET)
    assert story.roles[:2] == ("forward", "forward")
    assert story.backward_steps == ()


@pytest.mark.parametrize(
    ("text", "kind", "holds"),
    [
        ("30 + 3 = 33, not 32", "comparison", True),
        ("25 + 4 + 3 = 32, not 32", "comparison", False),
        ("30 + 3 = 33, too low", "judgement", False),
        ("30 + 3 = 33. This works!", "judgement", False),
        ("30 + 3 = 33, which matches the target", "comparison", False),
        ("(30 - 25 + 3) * 4 = 32. Check: 30 - 25 = 6, 6 + 3 = 8, 8 * 4 = 32", "recomputation", False),
        ("32 / 4 = 8. 30 - 25 + 3 = 8 \u2713", "judgement", True),
        ("32 - 4 = 28. 30 + 3 = 33. That is 33, not the 28 that I need.", "comparison", True),
        ("32 - 4 = 28. 25 + 3 = 28. That is 28, not the 28 that I need.", "comparison", False),
        ("30 + 3 = 33, but the target is 32", "comparison", True),
        ("30 + 3 = 33. That is 1 more than we need.", "judgement", True),
        ("25 + 3 = 28. That is 4 more than we need.", "judgement", False),
        ("30 + 25 + 3 + 4 = 62. 62 - 32 = 30", "gap", True),
        ("30 + 25 + 3 + 4 = 62. 62 - 32 = 31", "gap", False),
    ],
)
def test_a_false_check_counts_and_is_told(text, kind, holds):
    (check,) = follow(text, NUMBERS, TARGET).checks
    assert (check.kind, check.holds) == (kind, holds)


def test_stages_of_a_subgoal():
    used, unused, never = (
        follow(text, NUMBERS, TARGET).subgoals[0]
        for text in (
            "I need 8. 30 - 25 + 3 = 8. 8 * 4 = 32.",
            "I need 8. 30 - 25 + 3 = 8.",
            "I need 8. 30 + 3 = 33.",
        )
    )
    assert (used.reached, used.used) == (0, 1)
    assert (unused.reached, unused.used) == (0, None)
    assert (never.reached, never.used) == (None, None)


def test_an_attempt_that_went_on_from_an_earlier_point_says_where():
    story = follow("30 - 25 = 5, 5 * 4 = 20, 20 + 3 = 23. 5 + 3 = 8, 8 * 4 = 32.", NUMBERS, TARGET)
    first, second = story.attempts
    assert (first.operations, first.resumes, first.reached) == ((0, 1, 2), None, False)
    assert (second.operations, second.resumes, second.reached) == ((3, 4), 0, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3+4=7, 7*5=35", [(7, 7), (35, 35)]),
        ("(30-25+3)*4 = 32", [(32, 32)]),
        ("3+4=7*5=35", [(7, 7), (35, 35)]),
        ("8 \u00d7 3 \u2212 4 = 20", [(20, 20)]),
        ("8x3 = 24, 24 \u00f7 4 = 6", [(24, 24), (6, 6)]),
        ("\\(8 \\times 3 = 24\\), $24 \\div 4 = 6$", [(24, 24), (6, 6)]),
        ("89 * 32 = 2,848", [(2848, 2848)]),
        ("take 8 and 3. 8 * 3, which gives 24", [(24, 24)]),
        ("- 40 + 61 = 101", [(101, 101)]),
        ("22 - 30 = -8, -8 + 10 = 2", [(-8, -8), (2, 2)]),
        ("(3 + 4 = 7)", [(7, 7)]),
        ("1) 3 + 4 = 7", [(7, 7)]),
        ("24 = 8 * 3", [(24, 24)]),
        ("8 * 3 = 25", [(24, 25)]),
        ("3 ** 4 = 81, 7 // 2 = 3, a1+b2 = c3, 1/0 = 4", [(None, 4)]),
    ],
)
def test_calculations_are_read(text, expected):
    assert [(found.value, found.stated) for found in operations(text)] == expected


# A structured story, its exact counts by construction, and several wordings for each part.

STEP = st.sampled_from(["{a} {o} {b} = {c}", "{a}{o}{b}={c}", "{a} {w} {b} is {c}", "{a} {w} {b}, which gives {c}"])
BACK = st.sampled_from(["", "No good. ", "Back to the start. ", "Hmm. ", "Let me try something else: "])
WORDS = {"+": "plus", "-": "minus", "*": "times"}


GOAL = st.sampled_from(["First I want {c}. ", "I need {c} first: ", "Goal: {c}. ", "Can I make {c}? "])
HINDSIGHT = st.sampled_from(
    ["{t} - {n} = {m}. ", "{t} minus {n} is {m}. ", "Work back: {t}-{n}={m}. ", "{m} = {t} - {n}. "]
)
VERDICT = st.sampled_from(["", " (not {t})", ", too low", ", not {t}", " which is below {t}"])
UNREACHED = 9973
"""A target that no attempt reaches, so that every wording of a failed check is true."""


@st.composite
def stories(draw):
    """Numbers, a text, and the counts that it was built with, in the order of `counts`."""
    numbers = draw(st.lists(st.integers(2, 60), min_size=4, max_size=5, unique=True))
    tries = draw(
        st.lists(st.tuples(st.permutations(numbers), st.sampled_from("+-*")), max_size=5, unique_by=_first_step)
    )
    goals, made, backward, checks, parts = set(), set(), set(), 0, []
    for place, (order, sign) in enumerate(tries):
        first, second, *rest = order
        result = {"+": first + second, "-": first - second, "*": first * second}[sign]
        text = draw(BACK) if place else ""
        if draw(st.booleans()):
            text += draw(HINDSIGHT).format(t=UNREACHED, n=second, m=UNREACHED - second)
            backward.add(second)
        if result > 0 and result not in made | {*numbers} and draw(st.booleans()):
            text += draw(GOAL).format(c=result)
            goals.add(result)
        text += draw(STEP).format(a=first, b=second, o=sign, w=WORDS[sign], c=result)
        made.add(result)
        verdict = draw(VERDICT)
        checks += bool(verdict)
        # What no verdict turns down is carried on with, so that the next attempt cannot be its continuation.
        for number in rest if not verdict else ():
            text += f", then {result} + {number} = {result + number}"
            result += number
            made.add(result)
        parts.append(text + verdict.format(t=UNREACHED) + ".")
    # A result that is also a given number leaves open which of the two is meant later.
    assume(made.isdisjoint(numbers))
    text = draw(st.sampled_from([" ", "\n", "\n\n"])).join(parts)
    return numbers, text, (checks, max(0, len(tries) - 1), len(goals), len(backward))


def _first_step(attempt):
    (first, second, *_), sign = attempt
    return (sign, first, second) if sign == "-" else (sign, *sorted((first, second)))


@settings(max_examples=200)
@given(stories())
def test_exact_counts_of_stories_in_any_wording(story):
    numbers, text, expected = story
    assert counts(text, tuple(numbers), UNREACHED) == expected


@settings(max_examples=100)
@given(
    st.lists(
        st.sampled_from([*VERIFICATION, *BACKTRACKING, *SUBGOALS, *BACKWARD, "\u00e9\U0001f600", "\n"]), max_size=6
    )
)
def test_spans_are_the_text_and_as_many_as_counted(pieces):
    text = " ".join(pieces)
    story = follow(text, NUMBERS, TARGET)
    found = spans(story, text)
    assert all(text[span.start : span.end] == span.text != "" for span in found)
    assert [span.start for span in found] == sorted(span.start for span in found)
    for behavior, count in story.counts.items():
        assert sum(span.behavior == behavior for span in found) == count


@given(st.text(alphabet="30 254+-*/=()x,.\n$\\{}notwriguge2\u2013", max_size=200))
def test_any_text_is_read(text):
    story = follow(text, NUMBERS, TARGET)
    assert len(story.roles) == len(story.operations)
    assert all(0 <= operation.start < operation.end <= len(text) for operation in story.operations)


HOSTILE = {
    "digits": "1" * 400_000 + "a",
    "brackets": "(" * 400_000,
    "signs": "-" * 400_000,
    "sum": "1+" * 200_000 + "1",
    "product": "999999999*" * 40_000 + "9",
    "equalities": "1=" * 200_000,
    "attempts": "3+4=7," * 60_000,
    "chain": "3" + "+1=4" * 90_000,
    "foreign": "".join(f"{number} + 4 = {number + 4}. " for number in range(20_000)),
    "goals": "need to get " * 30_000,
    "goal numbers": "need 8 " * 50_000,
    "verdicts": "3+4=7 " + "so and not " * 30_000,
    "words": "3 is " + "us " * 100_000,
    "blanks": "3 " + " " * 400_000 + "+ 4",
    "commas": "1," * 200_000,
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_text_takes_time_in_proportion(name):
    """Up to 100,000 code points: quadratic reading of them takes minutes."""

    def start_of(parts):
        return HOSTILE[name][: len(HOSTILE[name]) * parts // 64]

    assert_in_proportion(lambda text: follow(text, NUMBERS, TARGET), start_of, size=1)


def test_the_detector_is_one():
    detector = FunctionalDetector()
    assert isinstance(detector, Detector)
    problem = Countdown().parse({"numbers": list(NUMBERS), "target": TARGET})
    other = Problem(id="x", task="arithmetic", messages=(Message(role="user", content="3 + 4"),), data={})
    text = "30 + 3 = 33, too high. 32 / 4 = 8."
    seen, empty, without, foreign = detector.detect(
        [
            Thought(text=text, problem=problem),
            Thought(text="", problem=problem),
            Thought(text=text),
            Thought(text=text, problem=other),
        ]
    )
    assert seen.counts == {"verification": 1, "backtracking": 0, "subgoal_setting": 0, "backward_chaining": 1}
    assert [span.behavior for span in seen.spans] == ["verification", "backward_chaining"]
    assert empty.counts == dict.fromkeys(detector.behaviors, 0)
    assert without.counts == foreign.counts == dict.fromkeys(detector.behaviors)
    assert without.spans == ()


@pytest.mark.skipif(not TRACES.is_dir(), reason="the traces are not here")
def test_real_responses_are_read_without_error():
    """Long answers show more than terse ones; nothing fails on what models wrote."""
    terse, long = [], []
    for path in sorted(TRACES.glob("easy__*.json")):
        for row in json.loads(path.read_text())["results"]:
            numbers = [
                int(number) for number in re.findall(r"\d+", re.search(r"numbers:? ([\d, ]+)", row["question"])[1])
            ]
            target = int(re.search(r"(?:equals|Calculate|make|get) (\d+)", row["question"])[1])
            text = row["completions"][0]["full_model_response"] or ""
            found = sum(follow(text[:4000], numbers, target).counts.values())
            (long if len(text) > 600 else terse).append(found)
    assert sum(terse) / len(terse) < 1 < 5 < sum(long) / len(long)


def test_a_check_announced_by_the_same_words_again_is_a_loop():
    said = "Let me check this: 8 * 4 = 32, so that is right. "
    assert follow(said * 9, (8, 4, 7), 32).counts["verification"] == 1
    assert follow("8 * 4 = 32. " + said, (8, 4, 7), 32).counts["verification"] == 1
    assert follow("8 * 4 = 32, works. " + said, (8, 4, 7), 32).counts["verification"] == 2
