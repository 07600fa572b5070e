"""The power of the proof: how small an error is noticed, measured by putting the error
in; beside it, what other tools notice.

A quantity q of a right record is replaced by q (1 + eps), computed in the wider format
and rounded into the record's dtype, so that an eps below the unit of rounding changes
some entries only. The *smallest eps noticed* is the first of 2^-60, 2^(-60 + 1/64),
..., 2^4 (1.1 % apart) at which the array is refused; inf where none is; 0 for a false
alarm: the right array itself is refused. What accepts an array accepts an interval of
each entry, and q (1 + eps) only moves on as eps grows, so bisection finds the first.
Scale errors are positive; of the negative ones eps = -1, an array of zeros, is tried
beside. The bounds of this proof are tried on all eight equations, and on z of wide
layers; other tools, by the tolerances in their source, on dW of the first layer.
"""

import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import chain
from typing import Any

import numpy as np

from parity.experiments import wide_sums
from parity.experiments.wide_sums import Recognised, wide_nets, wide_record
from parity.proof.certificate import judge
from parity.proof.statements import Statement, statements
from parity.rounding.claim import PASSED
from parity.rounding.formats import FORMATS
from parity.steps.cases import DTYPES, TRAINABLE, Case, outputs_of, targets_of
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import StepRecord, record_refnet
from refnet import SGD, Loss, Network, mlp
from refnet.checks import Array
from refnet.losses import LOSSES

GRID = tuple(2.0 ** (k / 64) for k in range(-60 * 64, 4 * 64 + 1))
SHARES = {"median": 0.5, "in_90_percent": 0.9, "worst": 1.0}
PLACES = {  # equation: the quantity that is scaled, and its name in words
    "z": ("z", "z of layer 1"),
    "a": ("a", "a of layer 1"),
    "C": ("loss", "the cost"),
    "BP1": ("delta", "delta of the last layer"),
    "BP2": ("delta", "delta of layer 1"),
    "BP3": ("db", "db of layer 1"),
    "BP4": ("dW", "dW of layer 1"),
    "step": ("W", "W of layer 1 after the step"),
}
WIDE = {f"z, z of {inputs:,} inputs": inputs for inputs in wide_sums.WIDE}
OURS = (*PLACES, *WIDE)


@dataclass(frozen=True)
class Tool:
    """How others compare a gradient: with PyTorch's, or with central differences, which
    need float64.
    """

    name: str
    source: str
    accepts: Callable[[Array, Array], bool]  # got, expected
    differences: bool = False

    def against(self, expected: Array) -> Callable[[Array], bool]:
        """Whether it accepts a gradient in the place of this right one."""
        return lambda got: self.accepts(got, expected)


def _passes(check: Callable[..., object], got: Array, expected: Array, **settings: Any) -> bool:
    with suppress(AssertionError):
        check(got, expected, **settings)
        return True
    return False


def _assert_close(got: Array, expected: Array) -> bool:
    # by name, for only a few rooms may import torch
    return _passes(import_module("torch.testing").assert_close, got, expected)


def _check_grads(got: Array, expected: Array) -> bool:
    # another direction for each gradient, the same one for each eps
    rng = np.random.default_rng(zlib.crc32(expected.tobytes()))
    direction, weight = rng.standard_normal(got.shape), rng.standard_normal()
    a, b = (weight * np.vdot(direction, gradient) for gradient in (got, expected))
    return bool(abs(a - b) < 1e-6 or abs(a - b) < 1e-6 * abs(a + b))


_numpy_ml = partial(_passes, np.testing.assert_almost_equal, decimal=3)
_tinygrad = partial(_passes, np.testing.assert_allclose, atol=1e-4, rtol=1e-3)
_gradcheck = partial(np.allclose, atol=1e-5, rtol=1e-3)
TOOLS = (
    Tool(
        "llm.c",
        "test_gpt2.c, check_tensor: |got - expected| <= 2e-2",
        lambda got, want: bool((abs(got - want) <= 2e-2).all()),
    ),
    Tool(
        "numpy-ml",
        "numpy_ml/tests/test_nn.py, test_FullyConnected: assert_almost_equal, decimal=3",
        _numpy_ml,
    ),
    Tool(
        "tinygrad",
        "test/test_ops.py, helper_test_op: assert_allclose, atol=1e-4, rtol=1e-3",
        _tinygrad,
    ),
    Tool(
        "torch.autograd.gradcheck",
        "defaults: central differences with eps=1e-6, atol=1e-5, rtol=1e-3",
        _gradcheck,
        differences=True,
    ),
    Tool(
        "autograd check_grads",
        "autograd/test_util.py: along one random direction, 1e-6",
        _check_grads,
        differences=True,
    ),
    Tool(
        "torch.testing.assert_close",
        "defaults: atol=1e-7, rtol=1e-7 in float64, 1e-5, 1.3e-6 in float32",
        _assert_close,
    ),
    Tool("numpy.allclose", "defaults: atol=1e-8, rtol=1e-5", np.allclose),
)


@dataclass(frozen=True)
class Comparison:
    """A right array, and what accepts or refuses another in its place.

    `name` is an equation's label or a tool's name.
    """

    name: str
    right: Array
    accepts: Callable[[Array], bool]

    def smallest(self) -> float:
        """The smallest eps noticed."""
        if not self.accepts(self.right):
            return 0.0
        first = bisect_left(GRID, True, key=lambda eps: not self.accepts(scaled(self.right, eps)))
        return (*GRID, np.inf)[first]


def scaled(q: Array, eps: float) -> Array:
    """q (1 + eps), computed in the wider format and rounded into q's dtype.

    Shapes: any.
    """
    wide = FORMATS[q.dtype.name].widen(q)
    return (wide + wide * eps).astype(q.dtype)


@dataclass(frozen=True)
class SmallestErrors:
    """The smallest eps that a comparison notices in each net, in one dtype, and in how
    many nets an array of zeros passes.
    """

    name: str
    dtype: str
    smallest: tuple[float, ...]
    zeros_pass: int

    def noticed_in(self, share: float) -> float:
        """The smallest scale error that is noticed in at least this share of the
        nets.
        """
        return float(np.quantile(self.smallest, share, method="inverted_cdf"))

    @property
    def median(self) -> float:
        """Noticed in half of the nets."""
        return self.noticed_in(0.5)

    @property
    def false_alarms(self) -> int:
        """In how many nets the right array is refused."""
        return self.smallest.count(0.0)

    def as_json(self) -> dict[str, Any]:
        """Plain data; null for what is never noticed."""
        figures = {name: self.noticed_in(share) for name, share in SHARES.items()}
        finite = {name: eps if np.isfinite(eps) else None for name, eps in figures.items()}
        return {
            "name": self.name,
            "dtype": self.dtype,
            **finite,
            "zeros_pass": self.zeros_pass,
            "false_alarms": self.false_alarms,
        }

    def __str__(self) -> str:
        name = f"{self.name}, {PLACES[self.name][1]}" if self.name in PLACES else self.name
        figures = "".join(
            f"{eps:>9.1e}" if np.isfinite(eps) else f"{'never':>9}"
            for eps in map(self.noticed_in, SHARES.values())
        )
        return f"  {self.dtype}  {name:<34}{figures}{self.zeros_pass:>13}{self.false_alarms:>14}"


@dataclass(frozen=True)
class PowerReport:
    """The power of this proof, equation by equation, and of the other tools."""

    nets: int
    seed: int
    rows: tuple[SmallestErrors, ...]
    factors: tuple[Recognised, ...]

    def row(self, name: str, dtype: str = "float64") -> SmallestErrors:
        """The row of an equation or a tool. Errors: KeyError where there is none."""
        return {(row.name, row.dtype): row for row in self.rows}[name, dtype]

    @property
    def passed(self) -> bool:
        """Whether no right quantity was refused by the bounds: what is measured is then
        their power.
        """
        return all(row.false_alarms == 0 for row in self.rows if row.name in OURS)

    def lines(self) -> Iterator[str]:
        """The result in one sentence, then the table, then where the other tools state
        their tolerances.
        """
        ours, theirs = (
            " and ".join(f"{self.row(name, dtype).median:.1e}" for dtype in DTYPES)
            for name in ("BP4", "numpy.allclose")
        )
        where = (
            f"Smallest scale error noticed in dW of layer 1, median over {self.nets} random "
            f"nets, {' and '.join(DTYPES)}"
        )
        yield f"{where}: ours {ours}; numpy.allclose {theirs}"
        judged = f"{'zeros pass':>13}{'false alarms':>14}"
        yield f"{'':<45}{'median':>9}{'in 90 %':>9}{'worst':>9}{judged}"
        yield "ours, by equation"
        yield from (str(row) for row in self.rows if row.name in OURS)
        yield "others, on dW of layer 1"
        yield from (str(row) for row in self.rows if row.name not in OURS)
        yield from (f"{tool.name}: {tool.source}" for tool in TOOLS)
        yield "factors of z in a coarser format that are named, by the number of inputs"
        yield from wide_sums.lines(self.factors)

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        rows, factors = ([each.as_json() for each in rows] for rows in (self.rows, self.factors))
        return {"nets": self.nets, "seed": self.seed, "rows": rows, "factors": factors}


def power(
    nets: int = 200, seed: int = 0, on_progress: Callable[[], object] = lambda: None
) -> PowerReport:
    """Measure on so many random networks, the same in both dtypes; `on_progress` is
    called after each.
    Errors: ValueError for nets < 1.
    """
    if nets < 1:
        raise ValueError(f"power: nets has {nets}, expected 1 or more")
    noticed: dict[tuple[str, str], list[tuple[float, bool]]] = {}
    for number in range(nets):
        for dtype in DTYPES:
            wide = _of_wide_layers(seed, number, dtype) if number < wide_nets(nets) else ()
            for each in chain(comparisons(*random_net(seed, number, dtype)), wide):
                noticed.setdefault((each.name, dtype), []).append(
                    (each.smallest(), each.accepts(np.zeros_like(each.right)))
                )
        on_progress()
    rows = (
        SmallestErrors(*key, tuple(eps for eps, _ in each), sum(passes for _, passes in each))
        for key, each in noticed.items()
    )
    factors = wide_sums.recognised(wide_nets(nets), seed)
    return PowerReport(nets, seed, tuple(rows), tuple(factors))


def _of_wide_layers(seed: int, number: int, dtype: str) -> Iterator[Comparison]:
    for name, inputs in WIDE.items():
        z = wide_sums.weighted_input(wide_record(seed, number, inputs, dtype))
        yield Comparison(name, np.asarray(z.got), certified(z))


def random_net(seed: int, number: int, dtype: str) -> tuple[Network, Array, Array, Loss]:
    """Network `number`, with x, y and a loss: 2 or 3 layers, widths 3 to 39, n 2 to 32,
    weights as torch initialises them.

    Activations, loss and the kind of its targets: any that go together. Both dtypes get
    the same numbers, rounded.
    """
    rng = np.random.default_rng([seed, number])
    sizes = tuple(map(int, rng.integers(3, 40, size=rng.integers(3, 5))))
    hidden = tuple(map(str, rng.choice(TRAINABLE, len(sizes) - 2)))
    loss = str(rng.choice([*LOSSES]))
    output, targets = str(rng.choice(outputs_of(loss))), str(rng.choice(targets_of(loss)))
    case = Case(
        "power",
        sizes,
        hidden,
        output,
        loss,
        targets,
        batch=int(rng.integers(2, 33)),
        dtype=dtype,
        seed=int(rng.integers(2**32)),
    )
    x, y, _ = next(case.steps())
    return mlp(sizes, hidden, output, seed=case.seed, dtype=dtype), x, y, case.make_loss()


def comparisons(net: Network, x: Array, y: Array, loss: Loss) -> Iterator[Comparison]:
    """All of them on one step: refnet's arrays are the right ones, the other tools
    expect PyTorch's or the central differences.
    """
    model = twin(net)
    expected = record_torch(model, x, y, twin_loss(loss), twin_optimizer(SGD(), model)).layers[0].dW
    numeric = central_differences(net, x, y, loss) if net.dtype == np.float64 else None
    record = record_refnet(net, x, y, loss, SGD())
    for label, statement in scaled_statements(record).items():
        yield Comparison(label, np.asarray(statement.got, net.dtype), certified(statement))
    for tool in TOOLS:
        against = numeric if tool.differences else expected
        if against is not None:
            yield Comparison(tool.name, np.asarray(record.layers[0].dW), tool.against(against))


def scaled_statements(record: StepRecord) -> dict[str, Statement]:
    """Of each equation the statement whose quantity is scaled: on the first layer,
    BP1's on the last.
    """
    candidates = [s for s in statements(record) if s.layer in (None, 1) or s.equation == "BP1"]
    return {
        label: next(s for s in candidates if (s.equation, s.quantity) == (label, quantity))
        for label, (quantity, _) in PLACES.items()
    }


def certified(statement: Statement) -> Callable[[Array], bool]:
    """Whether this proof accepts an array in the statement's place."""
    return lambda got: judge(replace(statement, got=got)).status == PASSED


def central_differences(net: Network, x: Array, y: Array, loss: Loss, step: float = 1e-6) -> Array:
    """dC/dW of layer 1, entry by entry, as torch.autograd.gradcheck takes it.

    Shapes: (fan_out, fan_in).
    """
    net = net.copy()
    W = net.layers[0].W
    dW = np.empty_like(W)

    def cost(index: tuple[int, ...], w: float) -> float:
        W[index] = w
        return loss.value(net.predict(x), y)

    for index, w in np.ndenumerate(W.copy()):
        dW[index] = (cost(index, w + step) - cost(index, w - step)) / (2 * step)
        W[index] = w
    return dW
