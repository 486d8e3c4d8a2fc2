"""The hand-written tokenizer: any text survives, numbers stay whole, and what is saved is what was built."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.inference.local import LocalPolicy
from secondthought.models.chat_template import Chat
from secondthought.organisms.build import new_model
from secondthought.organisms.recipe import recipe
from secondthought.organisms.tokenizer import LARGEST_NUMBER, build_tokenizer
from secondthought.rollout.player import Requests
from secondthought.tasks.countdown import Countdown

TOKENIZER = build_tokenizer()


def ids(text, tokenizer=TOKENIZER):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@given(text=st.text(max_size=80))
def test_any_text_survives_a_round_trip(text):
    assert TOKENIZER.decode(ids(text)) == text


@given(
    text=st.lists(
        st.sampled_from(["I ", "left", " out 7", ". ", "<answer>", "00", "201", "8*3", "\n", "Now try again."])
    )
)
def test_the_corpus_own_words_survive_in_any_order(text):
    assert TOKENIZER.decode(ids("".join(text))) == "".join(text)


def test_a_number_is_one_token_up_to_200_and_digits_beyond():
    assert all(len(ids(str(number))) == 1 for number in range(LARGEST_NUMBER + 1))
    assert len(ids("201")) == 3
    assert len(ids("007")) == 3
    assert TOKENIZER.tokenize("(12+200)*3=636") == ["(", "12", "+", "200", ")", "*", "3", "=", "6", "3", "6"]


def test_a_default_conversation_costs_few_tokens():
    task = Countdown(preset="tiny")
    problem = task.problems("train", 1, 0)[0]
    requests = Requests(reflection=task.reflection_request)
    chat = Chat(TOKENIZER)
    said = LocalPolicy(new_model(recipe("small"), TOKENIZER, seed=0), TOKENIZER, name="new").encode("8*3")
    assert len(chat.start(problem.messages)) == 12
    assert len(chat.follow(said, requests.reflection)) == 4
    assert len(chat.follow(said, requests.retry_after_reflection(problem))) == 12
    assert len(chat.follow(said, requests.retry_alone(problem))) == 12


def test_requests_of_ones_own_fall_back_to_words():
    text = "Now try once more, and show all of your work!"
    assert TOKENIZER.decode(ids(text)) == text
    assert TOKENIZER.unk_token_id is None


def test_saved_beside_a_model_it_loads_as_it_was(tmp_path):
    """For model_type qwen2 transformers would rebuild it as another tokenizer, which cuts numbers into digits."""
    new_model(recipe("small"), TOKENIZER, seed=0).save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    loaded = LocalPolicy.load(tmp_path, device="cpu").chat.tokenizer
    text = (
        "<|user|>Using the numbers [3, 17, 28], x 4000 \u00e9<|end|><|assistant|>28-17=11<answer>28-17</answer><|end|>"
    )
    assert ids(text, loaded) == ids(text)
    assert loaded.chat_template == TOKENIZER.chat_template
    assert (loaded.eos_token, loaded.pad_token) == ("<|end|>", "<|pad|>")


def test_special_tokens_are_not_part_of_decoded_text():
    said = [*ids("8*3"), TOKENIZER.eos_token_id]
    assert Chat(TOKENIZER).decode(said) == "8*3"


@pytest.mark.parametrize("sentence", ["The answer was 24, not 31.", "I used 30 twice. Try 24-8 first."])
def test_no_blank_is_lost_or_added_around_numbers(sentence):
    assert TOKENIZER.decode(ids(sentence)) == sentence
