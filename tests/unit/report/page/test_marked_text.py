from hypothesis import given
from hypothesis import strategies as st

from secondthought.report.page.marked_text import HABITS, TAGS, stretches, tags_of
from secondthought.types import Span

texts = st.text(alphabet="ab<\n\U0001f600\ud800", max_size=30)
places = st.integers(0, 35)
spans = st.builds(
    lambda name, start, length: Span(behavior=name, start=start, end=start + length, text=""),
    st.sampled_from([*HABITS, "of_a_user"]),
    places,
    st.integers(0, 20),
)


@given(st.lists(texts, max_size=8), st.dictionaries(st.sampled_from("wd"), st.lists(spans, max_size=6)))
def test_every_character_has_the_classes_of_the_spans_over_it(pieces, found):
    shown = stretches(pieces, found)
    text = "".join(pieces)
    assert "".join(part.text for one in shown for part in one.parts) == text
    characters = [one for one in shown for part in one.parts for _ in part.text]
    for place, one in enumerate(characters):
        over = {
            f"{letter}{HABITS.index(span.behavior)}"
            for letter, of_letter in found.items()
            for span in of_letter
            if span.behavior in HABITS and span.start <= place < span.end
        }
        assert set(one.classes) == over
        assert set(one.names) == {name[0] for name in over}


@given(st.lists(texts, max_size=8), st.lists(spans, max_size=6))
def test_tokens_end_where_they_ended(pieces, found):
    shown = stretches(pieces, {"w": found})
    joined, token = [], ""
    for part in (part for one in shown for part in one.parts):
        token += part.text
        if part.ends:
            joined.append(token)
            token = ""
    assert joined == [piece for piece in pieces if piece]
    assert token == ""


@given(st.lists(spans, max_size=6))
def test_every_span_is_tagged_once_where_it_begins(found):
    shown = stretches(["x" * 60], {"w": found})
    tags = "".join(one.tags.get("w", "") for one in shown)
    starts = {(span.start, span.behavior) for span in found if span.behavior in HABITS and span.end > span.start}
    assert sorted(tags) == sorted(TAGS[HABITS.index(name)] for _, name in starts)


def test_the_four_have_the_letters_that_reports_have_always_had():
    assert TAGS[:4] == ("V", "B", "S", "C")


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), max_size=6, unique=True))
def test_any_habits_have_letters_of_their_own(habits):
    tags = tags_of(habits)
    assert len(set(tags)) == len(habits)
    assert all(len(tag) == 1 and tag.isalnum() for tag in tags)
