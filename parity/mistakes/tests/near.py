"""How near two ways to the same number come, by what they round and leave out."""

import numpy as np

FEW = 64  # roundings of the largest entry, more than any of these formulas has operations


def by_rounding(got, expected):
    """Equal but for a few roundings of another order of the same operations."""
    got, expected = np.asarray(got), np.asarray(expected)
    largest = max(np.abs(expected).max(), np.abs(got).max())
    return bool(np.abs(got - expected).max() <= FEW * np.finfo(got.dtype).eps * largest)


def by_change(got, expected, weights):
    """A change of weights is rounded as they are."""
    largest = max(np.abs(weights).max(), abs(expected))
    return bool(abs(got - expected) <= FEW * np.finfo(float).eps * largest)


def by_difference(slope, expected, scale=1.0):
    """A central difference with a step of cbrt(eps) leaves out its square, and rounds
    as much.
    """
    return bool(abs(slope - expected) <= FEW * np.finfo(float).eps ** (2 / 3) * scale)


STEP = float(np.cbrt(np.finfo(float).eps))
