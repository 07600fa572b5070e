"""How sharp the proof is where sums are long: wide layers for the power, and whether
factors in a coarser format are recognised, and which.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from parity.proof.certificate import judge
from parity.proof.statements import Statement, statements
from parity.rounding.formats import FORMATS
from parity.rounding.precision import PRECISIONS, Precision, coarser
from parity.steps.cases import DTYPES
from parity.steps.record import StepRecord, record_refnet
from refnet import SGD, mlp
from refnet.checks import Array

EVERY = 20  # random networks for each wide one, whose sums take as long as all of theirs
NARROW, *WIDE = INPUTS = (64, 1024, 4096)
UNITS, BATCH = 32, 16


def wide_record(seed: int, number: int, inputs: int, dtype: str) -> StepRecord:
    """A step of network `number` with so many inputs, 32 hidden units, 10 classes and
    16 samples. Both dtypes get the same numbers, rounded.
    """
    rng = np.random.default_rng([seed, number, inputs])
    x = rng.normal(size=(BATCH, inputs)).astype(dtype)
    sizes = (inputs, UNITS, 10)
    net = mlp(sizes, "tanh", "identity", seed=int(rng.integers(2**32)), dtype=dtype)
    return record_refnet(net, x, rng.integers(0, 10, BATCH), "softmax_cross_entropy", SGD())


def weighted_input(record: StepRecord) -> Statement:
    """The statement about z of layer 1, the longest sum."""
    return next(statements(record))


def with_factors(record: StepRecord, precision: Precision) -> Array:
    """z of layer 1 by a product of factors in this precision, summed up in the record's
    dtype. Shapes: (n, fan_out).
    """
    W, b = record.before.W[0], record.before.b[0]
    return precision.rounded(record.x) @ precision.rounded(W).T + b


@dataclass(frozen=True)
class Recognised:
    """In how many networks with so many inputs the factors of z are named, where they
    are in this precision.
    """

    precision: Precision
    dtype: str
    inputs: int
    named: int
    nets: int

    def __str__(self) -> str:
        return f"{self.inputs:,}: {self.named} of {self.nets}"

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        way = "cut" if self.precision.cut else "rounded"
        factors = {"factors": self.precision.name, "way": way}
        return {**factors, "dtype": self.dtype, "inputs": self.inputs, "named": self.named}


def wide_nets(nets: int) -> int:
    """How many wide networks there are beside so many others."""
    return -(-nets // EVERY)


def recognised(nets: int, seed: int) -> Iterator[Recognised]:
    """Every coarser precision of each dtype, at every width."""
    for dtype, inputs in product(DTYPES, INPUTS):
        records = [wide_record(seed, number, inputs, dtype) for number in range(nets)]
        each = [(record, weighted_input(record)) for record in records]
        for precision in coarser(FORMATS[dtype]):
            named = sum(_is_named(*one, precision) for one in each)
            yield Recognised(precision, dtype, inputs, named, nets)


def _is_named(record: StepRecord, statement: Statement, precision: Precision) -> bool:
    z = with_factors(record, precision)
    return judge(replace(statement, got=z)).factors == str(precision)


def lines(rows: tuple[Recognised, ...]) -> Iterator[str]:
    """A line for each dtype and precision."""
    for dtype, precision in product(DTYPES, PRECISIONS):
        counts = [str(row) for row in rows if (row.dtype, row.precision) == (dtype, precision)]
        if counts:
            way = "cut to" if precision.cut else "rounded to"
            yield f"  {dtype}  {f'{way} {precision.name}':<34}{'   '.join(counts)}"
