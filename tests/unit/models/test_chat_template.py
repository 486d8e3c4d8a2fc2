import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import CHATML, END, byte_tokenizer

from secondthought.errors import PolicyError
from secondthought.models.chat_template import Chat
from secondthought.types import Completion, Message, StopReason

QUESTION = (Message(role="user", content="What is 2 + 2?"),)
END_ID = byte_tokenizer().convert_tokens_to_ids(END)

DROPS_THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and not loop.last %}{{ m.content.split('</think>')[-1].lstrip() }}"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""As Qwen3's: thinking stays in the last turn only."""


def completion(chat, text, *, ended):
    ids = chat.encode(text)
    ids = ids if ended else ids[:-1]
    stop = StopReason.END if ended else StopReason.LENGTH
    return Completion(token_ids=ids, logprobs=(-1.0,) * len(ids), text=text, stop=stop)


def rendered(chat, *contents):
    """What the template makes of a whole conversation, ready for the next answer."""
    roles = itertools.cycle(["user", "assistant"])
    messages = [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]
    return chat.tokenizer.apply_chat_template(messages, tokenize=True, add_generation_prompt=True)["input_ids"]


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)


@given(words, words, words)
def test_ids_of_a_conversation_are_those_of_its_rendering(question, answer, request_):
    chat = Chat(byte_tokenizer())
    start = chat.start([Message(role="user", content=question)])
    said = completion(chat, answer, ended=True)
    follow = chat.follow(said, request_)
    assert [*start, *said.token_ids, *follow] == rendered(chat, question, answer, request_)


def test_a_missing_end_of_turn_is_added_to_the_request_and_not_to_the_completion():
    """Only completions learn, so what the request holds is never learned."""
    chat = Chat(byte_tokenizer())
    cut = completion(chat, "four", ended=False)
    ended = completion(chat, "four", ended=True)
    assert END_ID not in cut.token_ids
    assert chat.follow(cut, "Why?") == (END_ID, *chat.follow(ended, "Why?"))


def test_a_completion_that_stopped_at_another_eos_still_gets_its_end_of_turn():
    chat = Chat(byte_tokenizer())
    other = Completion(token_ids=(65, 256), logprobs=(-1.0, -1.0), text="b", stop=StopReason.END)
    assert chat.follow(other, "Why?")[0] == END_ID


def test_text_survives_encoding_and_decoding_without_its_end_of_turn():
    chat = Chat(byte_tokenizer())
    for text in ("(1 + 2) * 3 = 9 .", " a  b ", "caf\u00e9 \u2192 ok", ""):
        assert chat.encode(text)[-1] == END_ID
        assert chat.decode(chat.encode(text)) == text


def test_a_template_that_rewrites_earlier_turns_is_refused_with_the_remedy():
    with pytest.raises(PolicyError, match=r"rewrites earlier turns.*model\.keep_thinking = true"):
        Chat(byte_tokenizer(template=DROPS_THINKING))


def test_keep_thinking_uses_such_a_template_with_the_ids_as_sampled():
    chat = Chat(byte_tokenizer(template=DROPS_THINKING), keep_thinking=True)
    said = completion(chat, "<think>\nhm\n</think>\n\nfour", ended=True)
    follow = chat.follow(said, "Why?")
    plain = Chat(byte_tokenizer())
    assert follow == plain.follow(said, "Why?")


def test_a_template_that_trims_what_it_is_given_is_not_rewriting():
    trims = CHATML.replace("message.content", "message.content | trim")
    assert Chat(byte_tokenizer(template=trims)).end_of_turn == END_ID


def test_a_template_that_writes_a_turn_by_its_place_is_refused():
    """The text between two turns is rendered once for every place."""
    numbered = CHATML.replace("{{ message.role }}", "{{ message.role }}{{ loop.index0 if message.role == 'user' }}")
    with pytest.raises(PolicyError, match="rewrites earlier turns"):
        Chat(byte_tokenizer(template=numbered))


@pytest.mark.parametrize("keep_thinking", [False, True])
def test_a_template_in_which_the_answer_cannot_be_found_is_refused(keep_thinking):
    shouting = CHATML.replace("message.content", "message.content | upper")
    with pytest.raises(PolicyError, match="changes what the assistant said"):
        Chat(byte_tokenizer(template=shouting), keep_thinking=keep_thinking)


def test_a_base_model_gets_the_documented_plain_template():
    chat = Chat(byte_tokenizer(template=None))
    tokenizer = chat.tokenizer
    start = chat.start(QUESTION)
    follow = chat.follow(completion(chat, " 4", ended=True), "Why?")
    assert tokenizer.decode(start) == "User: What is 2 + 2?\n\nAssistant:"
    assert tokenizer.decode(follow) == "\n\nUser: Why?\n\nAssistant:"
    assert chat.end_of_turn == END_ID


def test_a_base_model_without_an_eos_token_is_refused():
    tokenizer = byte_tokenizer(template=None, eos=None)
    with pytest.raises(PolicyError, match="neither a chat template nor an eos token"):
        Chat(tokenizer)


def test_a_template_without_anything_after_an_answer_is_refused():
    silent = "{% for m in messages %}{{ m.content }}{% endfor %}"
    with pytest.raises(PolicyError, match="nothing would end a turn"):
        Chat(byte_tokenizer(template=silent))


def test_templates_that_print_the_date_print_the_same_one_every_day():
    template = "{{ date_string }}" + CHATML
    chat = Chat(byte_tokenizer(template=template))
    assert chat.tokenizer.decode(chat.start(QUESTION)).startswith("26 Jul 2024<|im_start|>")


def test_the_fingerprint_reads_the_vocabulary_once_and_is_what_files_hold(monkeypatch):
    tokenizer = byte_tokenizer()
    chat = Chat(tokenizer)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    whole = repr((vocabulary, tokenizer.chat_template, *chat.template.settings))
    assert chat.fingerprint == hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()
    first = chat.fingerprint
    monkeypatch.setattr(tokenizer, "get_vocab", None)
    assert chat.fingerprint == first
    tokenizer.chat_template = "{# another #}"
    assert chat.fingerprint != first
