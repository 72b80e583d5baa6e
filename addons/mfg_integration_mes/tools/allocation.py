"""Sharing out what was consumed among the lines that planned it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

Part: TypeAlias = tuple[str, Decimal]
"""(lot or "", quantity)"""


def allocate(parts: Sequence[Part], demands: Sequence[Decimal]) -> list[list[Part]]:
    """Fill the demands one after the other; what is left over goes to the last.

    :param parts: what was consumed, per lot
    :param demands: planned quantities, at least one
    :return: parts per demand; their sum is exactly the sum of ``parts``

    >>> allocate([("L1", Decimal(3)), ("L2", Decimal(4))], [Decimal(5), Decimal(1)])
    [[('L1', Decimal('3')), ('L2', Decimal('2'))], [('L2', Decimal('2'))]]
    """
    shares: list[list[Part]] = [[] for _ in demands]
    last = len(demands) - 1
    index, room = 0, demands[0]
    for lot, quantity in parts:
        rest = quantity
        while rest > 0:
            if room <= 0 and index < last:
                index += 1
                room = demands[index]
                continue
            taken = rest if index == last else min(rest, room)
            shares[index].append((lot, taken))
            rest -= taken
            room -= taken
    return shares
