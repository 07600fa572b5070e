"""check_loss: a loss and its gradient alone."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from parity.checking.parts.called import Called, named
from parity.checking.parts.pairs import functions_of, of_a_number
from parity.checking.parts.part import Part, Show, judged_part, known, options
from parity.checking.program.given import Array
from parity.checking.tasks.declaration import declaration
from parity.checking.verdict.report import CheckReport
from parity.mistakes.conditions import is_last
from parity.mistakes.mistake import Wrong
from parity.mistakes.program import Numbers, StepProgram
from parity.rounding.plain import Plain
from parity.steps.cases import DTYPES
from refnet.losses import LOSSES


def check_loss(
    value: Any,
    gradient: Callable[..., Any] | None = None,
    *,
    like: str,
    targets: str | None = None,
    dtype: Any = DTYPES,
    conventions: Sequence[str] = (),
    hard: bool = True,
    explain: bool = False,
    seed: int = 0,
) -> CheckReport:
    """Is a loss of your own right, and if not, which mistake is it.

        C = value(a, y),  dC/da = gradient(a, y)

    A loss that reads logits is given those for a. Without a gradient, `value` is an
    object with forward(a, y) and backward(), or a function of PyTorch's tensors, such
    as a module, which autograd differentiates. `targets` are "labels", "one_hot" or
    "distributions", where the loss does not take all that PyTorch's takes.

    It stands behind networks that are right, and is judged as by `check`: the gradient
    by delta = dC/da * f'(z) of the output layer, and where it is `hard`, also where
    logits are far from 0 and probabilities are 0.

    Shapes: a and dC/da (n, n_outputs), y as the loss wants it, C one number.
    Torch: torch.autograd.gradcheck compares with differences, and names no mistake.
    Errors: ValueError for an unknown name, TypeError for what cannot be called.
    """
    given = options("check_loss", hard=hard, explain=explain, seed=seed)
    known("check_loss", "like", like, [*LOSSES])
    declared = declaration(
        activations=("tanh",),
        losses=(like,),
        optimizers=("sgd",),
        settings=(),
        targets=targets,
        dtype=dtype,
        conventions=conventions,
    )
    forward, backward = functions_of("value", value, gradient)
    cost, slope = Called("value", forward), Called("gradient", of_a_number(backward, gradient))

    def y_of(s: StepProgram) -> Array:
        is_one_hot = targets == "one_hot" and s.y.ndim == 1
        return np.asarray(s.targets if is_one_hot else s.y)

    def slots(show: Show) -> dict[str, Wrong]:
        def C(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
            return show(s, ("loss", 0), cost.array(s.a(l).value, y_of(s), shapes=[()]))

        def output_delta(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
            a = s.a(l).value
            g = slope.array(a, y_of(s), shapes=[a.shape])
            return show(s, ("delta", l), s.pullback(l, Plain(g)).value)

        return {"C": C, "BP1": output_delta}

    covers = ("batches", "outputs", "losses")
    name = f"{named(value, 'value')}, like {like}"
    return judged_part(
        Part(name, declared, {"": slots}, ("loss", "delta"), covers, is_last), **given
    )
