"""Calls of every dialect are read; what begins a call and is none is told; what a model writes is never run."""

from __future__ import annotations

import time

import hostile_calls
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import slowness

from secondthought.rng import stream
from secondthought.tools.calls import Call
from secondthought.tools.reading import read_calls

ONE = (Call("math.hypot", {"x": 3, "y": 4.5}),)
TWO = (*ONE, Call("say", {"text": "it's", "words": ["a", True, None], "where": {"k": 1}}))
FIRST = '{"name": "math.hypot", "arguments": {"x": 3, "y": 4.5}}'
SECOND = '{"name": "say", "arguments": {"text": "it\'s", "words": ["a", true, null], "where": {"k": 1}}}'
LLAMA = [text.replace("arguments", "parameters") for text in (FIRST, SECOND)]
PYTHON = "math.hypot(x=3, y=4.5), say(text=\"it's\", words=['a', True, None], where={'k': 1})"
QWEN_3_5 = (
    "<tool_call>\n<function=math.hypot>\n<parameter=x>\n3\n</parameter>\n<parameter=y>\n4.5\n</parameter>\n</function>\n"
    "</tool_call>\n<tool_call>\n<function=say>\n<parameter=text>\nit's\n</parameter>\n<parameter=words>\n"
    '["a", true, null]\n</parameter>\n<parameter=where>\n{"k": 1}\n</parameter>\n</function>\n</tool_call>'
)
GEMMA = (
    "<start_function_call>call:math.hypot{x:3,y:4.5}<end_function_call><start_function_call>"
    "call:say{text:<escape>it's<escape>,words:[<escape>a<escape>,true,null],where:{k:1}}<end_function_call>"
)
DIALECTS = {
    "tags": f"<tool_call>\n{FIRST}\n</tool_call>\n<tool_call>\n{SECOND}\n</tool_call>",
    "two in one tag": f"<tool_call>\n{FIRST}\n{SECOND}\n</tool_call>",
    "tags, the last not closed": f"<tool_call>{FIRST}</tool_call><tool_call>{SECOND}",
    "Qwen 3.5": QWEN_3_5,
    "Qwen 3.5 without its outer tag": QWEN_3_5.replace("<tool_call>", "").replace("</tool_call>", ""),
    "Llama": "; ".join(LLAMA),
    "Llama, python tag": f"<|python_tag|>{'; '.join(LLAMA)}<|eom_id|>",
    "Llama, python tag and Python": f"<|python_tag|>[{PYTHON}]",
    "Phi-4-mini": f"<|tool_call|>[{FIRST}, {SECOND}]<|/tool_call|>",
    "Granite 3": f"<|tool_call|>[{FIRST}, {SECOND}]",
    "Mistral": f"[TOOL_CALLS] [{FIRST}, {SECOND}]</s>",
    "Mistral, later": '[TOOL_CALLS]math.hypot[ARGS]{"x": 3, "y": 4.5}[TOOL_CALLS]say[ARGS]'
    + SECOND.partition('"arguments": ')[2].removesuffix("}"),
    "FunctionGemma": GEMMA,
    "Python": f"[{PYTHON}]",
    "Python in a fence": f"Here:\n```python\n[{PYTHON}]\n```\nDone.",
    "Python on a line of its own": f"I call:\n[{PYTHON}]\n",
    "JSON list": f"[{FIRST}, {SECOND}]",
    "JSON in a fence": f"Here:\n```json\n[{FIRST}, {SECOND}]\n```\nDone.",
    "JSON in two fences": f"```json\n{FIRST}\n```\nand\n```\n{SECOND}\n```",
    "JSON in words": f"I [first] looked, and now call: {FIRST}\n{SECOND} and that is all.",
    "after a thought": f"<think>\n<tool_call>{{</tool_call>\n</think>\n<tool_call>{FIRST}\n{SECOND}</tool_call>",
}


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
def test_each_dialect_is_read(text):
    found = read_calls(text)
    assert not found.malformed
    assert found.calls == TWO


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
def test_a_call_that_is_cut_is_malformed_or_less(text):
    for end in range(len(text)):
        found = read_calls(text[:end])
        assert not (found.malformed and found.calls)
        assert found.calls == () or found.calls == TWO[: len(found.calls)]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("f()", (Call("f", {}),)),
        ("f(x=-2)", (Call("f", {"x": -2}),)),
        ("f(x=(1, 2))", (Call("f", {"x": [1, 2]}),)),
        ("f(x=true, y=null)", (Call("f", {"x": True, "y": None}),)),
        ('<tool_call>{"name": "f"}</tool_call>', (Call("f", {}),)),
        ('{"name": "f", "arguments": "{\\"x\\": 1}"}', (Call("f", {"x": 1}),)),
        ('{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}', (Call("f", {"x": 1}),)),
    ],
)
def test_small_forms(text, calls):
    assert read_calls(text) == read_calls(f"  {text}\n")
    assert read_calls(text).calls == calls


@pytest.mark.parametrize(
    "text",
    [
        "",
        "None of the functions fits.",
        "I cannot (and will not) call a function.",
        "The set {1, 2} has [two] members.",
        '{"answer": 3}',
        "```\nx = 3\n```",
        "<think> I could write <tool_call>{} </tool_call>",
        "Use f(x) where x is 3.",
    ],
)
def test_words_call_nothing(text):
    assert read_calls(text).calls == ()
    assert not read_calls(text).malformed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<tool_call>", "a call needs a name"),
        ("<tool_call>f(x=1)</tool_call>", "the JSON is broken"),
        ('<tool_call>{"name": "f", "arguments": [1]}</tool_call>', "a call needs a name"),
        ('{"name": "f", "arguments": {"x": 1}', "the JSON is broken"),
        ('[{"name": "f"}, 3]', "a call needs a name"),
        ("[f(3)]", "the arguments of a call need names"),
        ("[f(x=g(1))]", "a value is no literal"),
        ("[f(x=9**9**9)]", "a value is no literal"),
        ("[f(x=__import__('os').system('true'))]", "a value is no literal"),
        ("f(**{'x': 1})", "the Python call is broken"),
        ("[f(x=1", "the Python call is broken"),
        ("<function=f><parameter=x>3</function>", "a parameter's tag is broken"),
        ("<start_function_call>call:f{x:<escape>a}", "a text is not closed"),
        ("<tool_call>" + f"{FIRST}\n" * 65, "more than 64 calls"),
        (f"<tool_call>{FIRST}</tool_call>" * 65, "more than 64 calls"),
    ],
)
def test_what_begins_a_call_and_is_none_is_told(text, why):
    found = read_calls(text)
    assert found.calls == ()
    assert why in found.malformed


@given(st.text(max_size=80) | st.text(alphabet="<tool_call>/{}[]()\"':,=f1 \n", max_size=80))
def test_any_text_is_read(text):
    found = read_calls(text)
    assert not (found.calls and found.malformed)
    for call in found.calls:
        assert isinstance(call.name, str)
        assert isinstance(call.arguments, dict)


@pytest.mark.parametrize("piece", hostile_calls.PIECES)
def test_no_piece_without_end_keeps_the_reader_busy(piece):
    rng = stream("busy", piece)
    for mark in ("", "<tool_call>", "<start_function_call>call:f{x:", "[f(x=", "```python\n", '[{"name": "f", "x":'):
        text = mark + piece * (200_000 // len(piece)) + rng.choice(hostile_calls.PIECES)
        assert is_read_soon(text, 2), (mark, piece[:20])


@pytest.mark.parametrize(
    "text",
    [
        ("<start_function_call>call:f{x:[" + "1," * 700 + "1]}<end_function_call>") * 64,
        ("<start_function_call>call:f{x:[" + ("[" + "1," * 400 + "1],") * 20 + "1]}<end_function_call>"),
        "<start_function_call>call:f{" + " " * 19_000,
        ("<function=f>" + "".join(f"<parameter=a{n}>1</parameter>" for n in range(60)) + "</function>") * 60,
        "<function=" * 10_000,
        "<function=" + " " * 90_000,
        '{"name": "f", "arguments": {' + ",".join(f'"a{n}": 1.5' for n in range(8000)) + "}}",
        '{"name":' * 10 + '{"a": [' + "1," * 45_000 + "<tool_call>",
        '\n{"name": [' * 9 + "1," * 45_000 + "<tool_call>",
        "[TOOL_CALLS]" + "a " * 49_000 + "[ARGS]",
        "<|python_tag|>[" + "f(x=1)," * 2800 + "]",
        "<|python_tag|>[" + "[TOOL_CALLS]" * 8000,
        "<think> " * 9000 + "</think>" * 1000,
    ],
    ids=lambda text: text[:30].strip(),
)
def test_what_takes_most_steps_is_read_soon(text):
    assert is_read_soon(text, 3)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(hostile_calls.PIECES), st.integers(1, 200)), max_size=8))
def test_pieces_of_dialects_in_any_order_are_read_soon(pieces):
    text = "".join(piece * times for piece, times in pieces)
    found = read_calls(text, [{"name": "f", "parameters": {"properties": {"x": {"type": "integer"}}}}])
    assert not (found.calls and found.malformed)
    assert is_read_soon(text, 4)


def is_read_soon(text, tries):
    """Measure how slow the machine is where the text took longer than it should on an ordinary one."""
    seconds = []
    while len(seconds) < tries and (not seconds or min(seconds) >= 0.05):
        seconds.append(timed(text))
    return min(seconds) < 0.05 or min(seconds) < 0.05 * slowness()


def timed(text):
    began = time.process_time()
    read_calls(text)
    return time.process_time() - began
