"""The penalty and the clipped gradient of a record in 50-digit arithmetic, by textbook
formulas over scalars.
"""

from typing import Any

from mpmath import fsum, mpf, sign, sqrt  # type: ignore[import-untyped]  # it ships no types

from parity.steps.record import StepRecord
from refnet.checks import Array

TINY = mpf(1e-6)


def penalty(record: StepRecord) -> mpf:
    """P of all W, and of all b where biases are penalised."""
    return fsum(
        value(record, theta)
        for name in ("W", "b")
        if _is_penalised(record, name)
        for array in getattr(record.before, name)
        for theta in array.ravel()
    )


def slope(record: StepRecord, name: str, theta: Any) -> mpf:
    """P' of an entry of W or b."""
    if not _is_penalised(record, name):
        return mpf(0)
    (c1, c2), number = _strengths(record), mpf(float(theta))
    return c1 * sign(number) + c2 * number


def value(record: StepRecord, theta: Any) -> mpf:
    """P of one number."""
    (c1, c2), number = _strengths(record), mpf(float(theta))
    return c1 * abs(number) + c2 / 2 * number**2


def clipped(record: StepRecord, g: mpf) -> mpf:
    """An entry of a gradient, as the update reads it."""
    if record.spec.clip is None:
        return g
    kind, limit = record.spec.clip[0], mpf(record.spec.clip[1])
    if kind == "value":
        return max(min(g, limit), -limit)
    return g * min(mpf(1), limit / (norm(record) + TINY))


def norm(record: StepRecord) -> mpf:
    """The Euclidean norm of all gradients."""
    arrays = (array for layer in record.layers for array in (layer.dW, layer.db))
    return sqrt(fsum(_squares(array) for array in arrays if array is not None))


def _squares(array: Array) -> mpf:
    return fsum(mpf(float(entry)) ** 2 for entry in array.ravel())


def _is_penalised(record: StepRecord, name: str) -> bool:
    given = record.spec.penalty
    return given is not None and (name == "W" or given[1]["biases"])


def _strengths(record: StepRecord) -> tuple[mpf, mpf]:
    """Of sum |theta|, and of sum theta^2 / 2."""
    name, settings = record.spec.penalty or ("", {})
    of = {
        "l1": ("strength", None),
        "l2": (None, "strength"),
        "elastic_net": ("l1", "l2"),
    }[name]
    c1, c2 = (mpf(settings[each]) if each else mpf(0) for each in of)
    return c1, c2
