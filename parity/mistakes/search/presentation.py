"""What is right, but shown as something else: layers in reverse order, one array under
the name of another, the weights from before the step.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations
from typing import NamedTuple

from parity.mistakes.search.replay import LAYER, Run, Shown
from parity.mistakes.search.suspects import WALK, Program
from parity.mistakes.search.trials import Trials
from refnet.checks import Array
from refnet.equations import EQUATIONS

# what is shown under a name
MEANING = {
    "z": EQUATIONS["z"].formula,
    "a": EQUATIONS["a"].formula,
    "dW": EQUATIONS["BP4"].formula,
    "db": EQUATIONS["BP3"].formula,
    "W": "W after the step",
    "b": "b after the step",
}


class Presentation(NamedTuple):
    """How a program shows quantities otherwise than it should, and the run as it should
    have been shown.
    """

    quantities: tuple[str, ...]
    got: str
    expected: str
    corrected: Callable[[Run], Run]


def _reversed(name: str) -> Presentation:
    def step(shown: Shown) -> Shown:
        depth = len(shown.spec.sizes) - 1
        arrays = {
            (each, depth + 1 - l if each == name else l): _vector(each, array)
            for (each, l), array in shown.arrays.items()
        }
        return replace(shown, arrays=arrays)

    return Presentation(
        (name,),
        f"{name} is shown in reverse order, from the last layer to the first",
        "the first layer first",
        lambda run: replace(run, steps=tuple(map(step, run.steps))),
    )


def _vector(name: str, array: Array) -> Array:
    """A column of biases as the vector that it is in its own layer."""
    return array.reshape(-1) if name in ("b", "db") and 1 in array.shape else array


def _shown_as(name: str, meant: str) -> Presentation:
    """What is called `name` has the numbers of `meant`."""

    def step(shown: Shown) -> Shown:
        renamed = {(meant, l): array for (each, l), array in shown.arrays.items() if each == name}
        others = {where: array for where, array in shown.arrays.items() if where[0] != name}
        return replace(shown, arrays=others | renamed)

    return Presentation(
        (name, meant),
        f"your {name} is what {meant} should be",
        MEANING[name],
        lambda run: replace(run, steps=tuple(map(step, run.steps))),
    )


def _exchanged(one: str, other: str) -> Presentation:
    """Both are shown, each under the name of the other."""
    names = {one: other, other: one}

    def step(shown: Shown) -> Shown:
        arrays = {(names.get(name, name), l): array for (name, l), array in shown.arrays.items()}
        both = names.keys() <= {name for name, _ in shown.arrays}
        return replace(shown, arrays=arrays) if both else shown

    return Presentation(
        (one, other),
        f"{one} and {other} have changed places: your {one} is what {other} should be",
        "each under its own name",
        lambda run: replace(run, steps=tuple(map(step, run.steps))),
    )


def _gradients_exchanged(run: Run) -> Run:
    """dW under the name of db and db under that of dW, each as its own name is read."""

    def step(shown: Shown) -> Shown:
        arrays = dict(shown.arrays)
        for (name, l), array in shown.arrays.items():
            if name == "db":
                arrays["dW", l] = array.T if "dW" in run.turned else array
            elif name == "dW":
                arrays["db", l] = _vector("db", array)
        return replace(shown, arrays=arrays)

    return replace(run, steps=tuple(map(step, run.steps)))


def _from_before(run: Run) -> Run:
    """Each step with the weights that the next one shows."""
    weights = [
        {where: array for where, array in shown.arrays.items() if where[0] in ("W", "b")}
        for shown in run.steps
    ]
    return replace(
        run,
        steps=tuple(
            replace(
                shown,
                arrays={w: a for w, a in shown.arrays.items() if w[0] not in ("W", "b")} | after,
            )
            for shown, after in zip(run.steps, [*weights[1:], {}], strict=True)
        ),
    )


PRESENTATIONS = (
    *(_reversed(name) for name in (*LAYER, "W", "b") if name != "a_prev"),
    _exchanged("z", "a"),
    Presentation(
        ("dW", "db"),
        "dW and db have changed places: your dW is what db should be",
        "each under its own name",
        _gradients_exchanged,
    ),
    _exchanged("dW", "W"),
    _exchanged("db", "b"),
    *(
        _shown_as(name, meant)
        for pair in (("z", "a"), ("dW", "W"), ("db", "b"))
        for name, meant in permutations(pair)
    ),
    Presentation(
        ("W", "b"),
        "W and b are shown as they were before the step",
        "the weights and biases after it",
        _from_before,
    ),
)


def presented(trials: Trials, number: int, program: Program) -> Iterator[Presentation]:
    """The ways of showing that explain the first array of a run that is off: as they
    should have been shown, the quantities come of the program in that step.
    """
    off = trials.first_off(number, program)
    run = trials.runs[number]
    # what is not judged would fit whatever is shown for it
    taken = {name for step in run.steps for name, _ in step.taken}
    for way in PRESENTATIONS:
        if off is None or off.quantity not in way.quantities or taken & set(way.quantities):
            continue
        corrected = way.corrected(run)
        shown = {name for name, _ in corrected.steps[off.step].arrays} & set(way.quantities)
        later = trials.of([corrected]).first_off(0, program)
        last = max((_position(off.step, name) for name in shown), default=None)
        if last and (later is None or _position(later.step, later.quantity) > last):
            yield way


def _position(step: int, quantity: str) -> tuple[int, int]:
    return step, WALK.get(quantity, len(WALK))
