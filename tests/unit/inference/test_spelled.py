"""Ids that spell their text: what is written is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.errors import PolicyError
from secondthought.inference.spelled import (
    END_OF_TURN,
    HEADERS,
    TOOLS,
    SpellingPolicy,
    conversation,
    in_text,
    in_tokens,
)
from secondthought.types import Message

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)
MESSAGES = st.lists(st.builds(Message, role=st.sampled_from(sorted(HEADERS)), content=TEXT), max_size=5)
ANY_TOOLS = st.lists(st.fixed_dictionaries({"name": TEXT, "parameters": st.dictionaries(TEXT, TEXT)}), max_size=3)


@given(MESSAGES, ANY_TOOLS)
def test_ids_spell_the_conversation(messages, tools):
    found = conversation(SpellingPolicy("any").start(messages, tools))
    assert found.messages == tuple(messages)
    assert list(found.tools) == tools


@given(TEXT, st.integers(0, 60))
def test_tokens_spell_the_text_and_are_as_many_as_told(text, number):
    ids = in_tokens(text, number)
    assert in_text(ids) == text
    assert len(ids) == min(max(number, 1), len(text.encode()))
    assert not set(ids) & {END_OF_TURN, TOOLS, *HEADERS.values()}


@given(TEXT, st.integers(1, 9))
def test_a_conversation_may_hold_tokens_of_several_bytes(text, number):
    ids = (HEADERS["assistant"], *in_tokens(text, number), END_OF_TURN, HEADERS["assistant"])
    assert conversation(ids).messages == (Message(role="assistant", content=text),)


@pytest.mark.parametrize("ids", [(), (97,), (258, 258), (258, 97), (258, 97, 256), (300,), (-1,), (256,), (260, 97)])
def test_ids_that_spell_no_prompt_are_refused(ids):
    with pytest.raises(PolicyError, match="spelled"):
        conversation(ids)
