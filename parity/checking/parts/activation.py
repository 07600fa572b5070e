"""check_activation: an activation and its derivative alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from parity.checking.parts.called import Called, named
from parity.checking.parts.pairs import functions_of
from parity.checking.parts.part import (
    Named,
    Part,
    Show,
    holds,
    judged_part,
    known,
    options,
    tasks_of,
)
from parity.checking.program.given import Array
from parity.checking.program.outcome import NOTE
from parity.checking.tasks.declaration import Declaration, declaration
from parity.checking.verdict.report import CheckReport
from parity.mistakes.conditions import both, has, is_hidden
from parity.mistakes.diagnosis.finding import Finding, in_words
from parity.mistakes.mistake import Wrong
from parity.mistakes.program import StepProgram
from parity.mistakes.search.replay import Run, run_of_case
from parity.mistakes.slots import Numbers
from parity.steps.cases import DTYPES, TRAINABLE, Case

UNITS = 4  # of the layer in which the special numbers stand
# by these the others are judged, too: a right formula may lose digits of a number that
# is small beside the largest
USUAL = (1.0, -1.0, 0.5, -0.5)
# zeros of both signs, the smallest float32 that is no subnormal number, for those are 0
# in XLA, and numbers whose square is lost beside 1, in float32 and in float64
NEAR_ZERO = (0.0, -0.0, 2.0**-126, -(2.0**-126), 2.0**-14, -(2.0**-14), 2.0**-30, -(2.0**-30))
# where a sigmoid rounds to 1, in float32 and in float64; where exp overflows, and where
# it is 0, in each; and far beyond
LARGE = (20.0, 40.0, 90.0, 105.0, 715.0, 750.0, 1000.0, 1e4)
FAR = "numbers beyond exp"


def check_activation(
    value: Any,
    derivative: Callable[..., Any] | None = None,
    *,
    like: str,
    slope: float = 0.01,
    derivative_of: str = "z",
    dtype: Any = DTYPES,
    conventions: Sequence[str] = (),
    hard: bool = True,
    explain: bool = False,
    seed: int = 0,
) -> CheckReport:
    """Is an activation of your own right, and if not, which mistake is it.

        a = value(z),  dC/dz = dC/da * derivative(z)

    Without a derivative, `value` is an object with forward(z) and backward(dC/da), or a
    function of PyTorch's tensors, such as a module, which autograd differentiates. Give
    `derivative_of="a"` for a derivative that is written in terms of a = f(z).

    It stands in the layers of networks that are right otherwise, and is judged as by
    `check`: on random numbers, around 0, and, where it is `hard`, beyond what exp can
    hold. `slope` is that of leaky_relu.

    Shapes: z, a and derivative(z) (n, fan_out), or of a softmax the Jacobian
        (n, fan_out, fan_out), whose entry [i, j, k] is da_ij/dz_ik. One number stands
        for a derivative that is the same everywhere, as 1 is that of the identity.
    Torch: torch.autograd.gradcheck compares with differences, and names no mistake.
    Errors: ValueError for an unknown name, TypeError for what cannot be called.
    """
    options("check_activation", hard=hard, explain=explain, seed=seed)
    known("check_activation", "like", like, TRAINABLE)
    known("check_activation", "derivative_of", derivative_of, ("z", "a"))
    declared = declaration(
        activations=(like,),
        outputs=("identity",),
        losses=("mse",),
        optimizers=("sgd",),
        settings=(),
        dtype=dtype,
        slope=slope,
        conventions=conventions,
    )
    part = _part(value, derivative, derivative_of, declared)
    tasks = tasks_of(part, hard=hard, seed=seed, more=_special(declared, hard=hard))
    report = judged_part(part, tasks, explain=explain)
    if derivative is None or report.passed or derivative_of == "a":
        return report
    is_of_a = holds(_part(value, derivative, "a", declared), tasks)
    return replace(report, findings=(*report.findings, _OF_A)) if is_of_a else report


_OF_A = Finding(
    "",
    NOTE,
    where="derivative",
    got="it is right where it is given a = f(z) in place of z",
    advice="if you call it so, say derivative_of='a'",
)


def _part(
    value: Any, derivative: Callable[..., Any] | None, of: str, declared: Declaration
) -> Part:
    forward, pullback = functions_of("value", value, derivative)
    backward = (
        _through(derivative, of) if derivative else _by(Called("derivative", pullback, spends=0))
    )

    def values(show: Show) -> dict[str, Wrong]:
        def a(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
            z = s.z(l).value
            return show(s, ("a", l), called.array(z, shapes=[z.shape]))

        return {"a": a}

    def derivatives(show: Show) -> dict[str, Wrong]:
        def pulled(s: StepProgram, l: int, g: Numbers, right: Callable[[], Numbers]) -> Numbers:
            return show(s, ("delta", l), backward(g.value, s.z(l).value, s.a(l).value))

        return {"pullback": pulled}

    called = Called("value", forward)
    slots = {"value": values, "derivative": derivatives}
    stands = both(has(*declared.activations or ()), is_hidden)
    name = f"{named(value, 'value')}, like {in_words(declared.activations or ())}"
    gives = ("a", "delta"), ("a", "BP2")
    return Part(name, declared, slots, *gives, ("batches", "activations"), stands)


def _through(derivative: Callable[..., Any], of: str) -> Callable[[Array, Array, Array], Array]:
    """dC/dz from g = dC/da by a derivative, which is given z, or a."""
    called = Called("derivative", derivative)

    def backward(g: Array, z: Array, a: Array) -> Array:
        jacobian = (*z.shape, z.shape[1])
        slopes = called.array(z if of == "z" else a, shapes=[z.shape, jacobian, ()])
        if slopes.ndim == 3:
            return np.einsum("ij,ijk->ik", g, slopes)
        return g * (slopes if slopes.ndim else slopes.item())  # Python's, which is of no dtype

    return backward


def _by(called: Called) -> Callable[[Array, Array, Array], Array]:
    """The same by an object that goes backward, or by autograd."""
    return lambda g, z, a: called.array(g, z, shapes=[z.shape])


def _special(declared: Declaration, *, hard: bool) -> Iterator[Named]:
    """Numbers at which activations have kinks, or leave what floats can hold."""
    (like,) = declared.activations or ("",)
    large = [sign * each for each in LARGE for sign in (1, -1)]
    for dtype in declared.dtype:
        for words, numbers, edge in (
            ("numbers around 0", NEAR_ZERO, ""),
            (FAR, large, FAR),
        ):
            if hard or not edge:
                yield f"{words}, {dtype}", _of_numbers(like, numbers, dtype), edge


def _of_numbers(like: str, numbers: Sequence[float], dtype: str) -> Run:
    """The weighted inputs of the first layer are these numbers."""
    x = np.reshape((*USUAL, *numbers), (-1, UNITS)).astype(dtype)
    sizes = (UNITS, UNITS, 3)
    case = Case("probe", sizes, (like,), "identity", "mse", "values", batch=len(x), dtype=dtype)
    run = run_of_case(case, 1)
    first = replace(run.steps[0], x=x)
    W = (np.eye(UNITS, dtype=dtype), *run.W[1:])
    return replace(run, W=W, b=(np.zeros_like(run.b[0]), *run.b[1:]), steps=(first,))
