"""P and its gradient in place: each penalty's formulas in blocks of two spare ones, in
the order of operations of its class.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from refnet.blockwise import BLOCK, blocks
from refnet.checks import Array
from refnet.fast.written import as_written
from refnet.regularisers import L1, L2, ElasticNet, Penalty


class Block(NamedTuple):
    """A block of a theta and of its gradient, and as much spare memory twice."""

    theta: Array
    g: Array
    spare: Array
    other: Array


class Penalised(NamedTuple):
    """A W or b that is penalised, flat, and its blocks."""

    theta: Array
    blocks: list[Block]


# P of all that is penalised; P' is added to each g
PenaltyInto: TypeAlias = Callable[[Any, Sequence[Penalised]], float]


def penalised(penalty: Penalty, layers: Sequence[Any]) -> list[Penalised]:
    """Every W and b of these layers that is penalised, cut into blocks; a layer has W,
    b, dW and db.
    """
    dtype = layers[0].W.dtype
    spares = tuple(np.empty(BLOCK // dtype.itemsize, dtype) for _ in range(2))
    return [
        Penalised(theta.reshape(-1), list(_blocks(theta.reshape(-1), g.reshape(-1), spares)))
        for layer in layers
        for theta, g in ((layer.W, layer.dW), *[(layer.b, layer.db)] * penalty.biases)
        if theta is not None
    ]


def _blocks(theta: Array, g: Array, spares: tuple[Array, ...]) -> Iterator[Block]:
    for (theta_block, g_block), (spare, other) in zip(blocks(theta, g), repeat(spares)):
        n = theta_block.size
        yield Block(theta_block, g_block, spare[:n], other[:n])


def penalty_into(penalty: Penalty | None) -> PenaltyInto | None:
    """The form in place, where the penalty is as refnet wrote it."""
    return FORMS.get(type(penalty)) if penalty is not None and as_written(penalty) else None


def _l2(penalty: Any, arrays: Sequence[Penalised]) -> float:
    strength, total = penalty.strength, 0.0
    for theta, each in arrays:
        total += 0.5 * strength * theta.dot(theta).item()
        for theta_block, g, spare, _ in each:
            np.multiply(theta_block, strength, out=spare)
            np.add(g, spare, out=g)
    return total


def _l1(penalty: Any, arrays: Sequence[Penalised]) -> float:
    strength, total = penalty.strength, 0.0
    for _, each in arrays:
        sizes = 0.0
        for theta_block, g, spare, _ in each:
            np.sign(theta_block, out=spare)
            sizes += spare.dot(theta_block).item()  # |theta| = sign(theta) theta
            np.multiply(spare, strength, out=spare)
            np.add(g, spare, out=g)
        total += strength * sizes
    return total


def _elastic_net(penalty: Any, arrays: Sequence[Penalised]) -> float:
    l1, l2, total = penalty.l1, penalty.l2, 0.0
    for theta, each in arrays:
        sizes = 0.0
        for theta_block, g, spare, other in each:
            np.sign(theta_block, out=spare)
            sizes += spare.dot(theta_block).item()  # |theta| = sign(theta) theta
            np.multiply(spare, l1, out=spare)
            np.multiply(theta_block, l2, out=other)
            np.add(spare, other, out=spare)
            np.add(g, spare, out=g)
        total += l1 * sizes + 0.5 * l2 * theta.dot(theta).item()
    return total


FORMS: dict[type[Penalty], PenaltyInto] = {L2: _l2, L1: _l1, ElasticNet: _elastic_net}
