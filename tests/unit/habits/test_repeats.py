"""Loops, those that are not the same character for character too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timing import assert_in_proportion

from secondthought.habits import catalog, repeats
from secondthought.habits.patterns import PatternDetector
from secondthought.habits.repeats import fold, folded_sentence
from secondthought.types import Span

DETECTOR = PatternDetector()
SENTENCE = "Wait, that is not right."


def spans_of(text, needle):
    places, place = [], text.find(needle)
    while place >= 0:
        places.append(Span(behavior="b", start=place, end=place + len(needle), text=needle))
        place = text.find(needle, place + 1)
    return places


@given(st.text(alphabet="ab", max_size=60), st.integers(1, 20), st.integers(0, 59))
def test_a_stretch_is_what_a_loop_over_characters_finds(text, lag, place):
    if place >= len(text) or place < lag:
        return
    first = last = place
    while first > lag and text[first - 1] == text[first - 1 - lag]:
        first -= 1
    while last < len(text) and text[last] == text[last - lag]:
        last += 1
    assert repeats.stretch(text, place, lag) == (first, last)


@given(
    st.lists(st.sampled_from(["Wait.", "So 3.", "Check it.", "No, 4 then."]), min_size=1, max_size=6), st.integers(2, 9)
)
def test_any_block_said_again_and_again_counts_as_said_once(sentences, rounds):
    block = " ".join(sentences) + f" Round about {len(sentences)}.\n"
    once = repeats.once(block, spans_of(block, "Wait."))
    looped = repeats.once(block * rounds, spans_of(block * rounds, "Wait."))
    assert [span.start for span in looped] == [span.start for span in once]


def test_a_loop_that_is_cut_off_and_one_without_line_breaks():
    block = "Let me try: 3 + 4 = 7 (too small)\nWait, no.\n"
    for text in ((block * 4)[:-9], (block * 3).rstrip(), block.replace("\n", " ") * 5):
        assert len(repeats.once(text, spans_of(text, "too small"))) == 1


def test_the_same_remark_about_different_attempts_counts_each_time():
    text = "\n".join(f"{a} * {b} = {a * b} (too big)" for a in range(3, 9) for b in range(11, 14))
    assert len(repeats.once(text, spans_of(text, "(too big)"))) == 18


def test_a_long_passage_counts_once_even_with_other_words_between():
    passage = " ".join(f"Then {n} times {n} is {n * n}." for n in range(40)) + " Wait."
    text = f"{passage} Something else was said here. {passage}"
    assert len(repeats.once(text, spans_of(text, "Wait."))) == 1


def test_the_time_grows_with_the_length():
    def rounds(count):
        text = "Wait, no. " * count + "ab" * count
        return text, spans_of(text, "Wait, no.")

    assert_in_proportion(lambda found: repeats.once(*found), rounds, size=500)


def going_back(text):
    return DETECTOR.read(text).counts["backtracking"]


@pytest.mark.parametrize(
    "before", ["{}. ", "{}) ", "({}) ", "Step {}: ", "step {}. ", "**Step {}:** ", "- {}. ", "# {}. "]
)
@pytest.mark.parametrize("between", ["\n", "\n\n", " "])
def test_a_loop_that_numbers_its_rounds_counts_once(before, between):
    rounds = [before.format(number) + SENTENCE for number in range(1, 121)]
    if between != " " or before[0] not in "-#":  # these begin lines
        assert going_back(between.join(rounds)) == 1


@pytest.mark.parametrize(
    "rounds",
    [
        ["Wait, that is not right.", "WAIT, THAT IS NOT RIGHT.", "wait, that is not right."],
        ["Wait, that isn't right.", "Wait, that isn\u2019t right."],
        ["Wait, that is not right" + end for end in (".", "!", "...", "?", "\u2026", "?!", "")],
        ["- Wait, that is not right.", "* Wait, that is not right.", "Wait, that is not right."],
        ["**Wait**, that is not right.", "Wait, that is not right."],
        ["Wait, that  is not right. ", "Wait, that is not right."],
    ],
)
def test_a_loop_that_changes_its_dress_counts_once(rounds):
    for text in ("\n".join(rounds), "\n\n".join(rounds * 3), " \n".join(rounds * 2)):
        assert going_back(text) == 1
        assert DETECTOR.read(text).spans[0].start == text.index("W")


def test_numbers_inside_a_sentence_are_what_it_says():
    assert DETECTOR.read("Check: 3*4=12. Check: 5*4=20.").counts["verification"] == 2
    assert DETECTOR.read("Check: 13*4. Check: 13*5.").counts["verification"] == 2
    assert going_back("1. 3 + 4 = 7. Wait, no.\n2. 3 + 5 = 8. Wait, no.\n3. 3 + 6 = 9. Wait, no.\n") == 3
    assert going_back("What is it? 31. Wait, that is not right. What is it? 33. Wait, that is not right.") == 2


def test_a_block_that_comes_back_is_a_loop_only_right_behind_itself():
    assert going_back(f"{SENTENCE} So it is 4. {SENTENCE} Then it is 5. {SENTENCE}") == 3
    block = "1. So it is 4.\n2. Wait, that is not right.\n"
    assert going_back(block + block.replace("1.", "3.").replace("2.", "4.").upper() + block) == 1


def test_what_is_new_behind_a_loop_counts():
    looped = "Wait, no. Let me check: 3 * 4 = 12. "
    text = looped * 3 + "Wait, no. Let me check: 3 * 5 = 15."
    assert DETECTOR.read(looped).counts["verification"] == 1
    assert DETECTOR.read(text).counts["verification"] == 2


@given(st.text(alphabet="aB1. \n-)(\0\u2019'?\u0130*", max_size=40), st.data())
def test_places_are_where_they_would_be_in_the_text_alone(text, data):
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)))
    folded, found = fold(text, places)
    assert len(found) == len(places)
    assert found == sorted(found)
    assert all(0 <= place <= len(folded) for place in found)
    assert "\0" not in folded


@given(st.sampled_from(["", "1. ", "(2) ", "Step 3: ", "- "]), st.sampled_from([".", "!", "?", "..."]))
def test_what_a_sentence_says_is_what_the_folded_text_holds(before, after):
    sentence = f"{before}Let\u2019s  SEE{after}"
    text = f"So 4.\n{sentence}\nAnd 5."
    folded, (place,) = fold(text, [6])
    assert folded[place:].startswith(folded_sentence(sentence) + " and 5")


@pytest.mark.parametrize("junk", [".", "\n", "- ", ". ", "'", "1. ", "(", "step ", " ", ".'", "*", "\n \n", "!)", "\0"])
def test_folding_takes_time_in_proportion(junk):
    def padded(copies):
        return "Wait, no. " + junk * copies + "x Wait, no."

    assert_in_proportion(lambda text: fold(text, [0, len(text) - 9]), padded, size=1_250)


def test_the_documents_sentence_on_loops(tmp_path):
    path = tmp_path / "haste.toml"
    path.write_text(
        'name = "haste"\ndefinition = "d"\n[examples]\npositive = ["Clearly, x is 3."]\n'
        'negative = ["The sky is clear."]\n'
        "[[patterns]]\nliterals = ['clearly']\nmatch = ['{START}clearly']\n"
    )
    detector = PatternDetector(catalog.load([path]))
    assert detector.read("Clearly, x is 3. The sky is clear. Clearly, x is 3.").counts["haste"] == 2
    assert detector.read("Clearly, x is 3. Clearly, x is 3.").counts["haste"] == 1
