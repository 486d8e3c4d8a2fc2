"""Completions that nobody should write: pieces put together at random, some of them endless, and right ones damaged."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

LONG = 4000
"""How often a piece is repeated in the completions that are long, at most."""
ANSWERS = (
    *(
        "<answer>",
        "</answer>",
        "<think>",
        "</think>",
        "\\boxed{",
        "}",
        "####",
        "The answer is ",
        "**",
        "$",
        "```",
        "\n",
        " ",
    ),
    *(
        "(A)",
        "B",
        "j",
        "1",
        "42",
        "-7",
        "3.50",
        "1,000",
        "1.000,5",
        "9" * 400,
        "1e999",
        "-0",
        "\u0663",
        "\uff17",
        "\u00bd",
    ),
    *("+", "-", "*", "/", "=", "^", "**", "//", "%", "(", ")", "[", "]", ",", ".", ":", "\u2212", "\u00d7", "\u00f7"),
    *(
        "__import__('os').system('true')",
        "9**9**9",
        "lambda: 0",
        "NaN",
        "inf",
        "None",
        "\0",
        "\ud800",
        "\u202e",
        "\u200b",
    ),
)
"""Pieces of answers to sums, choices and word problems."""
FORMULAS = (
    *(
        "\\boxed{",
        "}",
        "{",
        "$",
        "$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\frac{1}{2}",
        "\\frac",
        "\\dfrac{",
        "\\sqrt{",
        "\\sqrt[3]{2}",
    ),
    *(
        "^{9999999}",
        "_{1}",
        "9^{9^{9}}",
        "x",
        "y",
        "\\pi",
        "\\infty",
        "\\theta",
        "e^{x}",
        "\\sin",
        "\\log_2",
        "!",
        "99999!",
        "(x+1)^{500}",
    ),
    *(
        "\\begin{pmatrix}",
        "\\end{pmatrix}",
        "&",
        "\\\\",
        "\\text{",
        "\\left(",
        "\\right)",
        "\\cup",
        "[0, 1)",
        "\\le",
        "\\in",
        "\\{1, 2",
    ),
    *(
        "\\int_0^1",
        "\\sum_{n=1}^{\\infty}",
        "\\lim_{x \\to 0}",
        "\\prod",
        "\\binom{9999}{500}",
        "\\%",
        "\\circ",
        "0.5",
        "1/2",
        "\u00bd",
    ),
    *(
        ",",
        ";",
        "=",
        "+",
        "-",
        " ",
        "\n",
        "9" * 300,
        "\0",
        "\ud800",
        "\\input{/etc/passwd}",
        "\\def\\x{\\x\\x}\\x",
        "__import__('os')",
    ),
)
"""Pieces of formulas."""
JSON = (
    *(
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        '"',
        "\\",
        '"name"',
        '"age"',
        '"Ann"',
        "30",
        "-30",
        "1e999",
        "NaN",
        "Infinity",
        "true",
        "null",
    ),
    *(
        "```json\n",
        "```",
        "<answer>",
        "</answer>",
        "\n",
        " ",
        '{"name": "Ann", "age": 30}',
        '{"$ref": "#"}',
        '{"__proto__": {}}',
    ),
    *("\\ud83d", "\\u0000", "\0", "\ud800", "9" * 5000, "[" * 50, '{"a":' * 50, "//", "/*", "'", "0x1F", "+1", ".5"),
)
"""Pieces of JSON."""


def completion(rng: Random, pieces: Sequence[str], opening: str = "<answer>", closing: str = "</answer>") -> str:
    """Return one completion of such pieces; one in two hundred is long, and half are inside marks."""
    kind = rng.random()
    if kind < 0.005:
        piece = "".join(rng.choices(pieces, k=rng.randint(1, 3)))
        return rng.choice(pieces) + piece * rng.randint(1, LONG) + rng.choice(pieces)
    if kind < 0.5:
        return opening + "".join(rng.choices(pieces, k=rng.randint(0, 12))) + rng.choice((closing, ""))
    return "".join(rng.choices(pieces, k=rng.randint(0, 20)))


def cut_and_mixed(rng: Random, text: str, pieces: Sequence[str]) -> str:
    """Return a right completion with a piece cut out, doubled or put in."""
    start, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    middle = rng.choice(("", text[start:end] * 2, rng.choice(pieces), rng.choice(pieces) + text[start:end]))
    return text[:start] + middle + text[end:]
