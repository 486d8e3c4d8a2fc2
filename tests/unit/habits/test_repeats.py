import time

from hypothesis import given
from hypothesis import strategies as st

from secondthought.habits import repeats
from secondthought.types import Span


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
    def seconds(rounds):
        text = "Wait, no. " * rounds + "ab" * rounds
        found = spans_of(text, "Wait, no.")
        start = time.process_time()
        repeats.once(text, found)
        return time.process_time() - start

    small, large = min(seconds(1000) for _ in range(3)), min(seconds(8000) for _ in range(3))
    assert large < 40 * small + 0.05
