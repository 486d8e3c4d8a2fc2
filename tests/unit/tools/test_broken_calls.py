"""What readers of JSON and of Python differ on is no call: a name given twice, no number, nesting without end."""

import pytest

from secondthought.tools.calls import Call
from secondthought.tools.reading import read_calls

DEEP = "[" * 40 + "]" * 40


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('<tool_call>{"name": "f", "name": "g", "arguments": {}}</tool_call>', "name is given twice"),
        ('{"name": "f", "arguments": {"a": 1, "a": 1}}', "name is given twice"),
        ('{"name": "f", "arguments": {"a": {"k": 1, "k": 2}}}', "name is given twice"),
        ('{"name": "f", "arguments": "{\\"a\\": 1, \\"a\\": 2}"}', "name is given twice"),
        ('[TOOL_CALLS]f[ARGS]{"a": 1, "a": 2}', "name is given twice"),
        ("[f(a=1, a=2)]", "name is given twice"),
        ("[f(a={'k': 1, 'k': 2})]", "name is given twice"),
        ("<start_function_call>call:f{a:1,a:2}<end_function_call>", "name is given twice"),
        ("<function=f><parameter=a>1</parameter><parameter=a>2</parameter></function>", "name is given twice"),
        ('{"name": "f", "arguments": {"a": NaN}}', "NaN is no JSON"),
        ('{"name": "f", "arguments": {"a": [-Infinity]}}', "-Infinity is no JSON"),
        ('{"name": "f", "arguments": {"a": 1e999}}', "a number is too large"),
        ("[f(a=1e999)]", "a number is too large"),
        ("[f(a=-1e999)]", "a number is too large"),
        ("<start_function_call>call:f{a:NaN}<end_function_call>", "NaN is no JSON"),
        (f"[f(a=0x{'f' * 5000})]", "a number is too large"),
        (f'{{"name": "f", "arguments": {{"a": {DEEP}}}}}', "nested too deeply"),
        (f"[f(a={DEEP})]", "nested too deeply"),
        (f"<start_function_call>call:f{{a:{DEEP}}}<end_function_call>", "nested too deeply"),
        (f"[f(a={'-' * 40}1)]", "nested too deeply"),
        ("<function=f>", "a function's tag is broken"),
        ("<function=f><parameter=a>1</parameter>", "a function's tag is broken"),
        ("<function=f>1</function>", "a function's tag is broken"),
        ('<function=f>{"a": 1}', "a function's tag is broken"),
        ('<function=f>{"a": 1} so</function>', "a function's tag is broken"),
        ('<function=f>{"a": 1</function>', "the JSON is broken"),
        ("<|python_tag|>[f(a=1)] and more", "the Python call is broken"),
    ],
)
def test_it_is_malformed(text, why):
    found = read_calls(text)
    assert found.calls == ()
    assert why in found.malformed


def test_what_only_looks_like_it_is_read():
    deep = [[[[[[[[1]]]]]]]]
    assert read_calls('{"name": "f", "arguments": {"a": 1e308, "b": "NaN", "c": {"a": 1}}}').calls == (
        Call("f", {"a": 1e308, "b": "NaN", "c": {"a": 1}}),
    )
    assert read_calls(f"[f(a={deep}, b='{'[' * 99}', c={[1] * 99})]").calls == (
        Call("f", {"a": deep, "b": "[" * 99, "c": [1] * 99}),
    )
    assert read_calls('{"name": "f", "arguments": {"a": "' + "[" * 99 + '"}}').calls == (Call("f", {"a": "[" * 99}),)
