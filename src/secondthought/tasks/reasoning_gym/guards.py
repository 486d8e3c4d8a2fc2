"""Some scorers of reasoning-gym evaluate what a model answered: what could be a program does not reach them."""

from __future__ import annotations

import re

LITERAL = frozenset({"binary_matrix", "n_queens", "spiral_matrix", "string_insertion"})
"""Data sets whose scorer calls `eval` on the answer, in the hope of a list; `ast.literal_eval` reads those."""
BY_TEXT = frozenset({"game_of_life_halting"})
"""Data sets whose scorer takes what is no answer for right (0.1.25); the answer's own text is asked for instead."""
_FUNCTIONS = "sin cos tan sec csc cot asin acos atan sinh cosh tanh exp log ln sqrt pi Abs"
_FORMULA = re.compile(
    rf"(?:\d+(?:\.\d+)?|(?<![A-Za-z])(?:[A-Za-z]|{'|'.join(_FUNCTIONS.split())})(?![A-Za-z])|[-+*/^(), ])*+"
)
_SUM = re.compile(r"(?:\d+(?:\.\d+)?|[-+*/() ])*+")
_PARSED = {
    "countdown": _SUM,
    "puzzle24": _SUM,
    "intermediate_integration": _FORMULA,
    "polynomial_multiplication": _FORMULA,
    "simple_integration": _FORMULA,
}
"""Data sets whose scorer gives the answer to `sympy.parse_expr`, which evaluates it as Python."""
_LONGEST = 1000
"""Characters of a formula that is evaluated."""


def is_harmless(name: str, said: str) -> bool:
    """Tell whether a data set's scorer may see an answer.

    >>> is_harmless("countdown", "(3 + 4) * 7"), is_harmless("countdown", "__import__('os').system('true')")
    (True, False)
    >>> is_harmless("simple_integration", "x**2/2 + sin(x) + C"), is_harmless("simple_integration", "x.func")
    (True, False)
    """
    pattern = _PARSED.get(name)
    return pattern is None or (len(said) <= _LONGEST and pattern.fullmatch(said) is not None)
