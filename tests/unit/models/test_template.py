"""Templates are rendered as transformers renders them, but for the clock, chance and errors."""

import datetime

import pytest
from chat_families import FAMILIES, REWRITING, family_tokenizer
from tiny_models import CHATML, byte_tokenizer

from secondthought.errors import PolicyError
from secondthought.models.template import Template, choose

TURNS = [{"role": role, "content": f" {role} says: x\n"} for role in ("user", "assistant", "user")]


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("name", [name for name in (*FAMILIES, *REWRITING) if name != "granite"])
def test_renderings_are_those_of_transformers(name, header):
    tokenizer = family_tokenizer(name)
    theirs = tokenizer.apply_chat_template(
        TURNS, tokenize=False, add_generation_prompt=header, date_string="26 Jul 2024"
    )
    assert Template(tokenizer).render(TURNS, header=header) == theirs


@pytest.mark.parametrize("asks", ["strftime_now('%d %b %Y')", "date_string", "date_string | default('today')"])
def test_the_clock_stands_whatever_way_a_template_asks(asks):
    tokenizer = byte_tokenizer(template="{{ " + asks + " }}" + CHATML)
    assert Template(tokenizer).render(TURNS, header=True).startswith("26 Jul 2024<|im_start|>")
    later = Template(tokenizer, date=datetime.date(2026, 11, 28))
    assert later.render(TURNS, header=True).startswith("28 Nov 2026<|im_start|>")
    assert later.settings != Template(tokenizer).settings


def test_a_clock_of_another_name_is_no_clock():
    """As in transformers: what is not defined there is not defined here."""
    guarded = "{% if datetime is defined %}{{ datetime.now() }}{% endif %}" + CHATML
    assert Template(byte_tokenizer(template=guarded)).render(TURNS, header=True).startswith("<|im_start|>")
    with pytest.raises(PolicyError, match="'datetime' is undefined"):
        Template(byte_tokenizer(template="{{ datetime.now() }}" + CHATML)).render(TURNS, header=True)


def test_options_are_variables():
    tokenizer = byte_tokenizer(template="{{ mood }}" + CHATML)
    assert Template(tokenizer, options={"mood": "calm"}).render(TURNS, header=True).startswith("calm<|im_start|>")


@pytest.mark.parametrize("chance", ["[1, 2] | random", "lipsum()"])
def test_a_template_that_draws_at_random_is_refused(chance):
    with pytest.raises(PolicyError, match="draws at random"):
        Template(byte_tokenizer(template="{{ " + chance + " }}" + CHATML)).render(TURNS, header=True)


@pytest.mark.parametrize("bad", ["{{ 1 / 0 }}", "{{ messages[7].content.x }}", "{{ ''.__class__.mro() }}"])
def test_whatever_goes_wrong_in_a_template_is_a_sentence(bad):
    with pytest.raises(PolicyError, match=r"field 'chat_template': the chat template refuses .*model\.chat_template"):
        Template(byte_tokenizer(template=bad + CHATML)).render(TURNS, header=True)


def test_a_syntax_error_is_named_by_line():
    with pytest.raises(PolicyError, match=r"does not parse, line 2: .*; mend it"):
        Template(byte_tokenizer(template="{{ bos_token }}\n{% if %}"))


def test_the_file_of_a_template_is_named(tmp_path):
    byte_tokenizer(template="{% if %}").save_pretrained(tmp_path)
    import transformers

    with pytest.raises(PolicyError, match=rf"{tmp_path}/chat_template.jinja: the chat template does not parse"):
        Template(transformers.AutoTokenizer.from_pretrained(tmp_path))


def test_several_templates_need_a_default_or_a_choice():
    tokenizer = byte_tokenizer(template={"tools": "no", "plain": CHATML})
    with pytest.raises(PolicyError, match=r"'tools', 'plain'.*none is called 'default'.*model\.chat_template"):
        Template(tokenizer)
    choose(tokenizer, "plain")
    assert Template(tokenizer).text == CHATML
    both = byte_tokenizer(template={"tools": "no", "default": CHATML})
    assert Template(both).text == CHATML


def test_a_file_takes_the_place_of_the_template(tmp_path):
    tokenizer = byte_tokenizer(template=None)
    (tmp_path / "my.jinja").write_text(CHATML)
    choose(tokenizer, str(tmp_path / "my.jinja"))
    assert Template(tokenizer).text == CHATML
    with pytest.raises(PolicyError, match=r"model\.chat_template: 'chatml' is no file"):
        choose(tokenizer, "chatml")


def test_generation_marks_write_what_they_hold():
    marked = CHATML.replace("{{ message.content }}", "{% generation %}{{ message.content }}{% endgeneration %}")
    tokens = byte_tokenizer(template=marked), byte_tokenizer()
    assert Template(tokens[0]).render(TURNS, header=True) == Template(tokens[1]).render(TURNS, header=True)
