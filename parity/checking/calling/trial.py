"""A program that cannot be told activations and a loss, on small tasks beside each
combination of those.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from parity.checking.calling.answers import fitted
from parity.checking.calling.calls import Program, call
from parity.checking.program.outcome import Outcome
from parity.checking.tasks.declaration import Declaration
from parity.checking.tasks.task import task_of
from parity.mistakes.catalogue.index import CATALOGUE
from parity.mistakes.diagnosis.finding import in_words
from parity.mistakes.mistake import CONVENTION, Mistake
from parity.mistakes.search.judging import HALF, judged
from parity.mistakes.search.replay import Placed, Run, run_of_case, showing, simulate
from parity.mistakes.slots import Quantity
from parity.steps.cases import Case, targets_of
from refnet.checks import Array

NAME = "a first try"
BATCH = 7  # samples, another number than any width
SEEDS = (0, 1)  # a task each: in one alone, a relu may happen to let everything through
TARGETS = ("distributions", "one_hot", "labels")
GRADIENTS = ("dW", "db")
COST = {"C", "BP1"}  # what another cost with its gradient replaces
UNSEEN = 2  # the seed of a task that tells combinations apart


class Combination(NamedTuple):
    """Activations and a loss, and how the program's own cost differs from that loss:
    None where it does not; "" is the activation of hidden layers that are not there.
    """

    hidden: str
    output: str
    loss: str
    own: Mistake | None = None

    def of(self, run: Run, slope: float) -> Run:
        """The run with these activations and this loss."""
        names = (*[self.hidden] * (len(run.spec.sizes) - 2), self.output)
        activations = tuple((f, {"slope": slope} if f == "leaky_relu" else {}) for f in names)
        steps = tuple(
            replace(step, spec=replace(step.spec, activations=activations, loss=self.loss))
            for step in run.steps
        )
        return replace(run, steps=steps)

    def __str__(self) -> str:
        """As it is read."""
        own = [self.own.id] if self.own else []
        return in_words([*dict.fromkeys(filter(None, (self.hidden, self.output))), self.loss, *own])


class Trial:
    """The calls of a program on networks of one shape, in one layout."""

    def __init__(self, program: Program, declared: Declaration, sizes: tuple[int, ...]) -> None:
        self.program, self.declared, self.sizes = program, declared, sizes
        self.slope = declared.slope or 0.0
        self._shown: dict[tuple[str, int], Run | None] = {}
        self.outcomes: list[Outcome] = []

    def shown(self, form: str, seed: int = SEEDS[0]) -> Run | None:
        """What it shows of one step with targets of a form, or None."""
        if (form, seed) not in self._shown:
            self._shown[form, seed] = self._call(form, seed)
        return self._shown[form, seed]

    def _call(self, form: str, seed: int) -> Run | None:
        inputs, declared = self._inputs(form, seed), replace(self.declared, targets=None)
        if form in TARGETS:
            declared = replace(declared, targets=form)
        task = task_of(NAME, inputs, declared)
        outcome = call(self.program, task)
        if outcome.arrays and declared.bias and not _names(outcome) & {"b", "db"}:
            # a network without biases works with those of the task at 0
            declared = replace(declared, bias=False)
            task = task_of(NAME, inputs, declared)
            outcome = call(self.program, task)
        self.outcomes.append(outcome)
        (run,), _ = fitted([task], [outcome.arrays], declared)
        return run if outcome.arrays else None

    def _inputs(self, form: str, seed: int) -> Run:
        between, widest = len(self.sizes) - 2, max(self.sizes[:-1])
        return run_of_case(
            Case(
                "probe",
                self.sizes,
                ("tanh",) * between,
                loss="mse",
                targets="labels" if form == "one_hot" else form,
                batch=self.declared.batch or BATCH,
                dtype=self.declared.dtype[0],
                seed=seed,
                # as in all tasks: z stays where sigmoids have digits
                deviation=0.6 * min(1.0, math.sqrt(4 / widest)),
            ),
            1,
        )

    # which combinations fit

    def forms(self, combination: Combination) -> list[str]:
        """The forms of targets with which what it shows is, but for a factor, what a
        program with the combination shows.
        """
        return [
            form
            for form in forms_of(self.declared, combination.loss)
            if all(self._factor(combination, form, seed) is not None for seed in SEEDS)
        ]

    def fitting(self, combinations: Sequence[Combination]) -> list[Combination]:
        """The combinations that fit best: to the last digits; else, where no loss is
        declared, with a cost of its own; else but for a factor.
        """
        near = [each for each in combinations if self.forms(each)]
        exact = [each for each in near if self._explains(each)]
        if not exact and self.declared.losses is None:
            costs = [m for m in CATALOGUE if m.verdict == CONVENTION and {*m.slots} == COST]
            own = [each._replace(own=cost) for each in near for cost in costs]
            exact = [each for each in own if self._explains(each)]
        return exact or sorted(near, key=self._misses)

    def differ(self, one: Combination, other: Combination) -> bool:
        """Whether two combinations make other gradients of a task that the program has
        not seen, be it but for a factor.
        """
        common = [form for form in self.forms(one) if form in self.forms(other)]
        return not common or any(
            self._are_others(one, other, self._inputs(form, UNSEEN)) for form in common
        )

    def _are_others(self, one: Combination, other: Combination, inputs: Run) -> bool:
        first, second = (_gradients(each.of(inputs, self.slope)) for each in (one, other))
        return _ratio(first, second, inputs) is None

    def _factor(self, combination: Combination, form: str, seed: int) -> float | None:
        """How many times as large the gradients are as those of a program with the
        combination; None where they are others.
        """
        run = self.shown(form, seed)
        return (
            None
            if run is None
            else _ratio(_shown_gradients(run), _gradients(combination.of(run, self.slope)), run)
        )

    def _explains(self, combination: Combination) -> bool:
        """Whether a program with the combination can show what it shows."""
        return any(
            all(_explains(self.shown(form, seed), combination, self.slope) for seed in SEEDS)
            for form in self.forms(combination)
        )

    def _misses(self, combination: Combination) -> tuple[bool, bool]:
        """Whether the gradients are others, and whether the loss is."""
        form = self.forms(combination)[0]
        factor, run = self._factor(combination, form, SEEDS[0]), self.shown(form)
        loss = None if run is None else showing(run, "loss")
        half = HALF[self.declared.dtype[0]]
        return abs((factor or 0.0) - 1.0) > half, not _explains(loss, combination, self.slope)

    def declaring(self, combination: Combination, declared: Declaration) -> Declaration:
        """The declaration with a combination that fits."""
        form, *others = self.forms(combination)
        one_form = form in TARGETS and "labels" not in others
        own = (combination.own.id,) if combination.own else ()
        return replace(
            declared,
            activations=(combination.hidden,) if combination.hidden else declared.activations,
            outputs=(combination.output,),
            losses=(combination.loss,),
            targets=form if one_form else declared.targets,
            conventions=(*declared.conventions, *own),
        )


def forms_of(declared: Declaration, loss: str) -> tuple[str, ...]:
    """The forms of targets that a program for a loss may be written for; the others are
    special cases of the first.
    """
    if "labels" in targets_of(loss):
        return (declared.targets,) if declared.targets else TARGETS
    return targets_of(loss)


def _names(outcome: Outcome) -> set[str]:
    return {name for _, name, _ in outcome.arrays}


def _explains(run: Run | None, combination: Combination, slope: float) -> bool:
    """Whether a program with the combination can show what a run shows."""
    if run is None:
        return False
    asked = combination.of(run, slope)
    own = combination.own
    stations = judged(asked, [Placed(own, own.layers(asked.spec))] if own else [])
    return not any(station.off for station in stations)


def _shown_gradients(run: Run) -> dict[Quantity, Array]:
    """The gradients of the first step; where none are shown, what was subtracted."""
    step = run.steps[0]
    gradients = {where: array for where, array in step.arrays.items() if where[0] in GRADIENTS}
    lr = step.spec.hyperparameters["lr"]
    changed = {
        (f"d{part.name}", part.layer): (start - step.arrays[part]) / lr
        for part, start in run.parts.items()
        if part in step.arrays and step.arrays[part].shape == start.shape
    }
    return gradients or changed


def _gradients(run: Run) -> dict[Quantity, Array]:
    """The gradients of a right program's first step."""
    (record,) = simulate(run)
    return {
        (name, l): getattr(layer, name)
        for l, layer in enumerate(record.layers, start=1)
        for name in GRADIENTS
    }


def _ratio(shown: dict[Quantity, Array], right: dict[Quantity, Array], run: Run) -> float | None:
    """The factor between gradients, of which half of the digits agree; None where there
    is none.
    """
    if not shown or any(array.shape != right[where].shape for where, array in shown.items()):
        return None
    got = np.concatenate([array.ravel() for array in shown.values()])
    expected = np.concatenate([right[where].ravel() for where in shown])
    with np.errstate(all="ignore"):
        factor = float(got @ expected / (expected @ expected))
        gap, size = np.abs(got - factor * expected).max(), np.abs(got).max()
    return factor if factor and gap <= HALF[run.spec.dtype] * size else None
