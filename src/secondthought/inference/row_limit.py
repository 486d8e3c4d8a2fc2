"""How many rows run at once: as many as make a step cheaper a row, and no more.

On a CPU a step of many rows takes as long as its products; beyond some rows a further one saves nothing. It then only
takes memory, and all rows end late: nothing is written down, and nobody sees how far they are.
"""

from __future__ import annotations

MOST_ROWS = 1024
"""Rows that run at once at most."""
FEWEST_ROWS = 64
"""Rows that run at once in a model of any size: below, reading the weights costs more than the products."""
CPU_PRODUCTS = 2**37
"""Multiplications of one step on a CPU, about. A model of 630 million parameters samples 64, 128 and 256 rows at 113,
120 and 123 tokens/s of one thread (docs/lab-log.md)."""


def most_rows(parameters: int, *, on_cpu: bool) -> int:
    """Return how many rows of a model of so many parameters run at once.

    >>> most_rows(630_000_000, on_cpu=True), most_rows(630_000_000, on_cpu=False), most_rows(500_000, on_cpu=True)
    (218, 1024, 1024)
    """
    return max(FEWEST_ROWS, min(MOST_ROWS, CPU_PRODUCTS // max(1, parameters))) if on_cpu else MOST_ROWS
