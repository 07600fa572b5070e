"""A shown run beside a program of the catalogue: what was shown takes the place of what
is predicted.

Where everything is shown, each equation is so judged from the record's own inputs, and
a mistake is seen in its own place alone. Where only gradients or weights are shown,
what is missing is carried along as bounded arrays, through every equation and every
step.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from parity.mistakes.mistake import WRONG
from parity.mistakes.search.replay import LAYER, Placed, Run, steps
from parity.mistakes.slots import Numbers, Quantity
from parity.rounding.bounded import Bounded
from parity.rounding.formats import FORMATS
from parity.rounding.plain import Plain
from refnet.checks import Array

# roundings for each of ours, of the size of the array's largest entry, for those who
# spell a formula out. Measured on the right spellings in parity/proof/tests: the worst
# needs 4; of the 188 entries that the catalogue had then, each where it shows least in
# float64, the smallest is off by 1.2e4 bounds
SPELLED = 16.0
# half of the digits, as a share of the largest entry
HALF = {name: float(np.sqrt(np.finfo(name).eps)) for name in FORMATS}
LOOSE = {
    name: replace(fmt, wide=np.dtype(np.float64), unit=SPELLED * fmt.unit)
    for name, fmt in FORMATS.items()
}


class Station(NamedTuple):
    """One array of a run, judged: the largest share of its bound that an entry used,
    and that entry. The share is inf where the shape is another or a NaN is wrong.
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


# a whole run


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
    placed = tuple(mistakes)
    key = placed, dtype, whole
    if key not in run.judged:
        run.judged[key] = [*_stations(run, placed, dtype or run.spec.dtype, whole)]
    return run.judged[key]


@np.errstate(all="ignore")
def _stations(run: Run, placed: tuple[Placed, ...], dtype: str, whole: bool) -> list[Station]:
    stations = []
    for station in _Judge(run, placed, lifted(dtype)).walk():
        stations.append(station)
        if station.off and not whole:
            break
    return stations


class _Judge:
    """A program that runs beside a run and judges each of its arrays when it comes
    to it.
    """

    def __init__(
        self, run: Run, mistakes: tuple[Placed, ...], lift: Callable[[Array], Bounded]
    ) -> None:
        self.run, self.mistakes, self.lift = run, mistakes, lift
        self.stations: dict[tuple[int, Quantity], Station] = {}

    def walk(self) -> Iterator[Station]:
        """The arrays in order of computation; a step makes them in the order in which
        they are asked for, which may be another.
        """
        for number, step in enumerate(steps(self.run, self.mistakes, self.lift, self._observe)):
            for quantity in step.walk():
                if quantity in self.run.steps[number].arrays:
                    step.make(quantity)
                    if (number, quantity) in self.stations:  # not where it is taken as it is
                        yield self.stations[number, quantity]

    def _observe(self, number: int, quantity: Quantity, predicted: Bounded) -> Bounded:
        """Judge what is shown, and let the program go on with it where that is
        possible.
        """
        allowed = loosened(predicted, quantity)
        shown = self.run.steps[number]
        got = shown.arrays.get(quantity)
        if got is None:
            return allowed
        finite = np.isfinite(got).all()
        if quantity not in shown.taken:
            station = _compare(number, quantity, got, allowed)
            # the bound says nothing there, but the program itself may give numbers
            refuted = self._makes_no_number if finite else self._makes_another_number
            if not station.off and refuted(station, allowed):
                station = station._replace(used=np.inf)
            self.stations[number, quantity] = station
        usable = finite and got.shape == predicted.shape
        return as_shown(quantity, got, self.lift) if usable else allowed

    def _makes_another_number(self, station: Station, allowed: Bounded) -> bool:
        """Whether the program on plain numbers is not finite where the array is, and
        nowhere else.
        """
        return distance(self.run, self.mistakes, station) == np.inf

    def _makes_no_number(self, station: Station, allowed: Bounded) -> bool:
        """Whether the mistakes make what is no number on plain numbers, in a run that
        shows numbers alone; conventions are not asked, for they may be guarded.
        """
        if not self.run.is_finite or not np.isinf(allowed.error).any():
            return False
        wrong = [each for each in self.mistakes if each[0].verdict == WRONG]
        return bool(wrong) and not _is_finite(self.run, wrong, station)


# one array of a run


def plain_numbers(run: Run, mistakes: Iterable[Placed], station: Station) -> Array | None:
    """What a program that has all other arrays as they are shown makes of one, on plain
    numbers; None where a wrong form does not fit these shapes.
    """
    got = run.steps[station.step].arrays[station.where]
    # what overflows does so in its own dtype
    dtype = float if np.isfinite(got).all() else run.spec.dtype
    numbers = _computed(run, mistakes, station, lambda array: Plain(np.asarray(array, dtype)))
    return None if numbers is None else numbers.value


def _is_finite(run: Run, mistakes: Iterable[Placed], station: Station) -> bool:
    """Whether such a program makes numbers of this array, in its own dtype."""
    numbers = _computed(
        run, mistakes, station, lambda array: Plain(np.asarray(array, run.spec.dtype))
    )
    return numbers is None or bool(np.isfinite(numbers.value).all())


@np.errstate(all="ignore")
def distance(run: Run, mistakes: Iterable[Placed], station: Station) -> float:
    """How far one shown array is from that of a program that has all the others as they
    are shown, as a share of its largest entry.

    This judges nothing: it decides in which order programs are judged.
    """
    predicted = plain_numbers(run, mistakes, station)
    if predicted is None:
        return np.inf
    got = run.steps[station.step].arrays[station.where]
    return _apart(got, predicted, abs(station.expected or 0.0))


def explains(run: Run, mistakes: Iterable[Placed], station: Station) -> bool:
    """Whether one shown array can come of a program that has all the others as they are
    shown.
    """
    numbers = _computed(run, mistakes, station, lifted(run.spec.dtype))
    if numbers is None:
        return False
    return fits(run.steps[station.step].arrays[station.where], numbers, station.where)


def fits(got: Array, numbers: Bounded, quantity: Quantity) -> bool:
    """Whether an array can be this quantity of a program, which makes these numbers."""
    with np.errstate(all="ignore"):
        allowed = loosened(numbers, quantity)
        return got.shape == allowed.shape and not _used(got, allowed).max(initial=0.0) > 1.0


def off_entries(got: Array, numbers: Bounded, quantity: Quantity) -> Array:
    """Which entries cannot be those of a program that makes these numbers."""
    with np.errstate(all="ignore"):
        return np.asarray(_used(got, loosened(numbers, quantity)) > 1.0)


def _computed(
    run: Run,
    mistakes: Iterable[Placed],
    station: Station,
    lift: Callable[[Array], Numbers],
) -> Numbers | None:
    """What a program makes of one array out of all the others as they are shown; None
    where a wrong form does not fit these shapes.
    """

    def known(number: int, quantity: Quantity) -> Numbers | None:
        got = run.steps[number].arrays.get(quantity)
        return (
            None
            if got is None or (number, quantity) == (station.step, station.where)
            else as_shown(quantity, got, lift)
        )

    try:
        with np.errstate(all="ignore"):
            step = next(islice(steps(run, mistakes, lift, known=known), station.step, None))
            return step.make(station.where)
    except (ValueError, IndexError):
        return None


# numbers beside numbers


def lifted(dtype: str) -> Callable[[Array], Bounded]:
    """What makes bounded numbers of arrays, with the roundings of other spellings."""
    fmt, nothing = LOOSE[dtype], np.zeros(())
    return lambda array: Bounded(array, nothing, fmt, rounded=True)


def as_shown(quantity: Quantity, got: Array, lift: Callable[[Array], Numbers]) -> Numbers:
    """What is shown, as the numbers that a program goes on with; but f' may be made of
    z, of which a is the rounded value.
    """
    shown = lift(got)
    return (
        shown.like(shown.value, shown.unit * np.abs(shown.value))
        if quantity[0] == "a" and isinstance(shown, Bounded)
        else shown
    )


def loosened(predicted: Bounded, quantity: Quantity) -> Bounded:
    """With `SPELLED` roundings at the largest entry of the array, for another way to
    write a formula may go through numbers as large; but an update's entries have
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
    used = _used(got, allowed)
    index = tuple(int(i) for i in np.unravel_index(int(used.argmax()), used.shape))
    half = HALF[allowed.format.dtype.name] * np.abs(allowed.value).max(initial=0.0)
    share = float(used[index])
    return Station(
        *where,
        share,
        index,
        float(got[index]),
        float(allowed.value[index]),
        vague=bool(allowed.error.max(initial=0.0) > half),
        gap=float(np.abs(got - allowed.value).max(initial=0.0)),
        fitting=used.size - int(np.count_nonzero(used > 1.0)) if share > 1.0 else used.size,
    )


def _used(got: Array, allowed: Bounded) -> Array:
    """The share of its bound that each entry uses: 0 where there is no bound, inf where
    there is one and the entry is no number.
    """
    gap = np.abs(got - allowed.value).astype(float)
    used = np.where(gap == 0, 0.0, gap / allowed.error)
    unbounded = np.isinf(allowed.error)
    if unbounded.any() or not np.isfinite(got).all():
        used = np.where(unbounded, 0.0, np.where(np.isfinite(got), used, np.inf))
    return used


def _apart(got: Array, predicted: Array, scale: float) -> float:
    """The largest difference as a share of the largest entry of either, or of what is
    expected here; inf where they are not finite in the same places.
    """
    if got.shape != predicted.shape or (np.isfinite(got) != np.isfinite(predicted)).any():
        return np.inf
    known = np.isfinite(got)
    gap, size = (
        np.abs(got - predicted)[known],
        max(scale, *(np.abs(array[known]).max(initial=0.0) for array in (got, predicted))),
    )
    return float(gap.max(initial=0.0) / size) if size else 0.0


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
