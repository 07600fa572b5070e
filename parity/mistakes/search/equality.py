"""Which other array of a step one has the numbers of."""

from collections.abc import Iterable, Iterator

import numpy as np

from parity.mistakes.search.judging import Station, fits, lifted
from parity.mistakes.search.replay import Placed, Run, steps
from parity.mistakes.slots import Numbers, Quantity


def equals(run: Run, mistakes: Iterable[Placed], station: Station) -> Iterator[str]:
    """The arrays of the same step, as the program makes them of what is shown, whose
    numbers are those of one that is off; transposed, where its shape asks for it.
    """
    got = run.steps[station.step].arrays[station.where]
    if got.size < 2 or not np.isfinite(got).all() or (got == got.flat[0]).all():
        return
    for quantity, numbers in _computed(run, mistakes, station):
        name = f"{quantity[0]} of layer {quantity[1]}" if quantity[1] else quantity[0]
        if quantity != station.where and fits(got, numbers, quantity):
            yield name
        elif numbers.shape == got.T.shape and got.ndim == 2 and fits(got.T, numbers, quantity):
            yield f"the transpose of {name}"


def _computed(
    run: Run, mistakes: Iterable[Placed], station: Station
) -> Iterator[tuple[Quantity, Numbers]]:
    lift = lifted(run.spec.dtype)

    def known(number: int, quantity: Quantity) -> Numbers | None:
        array = run.steps[number].arrays.get(quantity)
        other = (number, quantity) != (station.step, station.where)
        usable = array is not None and other and np.isfinite(array).all()
        return lift(array) if array is not None and usable else None

    with np.errstate(all="ignore"):
        for number, step in enumerate(steps(run, mistakes, lift, known=known)):
            if number == station.step:
                yield ("x", 0), step.x
                for quantity in step.walk():
                    try:
                        yield quantity, step.make(quantity)
                    except (ValueError, IndexError):  # what is shown does not fit
                        continue
