"""Loading a model takes its tokenizer and template into use; what does not fit is a sentence with file and remedy."""

import datetime
import re

import pytest
from tiny_models import CHATML, END, byte_tokenizer, tiny_model

from secondthought.config import ModelConfig
from secondthought.errors import PolicyError
from secondthought.models.loading import load_model
from secondthought.models.local import LocalModel
from secondthought.types import Message

QUESTION = [Message(role="user", content="What is 2 + 2?")]


def saved(where, **tokenizer):
    tiny_model().save_pretrained(where)
    byte_tokenizer(**tokenizer).save_pretrained(where)
    return where


def loaded(where, **settings):
    return load_model(ModelConfig(path=str(where), device="cpu", **settings), LocalModel)


def test_a_tokenizer_larger_than_the_embedding_is_refused():
    """The embedding has 272 rows; 256 bytes and 17 tokens are one too many."""
    many = [f"<extra_{number}>" for number in range(14)]
    tokens = ("<|endoftext|>", "<|im_start|>", END, *many)
    with pytest.raises(PolicyError, match=r"1 tokens without an embedding.*'<extra_13>' with id 272.*embeds 272.*use"):
        LocalModel(tiny_model(), byte_tokenizer(specials=tokens), name="m")


def test_a_pad_token_without_an_embedding_is_never_read():
    tokens = ("<|endoftext|>", "<|im_start|>", END, *[f"<extra_{number}>" for number in range(14)])
    tokenizer = byte_tokenizer(specials=tokens)
    tokenizer.pad_token = "<extra_13>"
    model = LocalModel(tiny_model(), tokenizer, name="m")
    assert max(model.start([Message(role="user", content="<extra_13>")])) < 272


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{% if %}", r"chat_template.jinja: the chat template does not parse, line 1"),
        (CHATML.replace("assistant\n", "model\n"), "chat_template.jinja: the chat template asks for an answer with"),
        (
            {"rag": CHATML, "tools": CHATML},
            "additional_chat_templates: holds several .*'rag'.*model.chat_template",
        ),
    ],
)
def test_what_is_wrong_with_a_template_is_said_at_loading_and_mended_by_a_setting(tmp_path, template, sentence):
    where = saved(tmp_path / "model", template=template)
    with pytest.raises(PolicyError, match=rf"^{re.escape(str(where))}/{sentence}"):
        loaded(where)
    (tmp_path / "my.jinja").write_text(CHATML)
    model = loaded(where, chat_template=str(tmp_path / "my.jinja"))
    assert model.chat.tokenizer.decode(model.start(QUESTION)).endswith("<|im_start|>assistant\n")
    model.save(tmp_path / "again")
    assert loaded(tmp_path / "again").start(QUESTION) == model.start(QUESTION)


def test_date_and_options_change_prompts_and_the_fingerprint_and_only_they_do(tmp_path):
    where = saved(tmp_path, template="{{ strftime_now('%Y') }}{{ mood }}" + CHATML)
    plain, later, calm = loaded(where), loaded(where, date="2026-11-28"), loaded(where, template_options={"mood": "!"})
    texts = [model.chat.tokenizer.decode(model.start(QUESTION))[:5] for model in (plain, later, calm)]
    assert texts == ["2024<", "2026<", "2024!"]
    assert len({model.fingerprint() for model in (plain, later, calm)}) == 3
    assert loaded(where, date=datetime.date(2024, 7, 26)).fingerprint() == plain.fingerprint()


def test_settings_of_conversations_are_not_written_where_they_are_as_always():
    assert not {"date", "chat_template", "template_options"} & ModelConfig().model_dump().keys()
    assert ModelConfig(date="2026-11-28").model_dump(mode="json")["date"] == "2026-11-28"


def test_an_encoded_text_says_what_a_completion_of_its_ids_would():
    model = LocalModel(tiny_model(), byte_tokenizer(template=None), name="base")
    said = model.encode("4")
    assert said.text == model.chat.decode(said.token_ids) == " 4"
