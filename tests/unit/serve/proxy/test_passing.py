"""A secret in a stream is blotted out however the stream is cut, and nothing else waits for it."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from secondthought.serve.proxy.passing import without

SECRET = b"abac"


def sent(parts, secret=SECRET):
    """The pieces that come out."""

    async def stream():
        for part in parts:
            yield part

    async def collected():
        return [piece async for piece in without(stream(), secret)]

    return asyncio.run(collected())


@given(st.lists(st.text("abc ", max_size=6).map(str.encode), max_size=8))
def test_pieces_give_what_the_whole_gives(parts):
    assert b"".join(sent(parts)) == b"".join(parts).replace(SECRET, b"***")


def test_what_is_no_beginning_of_it_is_sent_at_once():
    assert sent([b"data: x\n\n", b"data: y\n\n"]) == [b"data: x\n\n", b"data: y\n\n"]
    assert sent([b"x ab", b"ba"]) == [b"x ", b"abba"[:3], b"a"]


def test_without_a_key_nothing_changes():
    assert sent([b"abac", b"ab"], b"") == [b"abac", b"ab"]
