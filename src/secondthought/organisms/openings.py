"""Three numbers in two moves, as the corpus writes them: every first move, and the second moves that can follow it.

Results from 0 to 200 occur, since each of those is one token; a few problems have no such solution and are never solved
in the corpus.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeAlias

from secondthought.organisms.tokenizer import LARGEST_NUMBER
from secondthought.tasks.countdown.writing.moves import Move, choices, left_after, moves, plain, tree

Triple: TypeAlias = tuple[int, int, int]


class Opening(NamedTuple):
    """An `Opening` holds a first move, the number left over, and every second move; `finishes` is never empty."""

    first: Move
    rest: int
    finishes: tuple[Move, ...]

    def hits(self, target: int) -> tuple[Move, ...]:
        """Return the second moves that give the target."""
        return tuple(move for move in self.finishes if move.result == target)

    def nearest(self, target: int) -> Move:
        """Return the second move that comes nearest to the target, the first of equals."""
        return min(self.finishes, key=lambda move: abs(move.result - target))


@lru_cache(maxsize=8192)
def openings(numbers: Triple) -> tuple[Opening, ...]:
    """Return every opening of three numbers, each once.

    >>> len(openings((3, 7, 8))), len(openings((2, 2, 2)))
    (9, 4)
    """
    found = []
    for first in choices(numbers, LARGEST_NUMBER, smallest=0):
        rest = left_after(numbers, first)[0]
        found.append(Opening(first, rest, second_moves(first, rest)))
    return tuple(sorted(opening for opening in found if opening.finishes))


def second_moves(first: Move, rest: int) -> tuple[Move, ...]:
    """Return the moves on a first move's result, right or wrong, and the number left over."""
    return moves(first.result, rest, LARGEST_NUMBER, smallest=0)


def try_text(*played: Move) -> str:
    """Return the text of a try: the working, then the moves as one expression, marked as the answer.

    >>> try_text(Move(8, "-", 3, 5), Move(9, "-", 5, 4))
    '8-3=5,9-5=4<answer>9-(8-3)</answer>'
    """
    return f"{','.join(move.working for move in played)}<answer>{plain(tree(played), blank='')}</answer>"
