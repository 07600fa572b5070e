"""A run of somebody's program: what it shows, and the catalogue's programs on the same
inputs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from parity.mistakes.mistake import Mistake, exchanged
from parity.mistakes.program import StepProgram
from parity.mistakes.search.scopes import Circumstances, Scope
from parity.mistakes.slots import Numbers, Part, Quantity
from parity.proof.equations.updates import RULE_ENTRIES
from parity.rounding.plain import Plain
from parity.steps.cases import Case
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord, snapshot, spec_of
from refnet.checks import Array

LAYER = ("z", "a", "delta", "dW", "db", "a_prev")


class Placed(NamedTuple):
    """A mistake, the layers in which it stands, and the steps: None for all of them."""

    mistake: Mistake
    layers: frozenset[int]
    scope: Scope | None = None

    def stands_in(self, here: Circumstances) -> bool:
        """Whether it stands in a step."""
        return self.scope is None or self.scope.holds(here)


@dataclass(frozen=True)
class Shown:
    """One training step as somebody shows it: its inputs, and arrays by quantity and
    layer; the loss is that of the last layer.

    The quantities in `taken` are used as they are, without being judged.
    """

    spec: Spec
    x: Array
    y: Array
    arrays: dict[Quantity, Array]
    taken: frozenset[Quantity] = frozenset()
    sample_weight: Array | None = None
    masks: tuple[Array | None, ...] = ()

    def drops(self, layer: int) -> bool:
        """Whether a layer, which counts from 1, drops inputs."""
        return bool(self.masks) and self.masks[layer - 1] is not None

    @property
    def circumstances(self) -> Circumstances:
        """What the scope of a mistake can depend on."""
        return Circumstances(self.spec, len(self.x))


@dataclass(frozen=True)
class Run:
    """A run of consecutive steps, and the weights and the optimizer's state that it
    starts from.

    The quantities in `turned` are columns in its program, or matrices the other way
    round: a finding speaks of them as the program has them.
    """

    W: tuple[Array, ...]
    b: tuple[Array, ...]
    state: dict[str, Array]
    steps: tuple[Shown, ...]
    turned: frozenset[str] = frozenset()

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
        """The state, cut into the vectors of each W and b."""
        return {
            (key, part): piece
            for key, vector in self.state.items()
            for part, piece in pieces(self.spec, vector).items()
        }

    def layers(self, mistake: Mistake) -> frozenset[int]:
        """The layers in which the mistake can stand, worked out once: a search asks for
        them often.
        """
        if mistake not in self._layers:
            hidden = mistake.of_weights and not self._has_weights
            self._layers[mistake] = frozenset() if hidden else mistake.layers(self.spec)
        return self._layers[mistake]

    @cached_property
    def is_finite(self) -> bool:
        """Whether every number that is shown is one."""
        return all(np.isfinite(a).all() for step in self.steps for a in step.arrays.values())

    @cached_property
    def judged(self) -> dict[object, list[Any]]:
        """What programs were found to say of it: several ask for the same."""
        return {}

    @cached_property
    def _has_weights(self) -> bool:
        rows = any(step.sample_weight is not None for step in self.steps)
        return rows or bool(self.spec.loss_settings)

    @cached_property
    def _layers(self) -> dict[Mistake, frozenset[int]]:
        return {}


def run_of(records: Sequence[StepRecord]) -> Run:
    """The run that consecutive records show."""
    first = records[0].before
    return Run(
        first.W,
        first.b,
        dict(first.state),
        tuple(
            Shown(r.spec, r.x, r.y, dict(_arrays(r)), sample_weight=r.sample_weight, masks=r.masks)
            for r in records
        ),
    )


def records_of(run: Run) -> Iterator[StepRecord]:
    """What a run shows as the records of its steps, as far as the weights are shown
    that a step starts from, in its dtype. The cost and the state are left out.
    """
    W, b = run.W, run.b
    for step in run.steps:
        layers, arrays = range(1, len(step.spec.sizes)), _in_dtype(step)
        shown = (LayerRecord(*(arrays.get((name, l)) for name in LAYER)) for l in layers)
        start, given = Snapshot(W, b, {}), (step.sample_weight, step.masks)
        yield StepRecord(step.spec, step.x, step.y, start, tuple(shown), None, None, *given)
        if not all(part in arrays for part in step.spec.parts):
            return
        W = tuple(arrays["W", l] for l in layers)
        b = tuple(arrays["b", l] if step.spec.has_bias(l) else b[l - 1] for l in layers)


def _in_dtype(step: Shown) -> dict[Quantity, Array]:
    """The arrays in the dtype of the step, without those that have more digits."""
    arrays = {where: array.astype(step.spec.dtype) for where, array in step.arrays.items()}
    return {
        where: array
        for where, array in arrays.items()
        if np.array_equal(array, step.arrays[where], equal_nan=True)
    }


def run_of_case(case: Case, count: int | None = None) -> Run:
    """The inputs of a case, or of its first `count` steps, as a run that shows nothing
    yet.
    """
    net, optimizer = case.network(), case.make_optimizer()
    optimizer.bind(net)
    whole, start = spec_of(net, case.objective, optimizer), snapshot(net, optimizer)
    steps_shown = []
    pairs = zip(case.steps(), case.given(), strict=True)
    for t, ((x, y, lr), given) in enumerate(pairs, start=1):
        spec = replace(whole, hyperparameters={**whole.hyperparameters, "lr": lr}, step=t)
        steps_shown.append(
            Shown(spec, x, y, {}, sample_weight=given.sample_weight, masks=given.masks)
        )
    return Run(start.W, start.b, start.state, tuple(steps_shown[:count]))


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
    """The same run with one quantity taken as it is, in every layer and step: programs
    go on with it, and it is not judged.
    """

    def with_it(step: Shown) -> Shown:
        return replace(
            step, taken=step.taken | {where for where in step.arrays if where[0] == name}
        )

    return replace(run, steps=tuple(map(with_it, run.steps)))


def _arrays(record: StepRecord) -> Iterator[tuple[Quantity, Array]]:
    """What a record shows, by quantity and layer."""
    for l, layer in enumerate(record.layers, start=1):
        yield from (
            ((name, l), array) for name in LAYER if (array := getattr(layer, name)) is not None
        )
    if record.loss is not None:
        yield ("loss", len(record.layers)), np.asarray(record.loss)
    if record.after is not None:
        for name, l in record.spec.parts:
            array = getattr(record.after, name)[l - 1]
            if array is not None:
                yield (name, l), array
        rule = RULE_ENTRIES[record.spec.optimizer]()
        for key, vector in record.after.state.items():
            # what stands there for a part that does not keep it, nobody reads
            yield from (
                ((f"{key} of {part.name}", part.layer), piece)
                for part, piece in pieces(record.spec, vector).items()
                if key in rule.keeps(record.spec.settings_of(*part))
            )


def pieces(spec: Spec, vector: Array) -> dict[Part, Array]:
    """A flat vector, W1, b1, W2, ..., cut into its parts."""
    parts, start = {}, 0
    for name, l in spec.parts:
        into, out = spec.sizes[l - 1 : l + 1]
        shape = (out, into) if name == "W" else (out,)
        end = start + prod(shape)
        parts[Part(name, l)], start = vector[start:end].reshape(shape), end
    return parts


Observe: TypeAlias = Callable[[int, Quantity, Numbers], Numbers]
Known: TypeAlias = Callable[[int, Quantity], Numbers | None]


def steps(
    run: Run,
    mistakes: Iterable[tuple[Mistake, Iterable[int]] | Placed],
    lift: Callable[[Array], Numbers],
    observe: Observe = lambda number, quantity, predicted: predicted,
    known: Known = lambda number, quantity: None,
) -> Iterator[StepProgram]:
    """The steps of a program with these mistakes on the run's inputs, each starting
    from the weights and the state of the one before it.

    `lift` makes the program's numbers of arrays; `observe` and `known` are those of
    StepProgram, with the number of the step.
    """
    start = {part: lift(array) for part, array in run.parts.items()}
    state = {where: lift(piece) for where, piece in run.vectors.items()}
    placed = [Placed(*each) for each in mistakes]
    step: StepProgram | None = None
    for number, shown in enumerate(run.steps):
        step = StepProgram(
            shown.spec,
            lift(shown.x),
            shown.y,
            start,
            state,
            previous=step,
            exchanged=exchanged(
                shown.spec,
                [each[:2] for each in placed if each.stands_in(shown.circumstances)],
            ),
            observe=partial(observe, number),
            known=partial(known, number),
            sample_weight=shown.sample_weight,
            masks=shown.masks,
        )
        yield step


@np.errstate(all="ignore")
def simulate(
    run: Run, mistakes: Iterable[tuple[Mistake, Iterable[int]] | Placed] = ()
) -> list[StepRecord]:
    """The records of a program with these mistakes, run in the dtype of the run on its
    inputs alone.
    """

    def lift(array: Array) -> Plain:
        return Plain(array.astype(run.spec.dtype, copy=False))

    return [_record(step) for step in steps(run, mistakes, lift)]


def _record(step: StepProgram) -> StepRecord:
    """Everything that a step makes."""
    layers = range(1, step.L + 1)

    def state(of: Callable[[str, Part], Numbers]) -> dict[str, Array]:
        def flat(key: str) -> Iterator[Array]:
            for part in step.parts:
                vector = of(key, part) if key in step.keeps(part) else None
                # of a part that does not keep it, as record_torch has it
                yield np.zeros_like(step.start(part).value) if vector is None else vector.value

        # before its first step a rule may have no state yet
        kept = {key for part in step.parts for key in step.keeps(part) if of(key, part) is not None}
        return {
            key: np.concatenate([vector.ravel() for vector in flat(key)])
            for key in step.keeps()
            if key in kept
        }

    def weights(of: Callable[[Part], Numbers]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        b = (of if step.has_bias(l) else step.start for l in layers)
        return tuple(of(Part("W", l)).value for l in layers), tuple(
            each(Part("b", l)).value for each, l in zip(b, layers, strict=True)
        )

    def layer(l: int) -> LayerRecord:
        has = {"db": step.has_bias(l), "a_prev": step.mask(l) is not None}
        shown = (name for name in LAYER if has.get(name, True))
        return LayerRecord(**{name: getattr(step, name)(l).value for name in shown})

    arrays = tuple(map(layer, layers))
    before = Snapshot(*weights(step.start), state(step.old))
    after = Snapshot(*weights(step.new), state(step.state))
    return StepRecord(
        step.spec,
        step.x.value,
        step.y,
        before,
        arrays,
        float(step.cost().value),
        after,
        step.sample_weight,
        step.masks,
    )
