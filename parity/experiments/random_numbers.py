"""Random arrays: numbers of several kinds, and special ones among them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refnet.checks import Array

# kinds of numbers, drawn in a shape at a power of ten
KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int], float], Array]] = {
    "ordinary": lambda rng, shape, power: rng.normal(size=shape) * 10.0**power,
    # column by column
    "mixed": lambda rng, shape, power: (
        rng.normal(size=shape) * 10.0 ** (power * rng.uniform(-1, 1, shape[1]))
    ),
    # whole numbers and halves meet the kinks exactly: z = 0, a = y
    "whole": lambda rng, shape, _: rng.integers(-2, 3, shape).astype(float),
    "halves": lambda rng, shape, _: rng.integers(-4, 5, shape) / 2,
    "bits": lambda rng, shape, _: rng.integers(0, 2, shape).astype(float),
    "zeros": lambda _, shape, __: np.zeros(shape),
    # nearly the same everywhere, so that gradients hardly vary
    "level": lambda rng, shape, power: 3.0 * 10.0**power * (1.0 + 0.01 * rng.normal(size=shape)),
}
SPECIAL = (
    *(0.0, -0.0, 1.0, -1.0, 0.5),
    *(37.5, -37.5),  # 1 + exp(-z) rounds to 1 in float64
    *(90.0, -90.0),  # exp(z) overflows in float32
    *(750.0, -750.0),  # and in float64
    *(1e4, -1e4, 1e-8, -1e-30),
    1e-40,  # subnormal in float32
    -1e-310,  # and in float64
    5e-324,  # the smallest
)


class Numbers(NamedTuple):
    """What an array is drawn from: numbers of a kind at a power of ten, where `special`
    some of them exchanged for special ones.
    """

    kind: str
    power: float
    special: bool

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Array:
        """An array (rows, columns)."""
        array = KINDS[self.kind](rng, shape, self.power).astype(dtype)
        for _ in range(int(rng.integers(1, 4)) * self.special):
            array.flat[rng.integers(array.size)] = pick(rng, SPECIAL)
        return array


def pick(rng: np.random.Generator, options: Any) -> Any:
    """One of the options, each as likely as the others."""
    return options[rng.integers(len(options))]
