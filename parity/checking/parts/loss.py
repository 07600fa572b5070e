"""check_loss: a loss and its gradient alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.checking.parts.called import Called, named
from parity.checking.parts.pairs import Function, functions_of, of_a_number
from parity.checking.parts.part import (
    Part,
    Show,
    holds,
    is_read,
    judged_part,
    known,
    options,
    tasks_of,
)
from parity.checking.program.given import Array
from parity.checking.program.outcome import NOTE
from parity.checking.tasks.declaration import declaration
from parity.checking.tasks.task import Task
from parity.checking.verdict.report import CheckReport
from parity.mistakes.conditions import is_last
from parity.mistakes.diagnosis.finding import Finding
from parity.mistakes.mistake import Wrong
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers
from parity.rounding.plain import Plain
from parity.steps.cases import DTYPES, targets_of
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
    options("check_loss", hard=hard, explain=explain, seed=seed)
    known("check_loss", "like", like, [*LOSSES])
    loss = _Loss(value, gradient, like, {"dtype": dtype, "conventions": conventions})

    def tasks(part: Part) -> list[Task]:
        return tasks_of(part, hard=hard, seed=seed)

    def reads(kind: str | None) -> bool:
        part = loss.part(kind)
        return is_read(part, tasks(part))

    kinds = [*KINDS] if targets is None and "labels" in targets_of(like) else [targets]
    kind = next(filter(reads, kinds), targets)
    part, swapped = loss.part(kind), loss.part(kind, swapped=True)
    report = judged_part(part, tasks(part), explain=explain)
    notes = [] if kind == targets else [_of_kind(kind)]
    is_negated = any(finding.bug == "output-delta-negated" for finding in report.findings)
    is_odd = is_negated or not reads(kind)
    notes += [_SWAPPED] if is_odd and holds(swapped, tasks(swapped)) else []
    untried = () if kind == targets else KINDS[kind]
    return replace(report, findings=(*report.findings, *notes), untried=(*report.untried, *untried))


@dataclass(frozen=True)
class _Loss:
    """A loss, and how it is checked."""

    value: Any
    gradient: Function | None
    like: str
    declared: dict[str, Any]

    def part(self, targets: str | None, *, swapped: bool = False) -> Part:
        """The loss of these targets; `swapped` is to give it y before a."""
        pair = functions_of("value", self.value, self.gradient)
        cost = Called("value", pair[0])
        slope = Called("gradient", of_a_number(pair[1], self.gradient))

        def given(s: StepProgram, l: int) -> list[Array]:
            is_one_hot = targets == "one_hot" and s.y.ndim == 1
            both = [s.a(l).value, np.asarray(s.targets if is_one_hot else s.y)]
            return both[::-1] if swapped else both

        def slots(show: Show) -> dict[str, Wrong]:
            def C(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
                return show(s, ("loss", 0), cost.array(*given(s, l), shapes=[()]))

            def output_delta(s: StepProgram, l: int, right: Callable[[], Numbers]) -> Numbers:
                g = slope.array(*given(s, l), shapes=[s.a(l).shape])
                return show(s, ("delta", l), s.pullback(l, Plain(g)).value)

            return {"C": C, "BP1": output_delta}

        declared = declaration(
            activations=("tanh",),
            losses=(self.like,),
            optimizers=("sgd",),
            settings=(),
            targets=targets,
            **self.declared,
        )
        name = f"{named(self.value, 'value')}, like {self.like}"
        covers = ("batches", "outputs", "losses")
        gives = ("loss", "delta"), ("C", "BP1")
        return Part(name, declared, {"": slots}, *gives, covers, is_last)


# the kinds of targets that stand for a class, and what a loss of each has not tried
KINDS: dict[str | None, tuple[str, ...]] = {
    None: (),
    "distributions": ("labels",),
    "one_hot": ("labels", "distributions"),
    "labels": ("distributions",),
}
_SWAPPED = Finding(
    "",
    NOTE,
    where="value and gradient",
    got="they are right where they are given y before a",
    advice="they are called with the prediction first, as in PyTorch",
)


def _of_kind(kind: str | None) -> Finding:
    got, advice = f"they cannot read all targets, but {kind}", f"say targets={kind!r}"
    return Finding("", NOTE, where="value and gradient", got=got, advice=advice)
