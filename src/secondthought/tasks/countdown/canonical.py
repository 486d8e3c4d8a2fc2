"""The canonical form of an expression, shared by those that differ only by commutativity and associativity.

A node is a number, a sum of signed terms, or a product of factors and divisors; sums never hold sums and products never
hold products, so two expressions have the same node exactly if flattening and sorting makes them equal.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from secondthought.tasks.expressions import Operator

Node: TypeAlias = tuple[int, Any]
"""`(0, number)`, `(1, ((sign, node), ...))` for a sum, `(2, ((power, node), ...))` for a product; parts sorted."""

_LEAF, _SUM, _PRODUCT = 0, 1, 2


def leaf(number: int) -> Node:
    """Return the node of a number."""
    return _LEAF, number


def join(left: Node, operator: Operator, right: Node) -> Node:
    """Return the node of `left operator right`."""
    kind = _SUM if operator in "+-" else _PRODUCT
    flip = -1 if operator in "-/" else 1
    # Positive parts sort first, so that a rendered sum or product never starts with - or /.
    parts = [*_parts(left, kind, 1), *_parts(right, kind, flip)]
    return kind, tuple(sorted(parts, key=lambda part: (-part[0], part[1])))


def render(node: Node) -> str:
    """Write the expression in ASCII, with as few brackets as its form allows.

    >>> render(join(leaf(8), "-", join(leaf(3), "-", leaf(1))))
    '1 + 8 - 3'
    """
    kind, content = node
    if kind == _LEAF:
        return str(content)
    signs = {1: " + ", -1: " - "} if kind == _SUM else {1: " * ", -1: " / "}
    text = ""
    for sign, part in content:
        inner = render(part)
        text += signs[sign] + (f"({inner})" if kind == _PRODUCT and part[0] == _SUM else inner)
    return text[3:]


def _parts(node: Node, kind: int, sign: int) -> list[tuple[int, Node]]:
    if node[0] != kind:
        return [(sign, node)]
    return [(sign * part_sign, part) for part_sign, part in node[1]]
