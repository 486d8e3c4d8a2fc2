"""Ways to combine three numbers in two operations, as the corpus writes them: the larger operand always first.

Only whole results from 0 to 200 occur, since those are one token each; a few problems have no such solution and are
never solved in the corpus.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeAlias

from secondthought.organisms.tokenizer import LARGEST_NUMBER
from secondthought.tasks.expressions import Operator

Triple: TypeAlias = tuple[int, int, int]


class Move(NamedTuple):
    """One operation and what it is said to give."""

    a: int
    operator: Operator
    b: int
    result: int

    @property
    def text(self) -> str:
        """The operation without its result."""
        return f"{self.a}{self.operator}{self.b}"

    @property
    def working(self) -> str:
        """The operation with its result."""
        return f"{self.text}={self.result}"


class Line(NamedTuple):
    """A first move, the number left over, and every second move; `finishes` is never empty."""

    first: Move
    rest: int
    finishes: tuple[Move, ...]

    def hits(self, target: int) -> tuple[Move, ...]:
        """The second moves that give the target."""
        return tuple(move for move in self.finishes if move.result == target)

    def nearest(self, target: int) -> Move:
        """The second move that comes nearest to the target, the first of equals."""
        return min(self.finishes, key=lambda move: abs(move.result - target))


def moves(x: int, y: int) -> tuple[Move, ...]:
    """The operations on two numbers that stay whole, not negative and small.

    >>> [move.working for move in moves(3, 12)]
    ['12+3=15', '12-3=9', '12*3=36', '12/3=4']
    """
    a, b = max(x, y), min(x, y)
    found = [Move(a, "+", b, a + b), Move(a, "-", b, a - b), Move(a, "*", b, a * b)]
    if b and a % b == 0:
        found.append(Move(a, "/", b, a // b))
    return tuple(move for move in found if move.result <= LARGEST_NUMBER)


@lru_cache(maxsize=8192)
def lines(numbers: Triple) -> tuple[Line, ...]:
    """Every line of play, each once.

    >>> len(lines((3, 7, 8))), len(lines((2, 2, 2)))
    (9, 4)
    """
    x, y, z = numbers
    found = {
        Line(first, rest, moves(first.result, rest))
        for pair, rest in (((x, y), z), ((x, z), y), ((y, z), x))
        for first in moves(*pair)
    }
    return tuple(sorted(line for line in found if line.finishes))


def answer(first: Move, second: Move) -> str:
    """The two moves as one expression, with brackets only where they are needed.

    >>> answer(Move(8, "-", 3, 5), Move(9, "-", 5, 4)), answer(Move(8, "-", 3, 5), Move(7, "*", 5, 35))
    ('9-(8-3)', '7*(8-3)')
    """
    is_left = second.a == first.result
    weak, strong = first.operator in "+-", second.operator in "*/"
    needs = strong and weak if is_left else (strong and weak) or second.operator == "/" or second.operator == "-"
    inner = f"({first.text})" if needs and not (second.operator == "-" and not weak) else first.text
    return f"{inner}{second.operator}{second.b}" if is_left else f"{second.a}{second.operator}{inner}"


def attempt(*played: Move, expression: str) -> str:
    """The text of a try: the working, then the answer."""
    return f"{','.join(move.working for move in played)}<answer>{expression}</answer>"
