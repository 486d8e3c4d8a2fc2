import pytest
from hypothesis import given
from hypothesis import strategies as st
from timing import assert_in_proportion, cut

from secondthought.habits import sentences
from secondthought.habits.catalog import SHIPPED, shipped
from secondthought.habits.literals import Literals
from secondthought.habits.patterns import PatternDetector
from secondthought.protocols import Detector
from secondthought.types import Thought

DETECTOR = PatternDetector()
PLAIN = PatternDetector(fast=False)
WORDS = [literal for behavior in shipped() for pattern in behavior.patterns for literal in pattern.literals]
AUTOMATON, EXPRESSION = Literals(WORDS), Literals(WORDS, fast=False)
FRAGMENTS = [
    "Wait, that's not right. ",
    "Let me double-check. ",
    "First, I need to find the area.\n",
    "To reach 624, I need 96 more. ",
    "72 * 24 = 1728 (too big)\n",
    "The sun is a star. ",
    "\u00dcber \U0001d54f und \u0130stanbul. ",
    "1. **Calculate the total:**\n",
    "\n\n",
    "\u2019\u2026\u2028 ",
    "x = 3, ",
]
texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=20)), max_size=12).map("".join)

TABLE = {
    "verification": (
        [
            "Let me verify this with n = 2.",
            "So the answer checks out.",
            "Is that correct?",
            "I should check that both conditions hold.",
            "To confirm, I can substitute these values back.",
            "5 * 9 = 45, which is too large.",
            "12 * 3 = 36, which matches the total.",
            "48 / 2 = 24 \u2713",
            "Let\u2019s double check by counting directly.",
            "Sanity check: when x = 0 we get 1.",
        ],
        [
            "Verify that the function is continuous.",
            "We check that the relation is transitive.",
            "Please check your inbox.",
            "95 - 20 = 75 (not 24)",
            "He paid by check.",
            "The numbers x that satisfy the equation form a line.",
            "This shirt is too big for me.",
            "The murmur is consistent with mitral stenosis.",
        ],
    ),
    "backtracking": (
        [
            "Hmm, that doesn't work.",
            "Hold on, I think I forgot the 2.",
            "But wait, the problem says at most once.",
            "I made an error in step 2.",
            "Let me start over.",
            "This is getting complicated.",
            "Maybe there's a better way.",
            "Scratch that.",
            "Let's try multiplying instead.",
        ],
        [
            "I can't wait to see you.",
            "There is a wait time of ten minutes.",
            "The standard error is 3.",
            "But wait, there is more!",
            "Alternatively, one may use the lemma.",
            "This is incorrect because the Earth is round.",
            "This case is not possible.",
            "If that doesn't work, restart your router.",
        ],
    ),
    "subgoal_setting": (
        [
            "Next, I need to determine the slope.",
            "Here's my plan: first add, then divide.",
            "2. **Determine the number of days:**",
            "Let's first calculate the distance.",
            "To get the area, we first need to find the radius.",
        ],
        [
            "First, 3 + 4 = 7, so she has 7.",
            "I need to find a combination of these numbers that equals 24.",
            "Finally, x = 3.",
            "Let x be the price of a pen.",
            "Our plan is to expand the business.",
        ],
    ),
    "backward_chaining": (
        [
            "Working backward, the last operation must be multiplication.",
            "So now I need to make 19 out of 25 and 6.",
            "How can I make 96 from 72 and 24?",
            "I have 720 and need 624, so I need to subtract 96.",
        ],
        [
            "To make 16 muffins, we need two cups of flour.",
            "We can subtract 273 to get 25.",
            "The machine moves backwards over the tape.",
            "I need to find x.",
        ],
    ),
}
FAMILIES = {
    "verification": {
        "done once more": (
            ["Let me recount.", "Let me compute it again.", "Let me go through the steps again.", "I'll reconfirm."],
            [
                "Now I need to divide 166 by six again.",
                "Let me try again.",
                "See you again.",
                "We use the gas law again.",
            ],
        ),
        "for the sake of checking": (
            [
                "Let's try that method to verify.",
                "Maybe I can compute it another way to verify my answer.",
                "Is there any other way to confirm this?",
                "But just to be thorough, let's consider the other case.",
            ],
            ["They need ten questions to be sure.", "The nurse has to be careful.", "She wants to be sure it was him."],
        ),
        "asked of oneself": (
            [
                "But is that all?",
                "Are there any other solutions?",
                "Can that be right?",
                "But is there any overlap here?",
                "But does 3 satisfy the second condition?",
            ],
            ["Is there another bus?", "Are you free on Sunday?", "What is the sum of the digits?"],
        ),
        "two ways, one result": (
            ["So both methods agree.", "Both ways give 12.", "So both methods confirm the same answer."],
            ["Both methods are taught in school.", "Rearranging gives the same result for all n."],
        ),
        "how it came out": (
            [
                "So that's consistent.",
                "That's exactly what we need.",
                "So yes, the answer is 9.",
                "Yes, that matches the total.",
                "3 - 1 = 2, so that's okay.",
                "That gives me 2004, as expected.",
                "So both sides are equal.",
                "So my initial approach seems correct.",
                "I don't see any flaws in this reasoning.",
                "I'm confident that 60 is the correct answer.",
                "It was 60 earlier. So the total is indeed 60.",
                "To check, plug it in: 8 * 9 = 72, which is true.",
                "7 * 3 = 21. Correct.",
                "That seems too large.",
                "80 / 46 = 1.74, not an integer.",
                "88 + 3 - 5 is not valid.",
                "So x = 3 is a valid solution.",
            ],
            [
                "Yes, please send me the form.",
                "The data are consistent with the second hypothesis.",
                "The torques on both sides are equal.",
                "He is confident in front of a crowd.",
                "Anaemia is indeed a common finding.",
                "Is 51 odd? Yes.",
                "The number must not be an integer multiple of 3.",
                "(G) is not valid.",
                "Such a licence is not valid abroad.",
            ],
        ),
        "what has to hold": (
            [
                "However, I need to ensure that this triangle lies within the rectangle.",
                "Wait, I should check if all these factors are irreducible.",
                "Let me test for x=0.5.",
                "Let me plug that back in.",
            ],
            ["We need to ensure that visitors are safe.", "Now, let's substitute y back into the equation x = 2y."],
        ),
    },
    "backtracking": {
        "no use": (
            [
                "I'm not sure if that helps.",
                "Maybe this approach is not working.",
                "Still not helpful.",
                "But that seems complicated for this problem.",
                "I think I'm overcomplicating this.",
            ],
            [
                "I'm not sure if you are at home.",
                "The matter is complicated by tax law.",
                "The staff were not helpful.",
            ],
        ),
        "another view": (
            [
                "Let me think about this differently.",
                "Let me look at it from another angle.",
                "Maybe there's another approach.",
                "Alternatively, if I use the cosine rule, it may be shorter.",
                "Hmm, but the problem says distinct.",
            ],
            ["People think differently about this.", "Alternatively, one may use the lemma."],
        ),
        "something is off": (
            [
                "That's strange.",
                "Hmm, something is off here.",
                "Where did I go wrong?",
                "So my earlier assumption was wrong.",
                "But that contradicts the given total.",
                "Actually, 132 times 48 is 6336.",
            ],
            ["An odd number of goats.", "This contradicts the choice of m.", "My first car was red."],
        ),
        "not to be had": (
            [
                "56/8 = 7, but I don't have an 8.",
                "But I already used 24.",
                "But this uses 9 twice.",
                "But I've used all the numbers.",
                "61 + 9 (but 9 is not available)",
                "None of these work.",
            ],
            ["But we don't have the money.", "None of them came.", "He called twice.", "The car is not available."],
        ),
    },
}
CASES = [
    (name, text, want)
    for name, two in [*TABLE.items(), *((name, two) for name, rows in FAMILIES.items() for two in rows.values())]
    for want, part in zip((1, 0), two, strict=True)
    for text in part
]


@pytest.mark.parametrize(("name", "text", "want"), CASES, ids=[f"{name}-{text[:40]}" for name, text, _ in CASES])
def test_the_table_of_sentences(name, text, want):
    assert DETECTOR.read(text).counts[name] == want
    among_others = DETECTOR.read(f"The sum is 12.\n{text}\nThe moon is round.")
    assert among_others.counts[name] == want
    if want:
        span = next(span for span in among_others.spans if span.behavior == name)
        assert span.text.strip("*:") in text
        assert "moon" not in span.text


def test_it_is_a_detector_of_the_four_habits():
    assert isinstance(DETECTOR, Detector)
    assert DETECTOR.behaviors == SHIPPED


@given(texts)
def test_spans_lie_in_the_text_and_counts_are_their_number(text):
    reading = DETECTOR.read(text)
    assert [span.start for span in reading.spans] == sorted(span.start for span in reading.spans)
    for span in reading.spans:
        assert 0 <= span.start < span.end <= len(text)
        assert span.text == text[span.start : span.end]
        assert len(span.text) <= 3 * sentences.REACH
    for name in SHIPPED:
        assert reading.counts[name] == sum(span.behavior == name for span in reading.spans)


@given(texts)
def test_the_same_text_is_read_the_same(text):
    assert PLAIN.detect([Thought(text=text)] * 2) == [DETECTOR.read(text)] * 2


@given(st.lists(st.sampled_from(FRAGMENTS[:5]), unique=True), st.lists(st.sampled_from(FRAGMENTS[5:]), unique=True))
def test_unrelated_texts_add_up(left, right):
    def counts(parts):
        return DETECTOR.read("\n\n".join(parts)).counts

    joined, apart = counts([*left, "Rain fell in Bremen.", *right]), (counts(left), counts(right))
    assert joined == {name: apart[0][name] + apart[1][name] for name in SHIPPED}


@given(texts)
def test_the_automaton_and_the_regular_expression_hit_the_same(text):
    assert list(AUTOMATON.hits(text)) == list(EXPRESSION.hits(text))


@given(texts)
def test_readings_do_not_depend_on_the_automaton(text):
    assert PLAIN.read(text) == DETECTOR.read(text)


def test_nothing_is_found_in_nothing():
    for text in ("", " \n\t", "\x00" * 50, "?" * 1000):
        reading = DETECTOR.read(text)
        assert set(reading.counts.values()) == {0}
        assert reading.spans == ()


def test_case_apostrophes_and_emphasis_do_not_matter():
    for text in ("LET ME VERIFY THIS.", "let me verify this.", "**Let me verify** this.", "Let me  verify\tthis."):
        assert DETECTOR.read(text).counts["verification"] == 1
    assert (
        DETECTOR.read("That doesn\u2019t work.").counts["backtracking"]
        == DETECTOR.read("That doesn't work.").counts["backtracking"]
    )


@pytest.mark.parametrize("loop", ["Wait, no, that's wrong. ", "wait, no, that's wrong ", "Wait, no.\nSo it is 3.\n"])
def test_a_loop_counts_once(loop):
    once = DETECTOR.read(loop).counts["backtracking"]
    assert once == 1
    assert DETECTOR.read(loop * 300).counts["backtracking"] == 1


def test_an_enumeration_is_no_verification():
    text = "\n".join(
        f"{a} + {b} - 19 = {a + b - 19} (not 29)" for a in range(20, 30) for b in range(3, 9) if a + b != 48
    )
    assert set(DETECTOR.read(text).counts.values()) == {0}


@pytest.mark.parametrize(
    "unit",
    [
        "check ",
        "wait ",
        "to find ",
        "((((",
        "let me ",
        "too big ",
        "i need to ",
        "1. ",
        "a",
        "not ",
        "\n- ",
        "= 3 ",
        "we want ",
        "indeed ",
        "so but wait ",
        "so that's ",
        "is not valid ",
        "let me compute again ",
        "hmm, but is ",
    ],
)
def test_hostile_text_takes_linear_time(unit):
    assert_in_proportion(DETECTOR.read, lambda size: cut(unit, size), size=2500)


def test_mutants_of_the_context_rules_are_noticed(monkeypatch):
    """Without `unless`, without the start of words, without loops: each breaks a sentence of the table."""
    bare = PatternDetector(
        [
            behavior.model_copy(
                update={"patterns": tuple(p.model_copy(update={"unless": ()}) for p in behavior.patterns)}
            )
            for behavior in shipped()
        ]
    )
    assert any(bare.read(text).counts[name] for name, text, want in CASES if not want)
    assert [hit.start for hit in Literals(["wait"]).hits("await wait")] == [6]
    monkeypatch.setattr("secondthought.habits.repeats.once", lambda text, spans: list(spans))
    assert DETECTOR.read("Wait, no.\nSo it is 3.\n" * 9).counts["backtracking"] > 1


@pytest.mark.parametrize(
    ("text", "word", "sentence"),
    [
        ("One. Two is 3.5 or so. Three.", "Two", "Two is 3.5 or so."),
        ("1. Find it\n2. Add it", "Find", "1. Find it"),
        ("wrapped line of\ntext goes on. End", "goes", "wrapped line of\ntext goes on."),
        ("- **Check:** fine\n", "Check", "Check:** fine"),
        ("so 7.Let me see", "Let", "Let me see"),
        ('He said "stop." Then left', "left", "Then left"),
    ],
)
def test_the_sentence_around_a_word(text, word, sentence):
    start = text.index(word)
    first, last = sentences.around(text, start, start + len(word))
    assert text[first:last] == sentence


@given(texts, st.data())
def test_a_sentence_holds_its_word_and_stays_near(text, data):
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, min(len(text), start + 10)))
    first, last = sentences.around(text, start, end)
    assert 0 <= first <= start < end <= last <= len(text)
    assert start - first <= sentences.REACH
    assert last - end <= sentences.REACH + 2


@pytest.mark.parametrize("ending", ["2 + 2 = 5. ", "So x is 5. ", "We are done with step 1. "])
def test_a_number_that_ends_a_sentence_does_not_drag_it_into_the_next(ending):
    spans = PatternDetector().read(f"{ending}Wait, that is not right.").spans
    assert [span.text for span in spans if span.behavior == "backtracking"] == ["Wait, that is not right."]
