"""Windows of documents: every token is learned once, in its order, after the tokens that stand before it."""

from hypothesis import given
from hypothesis import strategies as st

from secondthought.train.pretrain.windows import DocumentTokens, TokenStore, Windows

DOCUMENTS = st.lists(
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40).flatmap(
        lambda ids: st.integers(1, min(len(ids), 4)).map(lambda read: DocumentTokens(tuple(ids), read))
    ),
    max_size=6,
)


def windows_of(documents, max_length):
    store = TokenStore()
    for document in documents:
        store.add(document)
    return Windows(store, range(len(store)), max_length)


@given(DOCUMENTS, st.integers(5, 12))
def test_each_token_is_learned_once_after_what_stands_before_it(documents, max_length):
    windows = windows_of(documents, max_length)
    learned = {number: [] for number in range(1, len(documents) + 1)}
    for window in windows:
        document = documents[window.line - 1]
        seen = (*document.ids[: document.num_read], *learned[window.line])
        assert seen[-len(window.prompt) :] == window.prompt
        assert window.prompt
        assert window.completion
        assert window.num_tokens <= max_length
        learned[window.line] += window.completion
    assert {number: tuple(ids) for number, ids in learned.items()} == {
        number: document.ids[document.num_read :] for number, document in enumerate(documents, 1)
    }
    assert windows.num_learned == sum(len(ids) for ids in learned.values())
    assert windows.num_learned == sum(windows.learned(place) for place in range(len(windows)))


def test_another_token_or_another_cut_is_another_digest():
    document = DocumentTokens(tuple(range(20)))
    digests = {
        windows_of([document], 8).digest(),
        windows_of([document], 9).digest(),
        windows_of([DocumentTokens(tuple(range(1, 21)))], 8).digest(),
        windows_of([DocumentTokens(document.ids, 2)], 8).digest(),
        windows_of([document, document], 8).digest(),
    }
    assert len(digests) == 5
    assert windows_of([document], 8).digest() == windows_of([document], 8).digest()


def test_a_slice_is_its_windows():
    windows = windows_of([DocumentTokens(tuple(range(20)))], 8)
    assert list(windows[1:]) == [windows[1], windows[2]]
