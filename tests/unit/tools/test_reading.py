"""What is a call, what is none, and what was begun and cannot be read; hostile texts get an answer, and soon."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tool_calls import same

from secondthought.tools.calls import Call, CallReading
from secondthought.tools.reading import read_calls

F = Call("f", {"a": 1})


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>',
        '<tool_call>\n{"name": "f", "arguments": {"a": 1}}',
        '<tool_call>{"name": "f", "parameters": {"a": 1}}</tool_call>\nThat should do.',
        '<tool_call>[{"name": "f", "arguments": {"a": 1}}]',
        '<tool_call>{"type": "function", "function": {"name": "f", "arguments": "{\\"a\\": 1}"}}</tool_call>',
        "<function=f><parameter=a>1</parameter></function>",
        "<tool_call><function=f><parameter=a>1</parameter></function></tool_call>",
        '<|python_tag|>{"name": "f", "parameters": {"a": 1}}',
        "<|python_tag|>f(a=1)",
        '[TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}, "id": "abcdefghi"}]',
        '[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{"a": 1}',
        '{"name": "f", "arguments": {"a": 1}}',
        '[{"name": "f", "arguments": {"a": 1}}]',
        '```json\n{"name": "f", "arguments": {"a": 1}}\n```',
        "I call:\n```\n[f(a=1)]\n```\nas asked.",
        "```tool_code\nf(a=1)\n```",
        "f(a=1)",
        "[f(a = 1,)]",
        "[ f( a=1 ) ]",
    ],
)
def test_calls_are_read(text):
    assert read_calls(text) == CallReading((F,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot do that.",
        'For example, {"name": "f", "arguments": {"a": 1}} would call it.',
        "The function f(x) = 2x grows; f(a=1) would call it.",
        "f(x) grows",
        "[1, 2, 3]",
        "[]",
        '{"name": "Bob", "age": 5}',
        '{"result": 1}',
        "<think>\n<tool_call>{}</tool_call>",
        "```sql\nselect f(a)\n```",
        "[text](link)",
    ],
)
def test_other_answers_call_nothing(text):
    assert read_calls(text) == CallReading(())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<tool_call>", "no JSON object follows"),
        ("<tool_call></tool_call>", "no JSON object follows"),
        ('<tool_call>{"name": "f", "arguments": {"a": 1}', "breaks off or is wrong"),
        ('<tool_call>{"name": "f", "arguments": {"a": 1}}}</tool_call>', "something follows"),
        ('<tool_call>{"name": "f"}</tool_call>', "no arguments"),
        ('<tool_call>{"name": "f", "arguments": {}, "parameters": {}}</tool_call>', "two sets of arguments"),
        ('<tool_call>{"name": "f", "arguments": [1]}</tool_call>', "no JSON object"),
        ('<tool_call>{"arguments": {}}</tool_call>', "has no name"),
        ("<tool_call>[3]</tool_call>", "no JSON object with a name"),
        ('{"name": "f", "arguments": {"a": 1, "a": 2}}', "twice"),
        ('{"name": "f", "arguments": {"a": NaN}}', "NaN"),
        ('{"name": "f", "arguments": {"a": 1e999}}', "too large"),
        ('{"name": "f", "arguments": {"a": ' + "9" * 10_000 + "}}", "300 digits"),
        ('{"name": "f", "arguments": {"a": ' + "[" * 100 + "]" * 100 + "}}", "64 deep"),
        ('{"name": "f", "arguments": {"a": ' + "[" * 50_000, "deep|breaks off"),
        ('{"name": "f", "arguments": {}} and more', "something follows"),
        ('{"name": "get_wea', "breaks off"),
        ("<tool_call><function=f><parameter=a>1", "not closed"),
        ("<tool_call><function=f", "breaks off"),
        ("<tool_call><function=f>x</function></tool_call>", "something else"),
        ("<|tool_call|>f", "no JSON object follows"),
        ("[TOOL_CALLS]f", "no JSON object follows"),
        ("<start_function_call>f", "not followed by call:NAME"),
        ("<start_function_call>call:f{a:<escape>x", "not closed"),
        ("<start_function_call>call:f{a:1,a:2}", "twice"),
        ('f("Paris")', "named argument"),
        ("[f(a=1, a=2)]", "twice"),
        ("[f(a=1) g(b=2)]", "should stand"),
        ("[f(a=b)]", "a literal"),
        ("[f(a=__import__('os').system('ls'))]", "a literal"),
        ("[f(a=1)] and more", "something follows"),
        ("[f(a=" + "[" * 100, "64 deep"),
        ("[f(a='" + "x" * 30_000 + "')]", "20000 characters"),
    ],
)
def test_a_call_that_is_begun_and_cannot_be_read_is_malformed(text, said):
    found = read_calls(text)
    assert any(part in found.malformed for part in said.split("|")), found


def test_calls_before_one_that_cannot_be_read_are_kept():
    found = read_calls('<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call><tool_call>')
    assert found.calls == (F,)
    assert found.malformed


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'it\\'s'", "it's"),
        ('"a" "b"', "ab"),
        ("r'\\d'", "\\d"),
        ("'''x\ny'''", "x\ny"),
        ("-1_000", -1000),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("(1, 2)", [1, 2]),
        ("(1)", 1),
        ("(1,)", [1]),
        ("{'a': None, \"b\": true}", {"a": None, "b": True}),
        ("'\\u00e9\\x41\\101\\n\\q'", "\u00e9AA\n\\q"),
    ],
)
def test_python_literals(literal, value):
    assert same(read_calls(f"[f(a={literal})]").calls, [Call("f", {"a": value})])


PIECES = st.sampled_from(
    [
        "<tool_call>", "</tool_call>", "<function=", "f>", "<parameter=a>", "</parameter>", "</function>",
        "<|tool_call|>", "<|/tool_call|>", "<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "<start_function_call>", "call:f{",
        "<escape>",
        "<end_function_call>", "{", "}", "[", "]", "(", ")", '"', "'", "'''", "\\", "\\u", "d800", '{"name": "f", ',
        '"arguments": ', "{}", "f(", "a=", "1", "1e", "-", "NaN", ",", ";", ":", "```", "```json\n", "\n", " ", "\x00",
        "\ud800", "<think>", "</think>", "\u00e9", "9" * 400, "True", "x",
    ]
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=200))
@example("\ud800")
def test_any_text_is_read(text):
    found = read_calls(text)
    assert isinstance(found.malformed, str)
    for call in found.calls:
        call.name.encode()
        repr(call.arguments).encode()


LONG = [
    "<tool_call>", "<tool_call>{", "<function=", "<function=f>", "<parameter=a>", "[TOOL_CALLS]", "[", "{", '"', '\\"',
    "\\", "<|tool_call|>[", "<|python_tag|>", "<start_function_call>", "<start_function_call>call:f{", "<escape>",
    "```\n", "```json\n[", "f(", "f(a=", "'", "'''", "\n", " ", "a", "9", "</think>", "<think>", '{"a":', "f.", "1,",
    '{"name":"f","arguments":', "[f(a=1),", "\ud800", ";",
]  # fmt: skip
BEGUN = [
    "", "<tool_call>", '{"name": "f", "arguments": {"a": ', "[f(a=", '[f(a="', "<function=f>", "[f(a='''",
    "<start_function_call>call:f{a:",
]  # fmt: skip


@pytest.mark.parametrize("piece", LONG)
def test_a_long_hostile_text_is_read_soon(piece):
    for begun in BEGUN:
        text = begun + piece * (100_000 // len(piece))
        best = min(_seconds(text) for _ in range(3))
        assert best < 0.05, (begun, piece, best)


def _seconds(text):
    start = time.process_time()
    read_calls(text)
    return time.process_time() - start
