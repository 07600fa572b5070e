"""A shown run beside a program of the catalogue: what was shown takes the place of what
is predicted.

Where everything is shown, each equation is so judged from the record's own inputs, and
a mistake is seen in its own place alone. Where only gradients or weights are shown,
what is missing is carried along as bounded arrays, through every equation and every
step.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from parity.mistakes.program import Numbers, Quantity, StepProgram
from parity.mistakes.replay import LAYER, Placed, Run, steps
from parity.rounding.bounded import Bounded
from parity.rounding.formats import FORMATS
from parity.rounding.plain import Plain
from refnet.checks import Array

# the operations in which somebody may spell out one of ours, each rounded at the size
# of the array's largest entry
SPELLED = 16.0
# half of the digits, as a share of the largest entry
HALF = {name: float(np.sqrt(np.finfo(name).eps)) for name in FORMATS}
LOOSE = {
    name: replace(fmt, wide=np.dtype(np.float64), unit=SPELLED * fmt.unit)
    for name, fmt in FORMATS.items()
}


class Station(NamedTuple):
    """One array on the way: the largest share of its bound that it used, and that
    entry. inf where its shape or a NaN is wrong.
    """

    step: int  # from 0 on, in the run
    quantity: str
    layer: int
    used: float
    entry: tuple[int, ...] = ()
    got: float | None = None
    expected: float | None = None
    shape: tuple[int, ...] | None = None  # the expected one, where it is another
    # rounding alone may take half of the digits of an entry: nothing can be said
    vague: bool = False
    gap: float = np.inf  # the largest difference of an entry
    fitting: int = 0  # entries within their bounds

    @property
    def where(self) -> Quantity:
        """The quantity and its layer."""
        return self.quantity, self.layer

    @property
    def off(self) -> bool:
        """Whether it cannot come of the program."""
        return self.used > 1.0


@np.errstate(all="ignore")
def distance(run: Run, mistakes: Iterable[Placed], station: "Station") -> float:
    """How far one shown array is from a program's that has all the others as they are
    shown, as a share of its largest entry.

    No judgement: it only decides in which order programs are judged.
    """
    got = run.steps[station.step].arrays[station.where]
    # what overflows does so in its own dtype
    dtype = float if np.isfinite(got).all() else run.spec.dtype
    scale = abs(station.expected or 0.0)
    lift, compare = (
        lambda array: Plain(np.asarray(array, dtype)),
        lambda got, made: _apart(got, made.value, scale),
    )
    return _at(run, mistakes, station, lift, compare, default=np.inf)


def explains(run: Run, mistakes: Iterable[Placed], station: "Station") -> bool:
    """Whether one shown array can come of a program that has all the others as they are
    shown.
    """
    return _at(
        run, mistakes, station, _lift(run.spec.dtype), partial(_fits, station), default=False
    )


def _fits(station: "Station", got: Array, made: Bounded) -> bool:
    return not _compare(station.step, station.where, got, _loosened(made, station.where)).off


def _at(
    run: Run,
    mistakes: Iterable[Placed],
    station: "Station",
    lift: Callable[[Array], Numbers],
    compare: Any,
    default: Any,
) -> Any:
    """What comparing gives at one station; the default where a wrong form does not fit
    these shapes.
    """

    def known(number: int, quantity: Quantity) -> Numbers | None:
        got = run.steps[number].arrays.get(quantity)
        return (
            None
            if got is None or (number, quantity) == (station.step, station.where)
            else _as_shown(quantity, got, lift)
        )

    try:
        with np.errstate(all="ignore"):
            step = next(islice(steps(run, mistakes, lift, known=known), station.step, None))
            return compare(run.steps[station.step].arrays[station.where], step.make(station.where))
    except (ValueError, IndexError):
        return default


def _as_shown(quantity: Quantity, got: Array, lift: Callable[[Array], Numbers]) -> Numbers:
    """What is shown, as the numbers that a program goes on with; but f' may be made of
    z, of which a is the rounded value.
    """
    shown = lift(got)
    return (
        shown.like(shown.value, shown.unit * np.abs(shown.value))
        if quantity[0] == "a" and isinstance(shown, Bounded)
        else shown
    )


def _lift(dtype: str) -> Callable[[Array], Bounded]:
    fmt, nothing = LOOSE[dtype], np.zeros(())
    return lambda array: Bounded(array, nothing, fmt, rounded=True)


def _apart(got: Array, predicted: Array, scale: float) -> float:
    """The largest difference as a share of the largest entry of either, or of what is
    expected here.
    """
    if got.shape != predicted.shape or (np.isfinite(got) != np.isfinite(predicted)).any():
        return np.inf
    known = np.isfinite(got)
    gap, size = (
        np.abs(got - predicted)[known],
        max(scale, *(np.abs(array[known]).max(initial=0.0) for array in (got, predicted))),
    )
    return float(gap.max(initial=0.0) / size) if size else 0.0


def _shown(run: Run, number: int, step: StepProgram) -> Iterator[Quantity]:
    """Make what the run shows of a step, in order of computation."""
    arrays = run.steps[number].arrays
    for quantity in step.walk():
        if quantity in arrays:
            step.make(quantity)
            yield quantity


def judged(
    run: Run, mistakes: Iterable[Placed] = (), *, dtype: str | None = None, whole: bool = False
) -> list[Station]:
    """What a program with these mistakes says of each shown array, in order of
    computation: up to the first that is off, or the whole.

    With a `dtype`, as if the program's arithmetic were in that one.

    Every right way to write the program is allowed: a bound is that of its own
    formulas, with `SPELLED` roundings for each of theirs.

    Errors: ValueError or IndexError where the mistake does not fit the shapes.
    """
    mistakes, lift = tuple(mistakes), _lift(dtype or run.spec.dtype)
    found: dict[tuple[int, Quantity], Station] = {}
    order: list[tuple[int, Quantity]] = []

    def observe(number: int, quantity: Quantity, predicted: Bounded) -> Bounded:
        allowed = _loosened(predicted, quantity)
        got = run.steps[number].arrays.get(quantity)
        if got is None:
            return allowed
        station = _compare(number, quantity, got, allowed)
        if (
            not np.isfinite(got).all()
            and not station.off
            and distance(run, mistakes, station) == np.inf
        ):
            # the bound says nothing, but the program itself gives numbers there
            station = station._replace(used=np.inf)
        if quantity not in run.steps[number].taken:
            found[number, quantity] = station
        usable = got.shape == predicted.shape and np.isfinite(got).all()
        return _as_shown(quantity, got, lift) if usable else allowed

    with np.errstate(all="ignore"):
        for number, step in enumerate(steps(run, mistakes, lift, observe)):
            for quantity in _shown(run, number, step):
                if (number, quantity) in found:
                    order.append((number, quantity))
                    if found[number, quantity].off and not whole:
                        return [found[key] for key in order]
    return [found[key] for key in order]


def half_agrees(run: Run, station: Station) -> bool:
    """Whether what is off is the second half of an array's digits alone, counted from
    the largest entry; of W and b, from their step's.
    """
    got = run.steps[station.step].arrays.get(station.where)
    if got is None or station.shape is not None or not np.isfinite(got).all():
        return False
    base: Any = 0.0
    if station.quantity in ("W", "b"):
        start = {"W": run.W, "b": run.b}[station.quantity][station.layer - 1]
        base = run.steps[station.step - 1].arrays.get(station.where, got) if station.step else start
    half = HALF[run.spec.dtype]
    return bool(station.gap <= half * np.abs(got - base).max(initial=0.0))


def _loosened(predicted: Bounded, quantity: Quantity) -> Bounded:
    """With a rounding at the largest entry of the array; but an update's entries have
    nothing to do with each other.
    """
    if quantity[0] not in (*LAYER, "loss"):
        return predicted
    reach = predicted.reach
    return predicted.like(
        predicted.value,
        predicted.error + predicted.unit * np.where(np.isfinite(reach), reach, 0).max(initial=0.0),
    )


def _compare(number: int, quantity: Quantity, got: Array, allowed: Bounded) -> Station:
    where = (number, *quantity)
    if got.shape != allowed.shape:
        return Station(*where, np.inf, shape=allowed.shape)
    with np.errstate(all="ignore"):
        gap = np.abs(got - allowed.value).astype(float)
        used = np.where(gap == 0, 0.0, gap / allowed.error)
    open_ended = np.isinf(allowed.error)
    if open_ended.any() or not np.isfinite(got).all():
        used = np.where(open_ended, 0.0, np.where(np.isfinite(got), used, np.inf))
    index = tuple(int(i) for i in np.unravel_index(int(used.argmax()), used.shape))
    half = HALF[allowed.format.dtype.name] * np.abs(allowed.value).max(initial=0.0)
    vague = bool(allowed.error.max(initial=0.0) > half)
    station = Station(
        *where, float(used[index]), index, float(got[index]), float(allowed.value[index])
    )
    fitting = used.size - int(np.count_nonzero(used > 1.0)) if station.off else used.size
    return station._replace(vague=vague, gap=float(gap.max(initial=0.0)), fitting=fitting)
