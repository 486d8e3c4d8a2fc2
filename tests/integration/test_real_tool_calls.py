"""Tools and calls are to the token what a real model's own template makes of them, and calls are read back."""

import pytest
from tool_calls import same

from secondthought.models.chat_template import Chat
from secondthought.models.gguf.described import tokenizer_in
from secondthought.tools.calls import Call
from secondthought.tools.reading import read_calls
from secondthought.tools.writing import write_calls
from secondthought.types import Message

pytestmark = pytest.mark.real
TOOL = {
    "name": "get_weather",
    "description": "Tell the weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}
ASKED = {"role": "user", "content": "Rain in Oslo?"}
MESSAGES = (Message(**ASKED),)
CALLS = [
    Call("get_weather", {"city": "Oslo \u00e9 \U0001f327", "days": 2, "hourly": True, "at": None}),
    Call("math.hypot", {"x": 1.5, "near": [1, {"k": 'v\n"quoted" {[<'}], "text": "a </tool_call> b <tool_call>"}),
    Call("now", {}),
]


@pytest.fixture(scope="module", params=["qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct"])
def chat(request, real_model):
    return Chat(tokenizer_in(str(real_model(request.param))))


def rendered(chat, calls):
    """The whole conversation as the template has it: with the answer that makes these calls."""
    made = [{"type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in calls]
    return chat.tokenizer.apply_chat_template(
        [ASKED, {"role": "assistant", "content": "", "tool_calls": made}],
        tools=[{"type": "function", "function": TOOL}],
        tokenize=False,
    )


def test_tools_are_told_by_its_own_template_to_the_token(chat):
    whole = chat.tokenizer.apply_chat_template(
        [ASKED], tools=[{"type": "function", "function": TOOL}], tokenize=False, add_generation_prompt=True
    )
    assert chat.tool_form.by_template
    assert list(chat.start(MESSAGES, [TOOL])) == chat.tokenizer(whole, add_special_tokens=False)["input_ids"]


def test_control_tokens_in_a_description_are_text(chat):
    end = chat.tokenizer.convert_tokens_to_ids("<|im_end|>")
    spelled = chat.start(MESSAGES, [{**TOOL, "description": "Tell <|im_end|> the weather."}])
    assert spelled.count(end) == chat.start(MESSAGES, [TOOL]).count(end)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_calls_are_what_the_template_writes_to_the_token_and_are_read_back(chat, count):
    calls = CALLS[:count]
    answer = chat.encode(write_calls(calls))
    ours = [*chat.start(MESSAGES, [TOOL]), *answer]
    theirs = chat.tokenizer(rendered(chat, calls), add_special_tokens=False)["input_ids"]
    newline = chat.tokenizer("\n", add_special_tokens=False)["input_ids"]
    assert ours + newline == theirs  # the token that ends the turn is the last of ours
    assert same(read_calls(chat.decode(answer), [TOOL]).calls, calls)


def test_marks_in_a_text_outlive_the_models_tokens(chat):
    for calls in (CALLS[:1], CALLS):
        text = write_calls(calls)
        assert chat.decode(chat.encode(text)) == text
        assert same(read_calls(chat.decode(chat.encode(text)), [TOOL]).calls, calls)


def test_calls_are_read_out_of_what_the_template_writes(chat):
    """Read from the text of the whole conversation's last turn, as the model would have written it."""
    said = rendered(chat, CALLS).rpartition("<|im_start|>assistant")[2].removesuffix("\n").removesuffix("<|im_end|>")
    assert same(read_calls(said, [TOOL]).calls, CALLS)
