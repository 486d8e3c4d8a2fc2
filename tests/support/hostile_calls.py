"""Completions that nobody should write: pieces of every dialect of calls, at random, some of them endless."""

from __future__ import annotations

from random import Random

import hostile_texts

PIECES = (
    "<tool_call>",
    "</tool_call>",
    "<tools>",
    "<function=f>",
    "</function>",
    "<parameter=x>",
    "</parameter>",
    "[TOOL_CALLS]",
    "<|tool_call|>",
    "<|python_tag|>",
    "<start_function_call>call:f{",
    "<end_function_call>",
    "<escape>",
    "<think>",
    "</think>",
    "```json\n",
    "```",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    '"',
    "'",
    "\\",
    "=",
    '{"name": "get_weather", "arguments": {"city": "Oslo"}}',
    '{"name": "get_weather", "parameters": ',
    '"arguments": ',
    "get_weather(city='Oslo')",
    "math.hypot(3, 4)",
    "__import__('os').system('true')",
    "lambda: 9**9**9",
    "9" * 400,
    "1e999",
    "-Infinity",
    "NaN",
    "0x1F",
    "true",
    "null",
    "None",
    "\0",
    "\ud800",
    "\u0663",
    "\u202e",
    "\uff5b",
    "\\ud83d",
    "\\u0000",
    " ",
    "\n",
    "a",
    "#",
    '"""',
    'f"{x}"',
    "*args",
    "**{}",
    "x" * 200,
)


def completion(rng: Random) -> str:
    """Return one completion; one in two hundred is long."""
    return hostile_texts.completion(rng, PIECES, "<tool_call>", "</tool_call>")


def cut_and_mixed(rng: Random, text: str) -> str:
    """Return a right completion with a piece cut out, doubled or put in."""
    return hostile_texts.cut_and_mixed(rng, text, PIECES)
