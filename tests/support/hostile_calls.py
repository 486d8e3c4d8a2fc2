"""Completions that nobody should write: pieces of every dialect of calls, at random, some of them endless."""

from __future__ import annotations

from random import Random

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
LONG = 4000
"""How often a piece is repeated in the completions that are long, at most."""


def completion(rng: Random) -> str:
    """Return one completion; one in two hundred is long."""
    kind = rng.random()
    if kind < 0.005:
        piece = "".join(rng.choices(PIECES, k=rng.randint(1, 3)))
        return rng.choice(PIECES) + piece * rng.randint(1, LONG) + rng.choice(PIECES)
    if kind < 0.5:
        return "<tool_call>" + "".join(rng.choices(PIECES, k=rng.randint(0, 12))) + rng.choice(("</tool_call>", ""))
    return "".join(rng.choices(PIECES, k=rng.randint(0, 20)))


def cut_and_mixed(rng: Random, text: str) -> str:
    """Return a right completion with a piece cut out, doubled or put in."""
    start, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    middle = rng.choice(("", text[start:end] * 2, rng.choice(PIECES), rng.choice(PIECES) + text[start:end]))
    return text[:start] + middle + text[end:]
