"""Tools and calls are what a family's own template makes of them, to the token, and calls outlive the way there."""

import json

import pytest
from chat_families import FAMILIES, family_tokenizer
from tiny_models import byte_tokenizer
from tool_families import PHI4, PHI4_VARIABLE, TOOL_FAMILIES, tool_tokenizer

from secondthought.models.chat_template import Chat
from secondthought.models.tool_form import placed
from secondthought.tools.calls import Call
from secondthought.tools.reading import read_calls
from secondthought.tools.writing import call_id, write_calls
from secondthought.types import Completion, Message, StopReason

TOOL = {
    "name": "get_weather",
    "description": "Tell the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ASKED = (Message(role="user", content="Rain in Oslo?"),)
WITH_SYSTEM = (Message(role="system", content="Be brief."), *ASKED)
CALLS = [
    Call("get_weather", {"city": "Oslo \u00e9", "days": 2, "hourly": True, "at": None}),
    Call("get_weather", {"city": "Rom\n", "near": [1.5, {"k": "v"}]}),
]


def asked(dialect):
    return WITH_SYSTEM if dialect == "phi4" else ASKED


def turns(messages):
    return [{"role": message.role, "content": message.content} for message in messages]


def with_calls(calls):
    """An assistant message that makes calls, as `transformers` hands it to a template."""
    made = [
        {"type": "function", "id": call_id(call, place), "function": {"name": call.name, "arguments": call.arguments}}
        for place, call in enumerate(calls)
    ]
    return {"role": "assistant", "content": "", "tool_calls": made}


@pytest.mark.parametrize("dialect", TOOL_FAMILIES)
def test_tools_are_written_by_the_template_as_transformers_has_it(dialect):
    chat = Chat(tool_tokenizer(dialect))
    assert chat.tool_form.by_template
    told, tools = turns(asked(dialect)), [{"type": "function", "function": TOOL}]
    if dialect == "phi4":
        told[0]["tools"], tools = json.dumps([TOOL]), None
    whole = chat.tokenizer.apply_chat_template(told, tools=tools, tokenize=False, add_generation_prompt=True)
    ids = chat.start(asked(dialect), [TOOL])
    assert list(ids) == chat.tokenizer(whole, add_special_tokens=False)["input_ids"]
    assert "get_weather" in chat.tokenizer.decode(ids)


@pytest.mark.parametrize(("template", "where"), [(PHI4, "field"), (PHI4_VARIABLE, "variable beside")])
def test_a_system_message_is_made_where_the_template_tells_of_tools_in_none_but_one(template, where):
    tokenizer = tool_tokenizer("phi4")
    tokenizer.chat_template = template
    chat = Chat(tokenizer)
    assert chat.tool_form.way.startswith(where)
    assert chat.describe()["tools"] == "by its own template, in the system message"
    bare, told = (chat.tokenizer.decode(chat.start(said, [TOOL])) for said in (ASKED, WITH_SYSTEM))
    assert told.startswith("<|system|>Be brief.<|tool|>[{")
    assert bare.startswith("<|system|><|tool|>[{")
    assert bare.partition("<|/tool|>")[2] == told.partition("<|/tool|>")[2]
    assert "<|tool|>" not in chat.tokenizer.decode(chat.start(ASKED))


@pytest.mark.parametrize("calls", [CALLS[:1], CALLS], ids=["one", "two"])
@pytest.mark.parametrize("dialect", TOOL_FAMILIES)
def test_calls_are_written_to_the_token_as_the_template_writes_them(dialect, calls):
    chat = Chat(tool_tokenizer(dialect))
    whole = chat.template.render([*turns(asked(dialect)), with_calls(calls)], header=False)
    own = chat.template.render(turns(asked(dialect)), header=True) + chat.form.header
    expected = chat.tokenizer(whole, add_special_tokens=False)["input_ids"]
    ids = [*chat.tokenizer(own, add_special_tokens=False)["input_ids"], *chat.encode(write_calls(calls, dialect))]
    assert ids == expected[: len(ids)]


@pytest.mark.parametrize("dialect", TOOL_FAMILIES)
def test_calls_outlive_the_way_through_tokens(dialect):
    """What a task reads still holds the marks, also where they are special tokens."""
    chat = Chat(tool_tokenizer(dialect))
    text = write_calls(CALLS, dialect)
    assert chat.decode(chat.encode(text)) == text
    assert read_calls(chat.decode(chat.encode(text))).calls == read_calls(text).calls
    assert read_calls(text).calls[0] == CALLS[0]


@pytest.mark.parametrize("dialect", TOOL_FAMILIES)
def test_the_next_turn_is_that_of_a_conversation_with_tools(dialect):
    """The ids after an answer are found without tools; with tools the template writes the same, but for Mistral's."""
    chat = Chat(tool_tokenizer(dialect))
    ids = chat.encode("It rains.")
    said = Completion(token_ids=ids, logprobs=(-1.0,) * len(ids), text="It rains.", stop=StopReason.END)
    ours = [*chat.start(asked(dialect), [TOOL]), *ids, *chat.follow(said, "Why?")]
    later = [{"role": "assistant", "content": "It rains."}, {"role": "user", "content": "Why?"}]
    told, tools = placed(turns(asked(dialect)), [TOOL], chat.tool_form.way)
    whole = chat.template.render([*told, *later], header=True, tools=tools)
    if dialect.startswith("mistral"):
        assert "moves them to later turns" in chat.describe()["tools"]
        assert "[AVAILABLE_TOOLS]" in chat.tokenizer.decode(ours).partition("Rain")[0]
    else:
        assert ours == chat.tokenizer(whole, add_special_tokens=False)["input_ids"]
        assert chat.describe()["tools"].startswith("by its own template")


@pytest.mark.parametrize("tokenizer", [tool_tokenizer("tool_call"), family_tokenizer("chatml")], ids=["own", "plain"])
def test_openais_wrapping_changes_nothing(tokenizer):
    chat = Chat(tokenizer)
    assert chat.start(ASKED, [{"type": "function", "function": TOOL}]) == chat.start(ASKED, [TOOL])


def test_a_template_is_measured_and_not_believed():
    mentions = "{% if tools %}{% endif %}" + FAMILIES["chatml"][0]
    refuses = "{% if tools %}{{ raise_exception('no tools here') }}{% endif %}" + FAMILIES["chatml"][0]
    names_alone = "{% for tool in tools or [] %}{{ tool.function.name }}{% endfor %}" + FAMILIES["chatml"][0]
    found = [Chat(byte_tokenizer(template=text)).describe()["tools"] for text in (mentions, refuses, names_alone)]
    assert all(text.startswith("by a plain prompt") for text in found)
    assert "no tools here" in found[1]


def test_a_template_that_asks_otherwise_with_tools_gets_the_plain_prompt():
    other = FAMILIES["chatml"][0] + "{% if tools and add_generation_prompt %}{{ tools | tojson }}{% endif %}"
    chat = Chat(byte_tokenizer(template=other))
    assert "in another way" in chat.describe()["tools"]
    assert json.dumps(TOOL) in chat.tokenizer.decode(chat.start(ASKED, [TOOL]))


def test_a_system_message_and_tools_stand_together():
    for chat in (Chat(tool_tokenizer("tool_call")), Chat(family_tokenizer("chatml"))):
        text = chat.tokenizer.decode(chat.start(WITH_SYSTEM, [TOOL]))
        assert text.index("Be brief.") < text.index("get_weather") < text.index("Rain in Oslo?")
