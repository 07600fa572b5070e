"""check_linear: a layer of weighted sums alone, forward and backward."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from parity.checking.parts.called import named
from parity.checking.parts.layers import Back, Layer, layer_of
from parity.checking.parts.part import Part, Show, holds, judged_part, known, options, tasks_of
from parity.checking.program.given import Array
from parity.checking.program.outcome import NOTE
from parity.checking.tasks.declaration import KNOWN, declaration
from parity.checking.verdict.report import CheckReport
from parity.mistakes.diagnosis.finding import Finding
from parity.mistakes.mistake import Wrong
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers, Quantity
from parity.steps.cases import DTYPES
from refnet.checks import flag

Right: TypeAlias = Callable[[], Numbers]
SHAPES = {"out_in": "(fan_out, fan_in)", "in_out": "(fan_in, fan_out)"}
BELOW = 5  # inputs of the right layer below one that keeps its shape


def check_linear(
    forward: Any,
    backward: Callable[..., Any] | None = None,
    *,
    layout: str = "out_in",
    bias: bool = True,
    dtype: Any = DTYPES,
    explain: bool = False,
    seed: int = 0,
) -> CheckReport:
    """Is a layer of weighted sums of your own right, and if not, which mistake is it.

        z = forward(x, W, b),  (dx, dW, db) = backward(x, W, delta)

    Without `backward`, `forward` is a layer: an object with forward(x), which gives z,
    and backward(delta), which gives dx; W and b are its `weight` and `bias` or `W` and
    `b`, their gradients its `dW` and `db` or `weight_grad` and `bias_grad`; or it is a
    module of PyTorch, which autograd differentiates. A layer keeps its own shape; one
    that adds up its gradients has a zero_grad(), which is called before.

    All layers of networks of the identity are made of it, of several shapes, square
    ones too. dx may be None where it is not computed. Without `bias`, forward is called
    without b, and db is not asked for.

    Shapes: x (n, fan_in), z and delta (n, fan_out), W and dW (fan_out, fan_in), or
        (fan_in, fan_out) where `layout` is "in_out", b and db (fan_out,), dx as x.
    Torch: torch.nn.Linear.
    Errors: ValueError for an unknown name, TypeError for what cannot be called.
    """
    options("check_linear", explain=explain, seed=seed)
    known("check_linear", "layout", layout, KNOWN["layout"])
    bias = flag("check_linear", "bias", bias)
    (other,) = (each for each in KNOWN["layout"] if each != layout)
    part = _part(forward, backward, layout, bias, dtype)
    report = judged_part(part, tasks_of(part, hard=False, seed=seed), explain=explain)
    if report.passed:
        return report
    turned = _part(forward, backward, other, bias, dtype)
    if not holds(turned, tasks_of(turned, hard=False, seed=seed)):
        return report
    return replace(report, findings=(*report.findings, _of_layout(other)))


def _of_layout(other: str) -> Finding:
    got = f"it is right where W is {SHAPES[other]}"
    advice = f"if it is so in your program, say layout={other!r}"
    return Finding("", NOTE, where="W", got=got, advice=advice)


def _part(
    forward: Any, backward: Callable[..., Any] | None, layout: str, bias: bool, dtype: Any
) -> Part:
    layer = layer_of(forward, backward, is_turned=layout == "in_out", bias=bias)
    declared = declaration(
        activations=("identity",),
        outputs=("identity",),
        losses=("mse",),
        optimizers=("sgd",),
        settings=(),
        bias=bias,
        sizes=layer.sizes and (BELOW, *layer.sizes),
        dtype=dtype,
    )
    return Part(
        f"{named(forward, 'forward')}, like a linear layer",
        declared,
        {"": partial(_slots, layer)},
        ("z", "delta", "dW", "db") if bias else ("z", "delta", "dW"),
        ("z", "BP2", "BP3", "BP4"),
        ("batches",),
    )


def _slots(layer: Layer, show: Show) -> dict[str, Wrong]:
    backwards: dict[tuple[int, int], Back] = {}

    def is_right(s: StepProgram, l: int) -> bool:
        """Whether another layer stands there: one that keeps its shape is the last."""
        return layer.sizes is not None and l < s.L

    def back(s: StepProgram, l: int) -> Back:
        if (s.t, l) not in backwards:
            arrays = s.a_prev(l), s.W(l), s.b(l), s.delta(l)
            backwards[s.t, l] = layer.backward(*(each.value for each in arrays))
        return backwards[s.t, l]

    def given(s: StepProgram, where: Quantity, array: Array | None, right: Right) -> Numbers:
        return right() if array is None else show(s, where, array)

    def z(s: StepProgram, l: int, right: Right) -> Numbers:
        if is_right(s, l):
            return right()
        a, W, b = s.a_prev(l).value, s.W(l).value, s.b(l).value
        return given(s, ("z", l), layer.forward(a, W, b), right)

    def dx(s: StepProgram, l: int, right: Right) -> Numbers:
        if l == s.L or is_right(s, l + 1):
            return right()
        return given(s, ("delta", l), back(s, l + 1).dx, right)

    def db(s: StepProgram, l: int, right: Right) -> Numbers:
        return right() if is_right(s, l) else given(s, ("db", l), back(s, l).db, right)

    def dW(s: StepProgram, l: int, right: Right) -> Numbers:
        return right() if is_right(s, l) else given(s, ("dW", l), back(s, l).dW, right)

    return {"z": z, "cotangent": dx, "BP3": db, "BP4": dW}
