"""No Python source keeps the reader busy, breaks it, or is read as what it does not say; its depth is bounded."""

import ast
import subprocess
import sys
import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_calls import CALLS, same

from secondthought.tools.calls import Call, Unwritable
from secondthought.tools.reading import python_calls, read_calls
from secondthought.tools.reading.broken import BrokenCallError
from secondthought.tools.reading.python_nesting import require_shallow
from secondthought.tools.writing import write_calls

BEGUN = ["[f(x=", "f(x=", "[f(x={'a':", "[f(", "[f(x='", "[f(x=1), ", "["]
PIECES = [
    "(", "[", "{", "{0:", "{'a':", "f(", "f()(", "a[", "a.", "-", "~", "not ", "not(", "lambda:", "lambda x=", "await ",
    "1+", "1*", "1if 1else ", "''if''else", "()or", "1or ", "[1]if", "f'{", "f'", "rf'{", "'a'", "''", "'", '"', "'''",
    '"""', "\\", "\\\n", "#", "#\n", "\n", "\r", "\f", " ", "\t", "\0", "\ud800", "\u0663", "\u2028", "*", "**", "**{",
    "(x:=", "1<", "1,", "9", "9" * 400, "0x", "0x1e-", "1e9", "1e-", "1e", "1_", "1j", "b'a'", "'\\N{", "'\\x", "=",
    "x=", "x=1,", ":", ";", "yield ", "[x for x in ", "...", "$", "@", "!", "0 0", "None", ")", "]", "}", ")]",
    "'a':1,",
]  # fmt: skip
NESTED = [
    ("[", "]"), ("(", ")"), ("{'a':", "}"), ("f(a=", ")"), ("a[", "]"), ("[-", "]"), ("[-----------", "]"), ("-", ""),
    ("not ", ""), ("lambda:", ""), ("1+", ""), ("1**", ""), ("1 if 1 else ", ""), ("a.", ""), ("", "()"), ("", "[0]"),
    ("", ".a"), ("''or", ""), ("", "if(1)else(1)"),
]  # fmt: skip
PROBE = """
import sys, threading
from secondthought.tools.reading import read_calls
threading.stack_size(160 * 1024)
sources = open(sys.argv[1], encoding="utf-8", errors="surrogatepass").read().split("\\x1e")
found = []
reader = threading.Thread(target=lambda: found.extend(map(read_calls, sources)))
reader.start(), reader.join()
print(len(found), sum(bool(reading.calls) for reading in found))
"""


def seconds(text):
    began = time.process_time()
    read_calls(text)
    return time.process_time() - began


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_source_is_read_soon(piece):
    for begun in BEGUN:
        for length in (200, 19_990):
            text = begun + piece * ((length - len(begun)) // len(piece)) + ")]"
            assert min(seconds(text) for _ in range(2)) < 0.05, (begun, piece, length)


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(BEGUN), st.lists(st.sampled_from(PIECES), max_size=12), st.integers(1, 40))
def test_any_source_is_read(begun, pieces, times):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_calls(begun + "".join(pieces) * times + ")]")
    assert not (found.calls and found.malformed)
    for call in found.calls:
        assert isinstance(call.name, str)
        str(call.arguments)  # an integer that Python does not write in digits would raise


@settings(max_examples=100, deadline=None)
@given(CALLS)
def test_what_is_refused_for_its_nesting_is_no_call(calls):
    try:
        require_shallow(write_calls(calls, "python"))
    except Unwritable:
        return


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=10), st.integers(1, 60))
def test_what_passes_is_shallow(pieces, times):
    """The oracle is Python's own tree, where its parser gets that far: no deeper than brackets and signs make it."""
    source = f"[f(x={''.join(pieces) * times})]"
    try:
        require_shallow(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, mode="eval")
    except (BrokenCallError, SyntaxError, ValueError, MemoryError):
        return
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    assert depth < 34 * 14


@pytest.mark.parametrize(("begun", "ends"), NESTED)
def test_a_small_stack_suffices(tmp_path, begun, ends):
    """Python's parser alone ends the process on most of these, in a thread as small as some systems have them."""
    sources = [f"[f(x={begun * times}1{ends * times})]" for times in (1, 8, 20, 31, 60, 95, 190, 1000, 2400)]
    sources += [f"[f(x=f'{{{begun * times}1{ends * times}}}')]" for times in (31, 95, 190, 1000)]
    path = tmp_path / "sources"
    path.write_text("\x1e".join([*sources, "[f(x=[[[[{'a': -1}]]]])]"]), "utf-8")
    done = subprocess.run([sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    read, with_calls = map(int, done.stdout.split())
    assert read == len(sources) + 1
    assert with_calls >= 1


@pytest.mark.parametrize(
    "value",
    ["lambda:1", "not 1", "1 if 2 else 3", "f'{1}'", "rf'{1}'", "''.join(())", "f()()", "a[0]", "1+1", "~1", "b'x'",
     "1j", "...", "{1}", "{1: 2}", "{**{}}", "[*()]", "[x for x in ()]", "(x:=1)", "a.b", "9**9**9", "x"],
)  # fmt: skip
def test_what_is_no_literal_is_no_value(value):
    found = read_calls(f"[f(x={value})]")
    assert found.calls == ()
    assert "no literal" in found.malformed or "broken" in found.malformed


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("'it\\'s'", "it's"),
        ('"a" "b"', "ab"),
        ("('a'\n 'b')", "ab"),
        ("r'\\d'", "\\d"),
        ("'''x\ny'''", "x\ny"),
        ("-1_000", -1000),
        ("-1.5e-3", -0.0015),
        (".5", 0.5),
        ("0x1F", 31),
        ("(1)", 1),
        ("(1,)", [1]),
        ("[1, # one\n 2]", [1, 2]),
        ("'# not a comment'", "# not a comment"),
        ("'(((((((' ", "((((((("),
        ("{'a': None, \"b\": true}", {"a": None, "b": True}),
        ("'\\u00e9\\x41\\n\\q'", "\u00e9A\n\\q"),
    ],
)
def test_literals_are_read(value, read):
    assert same(read_calls(f"[f(a={value})]").calls, [Call("f", {"a": read})])


def test_a_long_text_is_a_value_and_a_longer_source_is_none():
    assert read_calls(f"[f(a='{'(' * 19_000}')]").calls == (Call("f", {"a": "(" * 19_000}),)
    with pytest.raises(BrokenCallError, match="is broken"):
        python_calls.calls_in(f"[f(a='{'x' * 20_000}')]")
