"""Countdown played move by move: operations on whole numbers, lines of play, and the expression that a line makes.

Only whole results within given bounds occur, from 1 unless 0 is allowed, and the larger operand stands first: what
people do in their heads. A problem whose every solution needs a fraction or a negative number has no line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from secondthought.tasks.expressions import Operator

Numbers: TypeAlias = tuple[int, ...]
Tree: TypeAlias = "int | tuple[Tree, Operator, Tree]"
"""A number, or an operation on two trees."""

_STRONG = ("*", "/")


class Move(NamedTuple):
    """A `Move` is one operation and the result that it is said to give."""

    a: int
    operator: Operator
    b: int
    result: int

    @property
    def text(self) -> str:
        """Return the operation without its result."""
        return f"{self.a}{self.operator}{self.b}"

    @property
    def working(self) -> str:
        """Return the operation with its result."""
        return f"{self.text}={self.result}"


LineOfPlay: TypeAlias = tuple[Move, ...]
"""Moves in the order they are made; complete if one number is left after them."""


@lru_cache(maxsize=1 << 16)
def moves(x: int, y: int, largest: int, *, smallest: int = 1) -> LineOfPlay:
    """Return the operations on two numbers with a whole result from `smallest` to `largest`.

    >>> [move.working for move in moves(3, 12, 200)]
    ['12+3=15', '12-3=9', '12*3=36', '12/3=4']
    """
    a, b = max(x, y), min(x, y)
    found = [Move(a, "+", b, a + b), Move(a, "-", b, a - b), Move(a, "*", b, a * b)]
    if b and a % b == 0:
        found.append(Move(a, "/", b, a // b))
    return tuple(move for move in found if smallest <= move.result <= largest)


def left_after(pool: Sequence[int], move: Move) -> Numbers:
    """Return what is left of the numbers after a move; its result stands last.

    >>> left_after((3, 7, 12), Move(12, "/", 3, 4))
    (7, 4)
    """
    rest = list(pool)
    rest.remove(move.a)
    rest.remove(move.b)
    return (*rest, move.result)


@lru_cache(maxsize=1 << 14)  # a search plays on from the same few pools again and again
def choices(pool: Numbers, largest: int, *, chained: bool = False, smallest: int = 1) -> LineOfPlay:
    """Return the moves on a pool, each once; `chained` takes only those that use the number that stands last."""
    last = len(pool) - 1
    pairs = {
        (min(pool[i], pool[j]), max(pool[i], pool[j]))
        for j in range(1, len(pool))
        for i in range(j)
        if not chained or j == last
    }
    return tuple(move for pair in sorted(pairs) for move in moves(*pair, largest, smallest=smallest))


@lru_cache(maxsize=4096)
def solutions(numbers: Numbers, target: int, largest: int, chained: bool = False) -> tuple[LineOfPlay, ...]:
    """Return every clear line that makes the target of all the numbers.

    Args:
        numbers: what there is.
        target: the result of the last move.
        largest: bound on every result.
        chained: only lines whose every move after the first uses the result of the one before.

    >>> len(solutions((2, 3, 4), 24, 200)), solutions((2, 3, 4), 24, 200)[0][-1].working
    (3, '6*4=24')
    """
    found = _lines(numbers, target, largest, chained, False)
    return tuple(line for line in found if is_clear(line, numbers, target))


def _lines(pool: Numbers, target: int, largest: int, chained: bool, begun: bool) -> Iterator[LineOfPlay]:
    if len(pool) == 2:
        yield from ((move,) for move in moves(*pool, largest) if move.result == target)
        return
    for move in choices(pool, largest, chained=chained and begun):
        if move.result != target:
            for rest in _lines(left_after(pool, move), target, largest, chained, True):
                yield (move, *rest)


def is_clear(line: LineOfPlay, numbers: Numbers, target: int) -> bool:
    """Return True if the numbers alone tell which of them each move uses.

    No result on the way is then the target, a given number or an earlier result.

    >>> is_clear((Move(8, "-", 5, 3), Move(7, "+", 3, 10)), (5, 7, 8), 24)
    True
    >>> is_clear((Move(8, "-", 3, 5), Move(5, "*", 5, 25)), (3, 5, 8), 24)
    False
    """
    known = {target, *numbers}
    for move in line[:-1]:
        if move.result in known:
            return False
        known.add(move.result)
    return True


def tree(line: LineOfPlay) -> Tree:
    """Return the expression that a line makes: results of earlier moves are replaced by what they were made of.

    >>> bracketed(tree((Move(8, "*", 3, 24), Move(24, "+", 7, 31), Move(31, "-", 2, 29))))
    '((8*3)+7)-2'
    """
    made: list[tuple[int, Tree]] = []
    node: Tree = 0
    for move in line:
        node = (_operand(made, move.a), move.operator, _operand(made, move.b))
        made.append((move.result, node))
    return node


def bracketed(node: Tree) -> str:
    """Return the expression with brackets around every inner operation, without blanks."""
    if isinstance(node, int):
        return str(node)
    left, operator, right = (part if isinstance(part, str | int) else f"({bracketed(part)})" for part in node)
    return f"{left}{operator}{right}"


def plain(node: Tree, *, blank: str = " ") -> str:
    """Return the expression with only the brackets that it needs, and `blank` around each operator.

    >>> plain((9, "-", ((8, "*", 3), "-", (7, "+", 2))))
    '9 - (8 * 3 - (7 + 2))'
    """
    if isinstance(node, int):
        return str(node)
    left, operator, right = node
    before, after = _inner(left, operator, blank, is_right=False), _inner(right, operator, blank, is_right=True)
    return f"{before}{blank}{operator}{blank}{after}"


def _inner(node: Tree, outer: Operator, blank: str, *, is_right: bool) -> str:
    text = plain(node, blank=blank)
    if isinstance(node, int):
        return text
    weaker = outer in _STRONG and node[1] not in _STRONG
    same_rank = (outer in _STRONG) == (node[1] in _STRONG)
    return f"({text})" if weaker or (is_right and outer in "-/" and same_rank) else text


def _operand(made: list[tuple[int, Tree]], value: int) -> Tree:
    """Return the latest result of that value that is still unused, or the number itself."""
    for place in range(len(made) - 1, -1, -1):
        if made[place][0] == value:
            return made.pop(place)[1]
    return value
