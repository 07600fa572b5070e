"""The headlines of a tutorial: descent by loops over the samples against `fit`, and a
forward pass by loops over the weights.

The loops are refnet.forms, which follow Thomas, Neural Networks Tutorial - A Pathway to
Deep Learning (adventuresinmachinelearning): section 5.4 trains 64-30-10 sigmoids on the
digits by full-batch gradient descent, one sample after the other, 3,000 times
(`accumulated`, with f'(z) from h, which he computes from z once more); sections 3.2 and
3.5 compute a forward pass weight by weight (`loops`) and by matrix products, and report
a factor of 500 for 100-100-50-10. Inputs are not checked within what is timed.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from parity.bench.sides.judge import Judgement, judge, judgement
from parity.bench.sides.refnet import layers_of
from parity.bench.sides.setting import Side
from parity.bench.timing import Timing, interleaved
from parity.experiments.job.digits import SIZES, load
from parity.mistakes.search.replay import Run, Shown
from parity.steps.record import Spec
from refnet.building import mlp
from refnet.checks import Array
from refnet.forms import accumulated, loops
from refnet.initializers import Uniform
from refnet.losses import HalfSquaredError, one_hot
from refnet.network import Network
from refnet.optimizers import SGD
from refnet.training import fit

ALPHA = 0.25  # the learning rate, the number of iterations and the factor are Thomas'
ITERATIONS = 3000
REPORTED = 500
FORWARD = (100, 100, 50, 10)
CURVATURE = 1.0  # of half the squared error


def iterate(net: Network, x: Array, y: Array) -> float:
    """One iteration: the deltas of one sample after the other in capital deltas, then
    one step. Half the squared error before it.
    """
    return accumulated.step_into(net, x, y, CURVATURE, ALPHA)


def looped(net: Network, x: Array) -> Array:
    """The output for one sample, index by index."""
    h, _ = loops.propagate(net.layers, x)
    return h[len(net.sizes)]


def matrix(net: Network, x: Array) -> Array:
    """The output for one sample, by matrix products."""
    h, _ = accumulated.propagate(net.layers, x)
    return h[len(net.sizes)]


class Headlines(NamedTuple):
    """Seconds of an iteration and of a forward pass, how far the two cost curves are
    apart, and whether all of it is right.
    """

    images: int
    descent: dict[str, Timing]
    curve: tuple[list[float], list[float]]  # half the squared error of each iteration: loops, fit
    forward: dict[str, Timing]
    judged: dict[str, Judgement]

    @property
    def apart(self) -> float:
        """The largest difference of the curves, relative to the loops'."""
        theirs, ours = map(np.array, self.curve)
        return float((np.abs(theirs - ours) / np.abs(theirs)).max())

    @property
    def problem(self) -> str:
        """What is wrong with which side."""
        return next(
            (f"{name}: {each.problem}" for name, each in self.judged.items() if each.problem), ""
        )

    @property
    def factor(self) -> float:
        """How many times as long the loops take as `fit`."""
        return self.descent["loops"].median / self.descent["fit"].median

    def lines(self) -> Iterator[str]:
        """What is printed."""
        sampled, ours = (self.descent[name].median for name in ("loops", "fit"))
        indexed, products, predict = (
            self.forward[name].median for name in ("looped", "matrix", "refnet")
        )
        count, first, last = len(self.curve[0]), self.curve[0][0], self.curve[0][-1]
        yield (
            f"Full-batch descent on {self.images:,} digits, 64-30-10 sigmoids, float64, as in "
            f"Thomas' tutorial"
        )
        yield (
            f"  an iteration: his loops over the samples {sampled * 1e3:.2f} ms, fit "
            f"{ours * 1e3:.3f} ms: {self.factor:.1f} times"
        )
        yield (
            f"  {ITERATIONS:,} iterations would take {sampled * ITERATIONS:.0f} s and "
            f"{ours * ITERATIONS:.1f} s"
        )
        yield (
            f"  {count} iterations from equal weights: half squared error {first:.6f} to "
            f"{last:.6f} by the loops,"
        )
        yield f"  largest relative difference of the two curves {self.apart:.1e}"
        yield f"Forward pass of {'-'.join(map(str, FORWARD))}, one sample, float64"
        yield (
            f"  weight by weight {indexed * 1e3:.2f} ms, by matrices {products * 1e6:.1f} us: "
            f"{indexed / products:.0f} times (he reports {REPORTED})"
        )
        yield f"  Network.predict, with its checks, {predict * 1e6:.1f} us"

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "images": self.images,
            "descent": {name: timing.as_json() for name, timing in self.descent.items()},
            "factor": self.factor,
            "projected": {
                name: timing.median * ITERATIONS for name, timing in self.descent.items()
            },
            "curve": {"loops": self.curve[0], "fit": self.curve[1], "apart": self.apart},
            "forward": {name: timing.as_json() for name, timing in self.forward.items()},
            "judged": {name: each._asdict() for name, each in self.judged.items()},
        }


def headlines(
    repeats: int, seconds: float, iterations: int, seed: int, images: int | None = None
) -> Headlines:
    """Judge and measure both.

    `iterations` are those of a repeat of the loops, a tenth of a repeat of fit's, a
    thirtieth of the curve's.
    """
    split = load(seed)
    x, y = np.ascontiguousarray(split.x[:images]), one_hot(split.labels[:images], SIZES[-1])
    net = mlp(SIZES, hidden="sigmoid", output="sigmoid", init=Uniform(), seed=seed)
    sampled, trained = net.copy(), net.copy()
    judged = _judged(net, x, y)
    longer, curve_length = 10 * iterations, 30 * iterations
    curve = (
        [iterate(sampled, x, y) for _ in range(curve_length)],
        _fitted(trained, x, y, curve_length),
    )

    def some() -> None:
        for _ in range(iterations):
            iterate(sampled, x, y)

    timed = interleaved(
        {"loops": some, "fit": lambda: _fitted(trained, x, y, longer)}, repeats, seconds
    )
    descent = {"loops": timed["loops"].over(iterations), "fit": timed["fit"].over(longer)}
    forward, right = _forward(repeats, seconds, seed)
    return Headlines(len(x), descent, curve, forward, {**judged, **right})


def _fitted(net: Network, x: Array, y: Array, iterations: int) -> list[float]:
    return fit(
        net, x, y, loss="half_squared_error", optimizer=SGD(lr=ALPHA), epochs=iterations
    ).loss


def _judged(net: Network, x: Array, y: Array) -> dict[str, Judgement]:
    sampled, trained = net.copy(), net.copy()
    sides = {
        "loops over samples": Side(lambda: iterate(sampled, x, y), lambda: layers_of(sampled)),
        "fit, full batch": Side(lambda: _fitted(trained, x, y, 1)[0], lambda: layers_of(trained)),
    }
    return {
        name: judge(side, net.copy(), (x, y), HalfSquaredError(), SGD(lr=ALPHA))
        for name, side in sides.items()
    }


def _forward(
    repeats: int, seconds: float, seed: int
) -> tuple[dict[str, Timing], dict[str, Judgement]]:
    """The timings, and whether each gives the right output."""
    net = mlp(FORWARD, hidden="sigmoid", output="sigmoid", init=Uniform(-0.5, 0.5), seed=seed)
    x = np.random.default_rng(seed).standard_normal(FORWARD[0])
    sides = _forward_sides(net, x)
    judged = {f"forward pass, {name}": _output(net, x, side()) for name, side in sides.items()}
    return interleaved(sides, repeats, seconds), judged


def _forward_sides(net: Network, x: Array) -> dict[str, Callable[[], Array]]:
    return {
        "looped": lambda: looped(net, x),
        "matrix": lambda: matrix(net, x),
        "refnet": lambda: net.predict(x[np.newaxis])[0],
    }


def _output(net: Network, x: Array, output: Array) -> Judgement:
    depth, rule = len(net.layers), SGD(lr=ALPHA)
    activations = tuple(
        (layer.activation.name, layer.activation.parameters) for layer in net.layers
    )
    spec = Spec(
        net.sizes, activations, "half_squared_error", rule.name, rule.hyperparameters, 1, "float64"
    )
    shown = Shown(
        spec, x[np.newaxis], np.zeros((1, net.sizes[-1])), {("a", depth): output[np.newaxis]}
    )
    W, b = zip(*layers_of(net), strict=True)
    return judgement([Run(W, b, {}, (shown,))])
