"""What each array of a task is, and how far from that a right program may be: by the
right program itself, over numbers with error bounds, from the inputs alone.

Nothing that anybody shows takes part, so a bound covers all steps before it, too. It is
widened as in judging, where every right spelling of a formula is allowed.
"""

from collections.abc import Iterator
from decimal import ROUND_UP, Context
from typing import Any

import numpy as np

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.program import StepProgram
from parity.mistakes.search.judging import HALF, lifted, loosened
from parity.mistakes.search.replay import Placed, Run, steps
from parity.rounding.bounded import Bounded

WITHOUT_BIASES = BY_ID["no-biases"]
OF_LAYERS = ("z", "a", "delta", "dW", "db", "W", "b")
# rounded up: whoever reads an allowed error reads its size
SHORT = Context(prec=3, rounding=ROUND_UP)


def expected(run: Run, *, bias: bool = True) -> list[dict[str, list[Bounded]]]:
    """What each step of a right program gives: arrays by name, first layer to last,
    with their bounds; of the output and the loss one each. Without biases there is no
    db and no b.
    """
    absent = () if bias else ("db", "b")
    layers = run.layers(WITHOUT_BIASES) if absent else frozenset[int]()
    program = [Placed(WITHOUT_BIASES, layers)] if absent else []
    with np.errstate(all="ignore"):
        return [
            {name: arrays for name, arrays in _arrays(step) if name not in absent}
            for step in steps(run, program, lifted(run.spec.dtype), lambda _, q, p: loosened(p, q))
        ]


def _arrays(step: StepProgram) -> Iterator[tuple[str, list[Bounded]]]:
    layers = range(1, step.L + 1)
    yield "output", [step.a(step.L)]
    yield "loss", [step.cost()]
    yield from ((name, [step.make((name, l)) for l in layers]) for name in OF_LAYERS)


def is_sharp(run: Run, *, bias: bool = True) -> bool:
    """Whether rounding leaves half of the digits of every array, at its largest entry:
    as judging has it, nothing can be said of those with less.
    """
    half = HALF[run.spec.dtype]
    return all(
        bool(array.error.max() <= half * np.abs(array.value).max())
        for step in expected(run, bias=bias)
        for arrays in step.values()
        for array in arrays
    )


def values(array: Bounded) -> Any:
    """The numbers of an array, as lists of its rows."""
    return array.value.tolist()


def allowed(array: Bounded) -> Any:
    """The bounds of its entries, as lists of its rows, rounded up to three digits."""
    return rounded_up(array.error.tolist())


def rounded_up(bound: Any) -> Any:
    """The bound, or all bounds of nested lists, rounded up to three digits."""
    if isinstance(bound, list):
        return [rounded_up(each) for each in bound]
    return float(SHORT.create_decimal_from_float(bound))
