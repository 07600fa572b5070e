"""A run of somebody's program beside what the catalogue's programs would have done:
what was shown takes the place of what is predicted.

Where everything is shown, each equation is so judged from the record's own inputs, and
a mistake is seen in its own place alone. Where only gradients or weights are shown,
what is missing is carried along as bounded arrays, through every equation and every
step.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice, pairwise
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from parity.mistakes.mistake import Mistake, exchanged
from parity.mistakes.program import Numbers, Part, Quantity, StepProgram
from parity.rounding.bounded import Bounded
from parity.rounding.formats import FORMATS
from parity.rounding.plain import Plain
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord
from refnet.checks import Array

Placed: TypeAlias = tuple[Mistake, frozenset[int]]  # a mistake, and the layers in which it stands
LAYER = ("z", "a", "delta", "dW", "db")
# the operations in which somebody may spell out one of ours, each rounded at the size
# of the array's largest entry
SPELLED = 16.0
# half of the digits, as a share of the largest entry
HALF = {name: float(np.sqrt(np.finfo(name).eps)) for name in FORMATS}
LOOSE = {
    name: replace(fmt, wide=np.dtype(np.float64), unit=SPELLED * fmt.unit)
    for name, fmt in FORMATS.items()
}


@dataclass(frozen=True)
class Shown:
    """What somebody shows of one training step, beside its inputs: arrays by quantity
    and layer, the loss as that of the last layer.

    What is `taken` as it is, is not judged.
    """

    spec: Spec
    x: Array
    y: Array
    arrays: dict[Quantity, Array]
    taken: frozenset[Quantity] = frozenset()


@dataclass(frozen=True)
class Run:
    """The weights and the state that a run starts from, and its steps."""

    W: tuple[Array, ...]
    b: tuple[Array, ...]
    state: dict[str, Array]
    steps: tuple[Shown, ...]

    @property
    def spec(self) -> Spec:
        """The spec of the first step."""
        return self.steps[0].spec

    @cached_property
    def parts(self) -> dict[Part, Array]:
        """W and b of each layer."""
        arrays = (("W", self.W), ("b", self.b))
        return {Part(name, l): a for name, each in arrays for l, a in enumerate(each, start=1)}

    @cached_property
    def vectors(self) -> dict[tuple[str, Part], Array]:
        """The state, cut into the parts that it belongs to."""
        return {
            (key, part): piece
            for key, vector in self.state.items()
            for part, piece in pieces(self.spec, vector).items()
        }

    def layers(self, mistake: Mistake) -> frozenset[int]:
        """The layers in which the mistake can stand; a search asks for them often."""
        if mistake not in self._layers:
            self._layers[mistake] = mistake.layers(self.spec)
        return self._layers[mistake]

    @cached_property
    def _layers(self) -> dict[Mistake, frozenset[int]]:
        return {}


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


def run_of(records: Sequence[StepRecord]) -> Run:
    """The run that consecutive records show."""
    first = records[0].before
    return Run(
        first.W,
        first.b,
        dict(first.state),
        tuple(Shown(r.spec, r.x, r.y, dict(_arrays(r))) for r in records),
    )


def showing(run: Run, *quantities: str) -> Run:
    """The same run showing these quantities alone."""

    def reduced(step: Shown) -> Shown:
        return replace(
            step,
            arrays={where: array for where, array in step.arrays.items() if where[0] in quantities},
        )

    return replace(run, steps=tuple(map(reduced, run.steps)))


def hiding(run: Run, name: str) -> Run:
    """The same run without one quantity."""
    return showing(run, *{where[0] for step in run.steps for where in step.arrays} - {name})


def taking(run: Run, name: str) -> Run:
    """The same run with one quantity taken as it is, in every layer and step."""

    def taken(step: Shown) -> Shown:
        return replace(
            step, taken=step.taken | {where for where in step.arrays if where[0] == name}
        )

    return replace(run, steps=tuple(map(taken, run.steps)))


def _arrays(record: StepRecord) -> Iterator[tuple[Quantity, Array]]:
    for l, layer in enumerate(record.layers, start=1):
        yield from (
            ((name, l), array) for name in LAYER if (array := getattr(layer, name)) is not None
        )
    if record.loss is not None:
        yield ("loss", len(record.layers)), np.asarray(record.loss)
    if record.after is not None:
        for name in ("W", "b"):
            yield from (
                ((name, l), array)
                for l, array in enumerate(getattr(record.after, name), start=1)
                if array is not None
            )
        for key, vector in record.after.state.items():
            yield from (
                ((f"{key} of {part.name}", part.layer), piece)
                for part, piece in pieces(record.spec, vector).items()
            )


def pieces(spec: Spec, vector: Array) -> dict[Part, Array]:
    """A flat vector, W1, b1, W2, ..., cut into its parts."""
    found, start = {}, 0
    for l, (into, out) in enumerate(pairwise(spec.sizes), start=1):
        for name, shape in (("W", (out, into)), ("b", (out,))):
            end = start + prod(shape)
            found[Part(name, l)], start = vector[start:end].reshape(shape), end
    return found


Observe: TypeAlias = Callable[[int, Quantity, Numbers], Numbers]
Known: TypeAlias = Callable[[int, Quantity], Numbers | None]


def steps(
    run: Run,
    mistakes: Iterable[Placed],
    lift: Callable[[Array], Numbers],
    observe: Observe = lambda number, quantity, predicted: predicted,
    known: Known = lambda number, quantity: None,
) -> Iterator[StepProgram]:
    """The steps of a program with these mistakes on the run's inputs, each starting
    from what the one before it made.
    """
    start = {part: lift(array) for part, array in run.parts.items()}
    state = {where: lift(piece) for where, piece in run.vectors.items()}
    placed = tuple(mistakes)
    step: StepProgram | None = None
    for number, shown in enumerate(run.steps):
        look, know = partial(observe, number), partial(known, number)
        step = StepProgram(
            shown.spec,
            lift(shown.x),
            shown.y,
            start,
            state,
            step,
            exchanged(shown.spec, placed),
            look,
            know,
        )
        yield step


@np.errstate(all="ignore")
def simulate(run: Run, mistakes: Iterable[Placed] = ()) -> list[StepRecord]:
    """The records of a program with these mistakes, run in the dtype of the run on its
    inputs alone.
    """
    return [
        _record(run, step)
        for step in steps(
            run, mistakes, lambda array: Plain(array.astype(run.spec.dtype, copy=False))
        )
    ]


def _record(run: Run, step: StepProgram) -> StepRecord:
    layers = range(1, step.L + 1)

    def flat(of: Callable[[str, Part], Numbers]) -> dict[str, Array]:
        kept = [key for key in step.keeps if of(key, Part("W", 1)) is not None]
        return {
            key: np.concatenate([of(key, part).value.ravel() for part in step.parts])
            for key in kept
        }

    def both(of: Callable[[Part], Numbers], name: str) -> tuple[Array, ...]:
        return tuple(of(Part(name, l)).value for l in layers)

    made = tuple(LayerRecord(*(getattr(step, name)(l).value for name in LAYER)) for l in layers)
    before = Snapshot(both(step.start, "W"), both(step.start, "b"), flat(step.old))
    after = Snapshot(both(step.new, "W"), both(step.new, "b"), flat(step.state))
    return StepRecord(
        step.spec, step.x.value, step.y, before, made, float(step.cost().value), after
    )


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


def run_of_case(case: Any, count: int | None = None) -> Run:
    """The inputs of a case as a run that shows nothing yet."""
    net, optimizer = case.network(), case.make_optimizer()
    optimizer.bind(net)
    activations = tuple(
        (layer.activation.name, layer.activation.parameters) for layer in net.layers
    )
    shown = []
    for t, (x, y, lr) in enumerate(case.steps(), start=1):
        spec = Spec(
            case.sizes,
            activations,
            case.loss,
            case.optimizer,
            {**optimizer.hyperparameters, "lr": lr},
            t,
            case.dtype,
        )
        shown.append(Shown(spec, x, y, {}))
    state = {name: vector.copy() for name, vector in optimizer.state.items() if name != "steps"}
    layers = net.layers
    return Run(
        tuple(v.W.copy() for v in layers),
        tuple(v.b.copy() for v in layers),
        state,
        tuple(shown[:count]),
    )
