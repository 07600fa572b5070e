"""XOR by the smallest networks: what one perceptron cannot do, and how often 2-2-1,
2-3-1 and 2-4-1 learn it from 100 seeded starts.

    python examples/xor.py [SECTION ...] [--plot DIR]

Batch gradient descent on the four rows: tanh, a sigmoid output, binary cross-entropy,
learning rate 2. Sources: Minsky and Papert, Perceptrons (1969), for what one perceptron
cannot do; Rumelhart, Hinton and Williams, Learning internal representations by error
propagation (1986), for hidden units that can, and for starts from which they do not get
there.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

import refnet
from lesson import Claim, Expected, run, side_by_side
from refnet.forms import perceptron

TITLE = "XOR: what one perceptron cannot do, and how often a small network learns it"
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR, OR, AND = np.array([0, 1, 1, 0]), np.array([0, 1, 1, 1]), np.array([0, 0, 0, 1])
STARTS, EPOCHS, LEARNED = 100, 300, 0.1
LOSS, LR = refnet.BinaryCrossEntropy(), 2.0
WIDTHS = (2, 3, 4)
# starts of each width that learn XOR; measured, and the same where all starting weights
# are changed by 1e-8 of themselves
LEARNING = (64, 98, 100)
# the mean loss where two rows cost 0 and two, with probability 1/2, cost ln 2 each
STUCK = np.log(2) / 2


class Reached:
    """A rule for `fit`: stop as soon as the loss is below a value."""

    def __init__(self, loss):
        self.loss = loss

    def start(self, validated):
        """Nothing to prepare."""

    def reason(self, net, epoch):
        """Why to stop, or None."""
        return f"loss below {self.loss}" if epoch.loss < self.loss else None

    def finish(self, net):
        """Nothing to put back."""


class Start(NamedTuple):
    """A network trained from one seed, how many of the four rows it gets right, and its
    loss in each epoch.
    """

    net: refnet.Network
    right: int
    loss: list[float]


def train(units, seed, epochs=EPOCHS):
    """2-units-1 from one start, until XOR is learned or the epochs are over."""
    net = refnet.mlp([2, units, 1], hidden="tanh", output="sigmoid", seed=seed)
    history = refnet.fit(
        net,
        X,
        XOR[:, None],
        loss=LOSS,
        optimizer=refnet.SGD(lr=LR),
        epochs=epochs,
        stop=Reached(LEARNED),
    )
    return Start(net, int((net.classify(X) == XOR).sum()), history.loss)


@cache
def starts(units):
    """All starts of a width: those that learn all four rows, and the others."""
    every = [train(units, seed) for seed in range(STARTS)]
    return [start for start in every if start.right == len(X)], [
        start for start in every if start.right < len(X)
    ]


@cache
def longer():
    """The first start of 2-2-1 that gets stuck, with ten times the epochs."""
    seed = next(seed for seed in range(STARTS) if train(2, seed).right < len(X))
    return train(2, seed, 10 * EPOCHS)


def built():
    """XOR by perceptrons with weights set by hand: one computes OR, one AND, and the
    output OR but not AND.
    """
    hidden = refnet.Dense([[1.0, 1.0], [1.0, 1.0]], [-0.5, -1.5], "heaviside")
    return refnet.Network([hidden, refnet.Dense([[1.0, -1.0]], [-0.5], "heaviside")])


def one_perceptron():
    """What the learning rule finds for OR, AND and XOR."""
    for name, labels, separable in (("OR", OR, True), ("AND", AND, True), ("XOR", XOR, False)):
        found = perceptron.learn(X, labels)
        yield Claim(
            f"{name}: {'a' if separable else 'no'} line separates the labels",
            f"{found.mistakes[-1]} mistakes in epoch {found.epochs}",
            found.separable is separable,
        )
    yield (
        "Why no line separates XOR. Write a row as (x1, x2, 1) if its label is 1, and as "
        "(-x1, -x2, -1) if it is 0. If a line w1 x1 + w2 x2 + b = 0 separated the labels, the "
        "product of each such row with (w1, w2, b) would be above 0, and so would that of their "
        "sum. But the sum is 0:"
    )
    signed = np.where(XOR == 1, 1, -1)[:, None] * np.column_stack([X, np.ones(len(X))])
    yield "\n".join(f"  {row.astype(int)}" for row in signed)
    yield Expected("the sum of the four", "(0, 0, 0)", signed.sum(axis=0).astype(int))


def three_perceptrons():
    """XOR with weights set by hand: OR but not AND."""
    yield "One hidden unit computes OR, one AND; the output is OR but not AND."
    yield Expected("classes of the four rows", "0 1 1 0", built().classify(X))


def random_starts():
    """How often gradient descent gets there."""
    yield (
        f"A network with hidden units learns XOR by gradient descent, but not from every start. "
        f"{STARTS} starts, {EPOCHS} epochs each:"
    )
    for units, expected in zip(WIDTHS, LEARNING, strict=True):
        learned, _ = starts(units)
        what = f"2-{units}-1: starts that learn all four rows"
        yield Expected(what, f"{expected}", len(learned))
    medians = [np.median([len(start.loss) for start in starts(units)[0]]) for units in WIDTHS]
    yield f"In the median these take {side_by_side(medians, 0)} epochs."


def plateau():
    """Where the stuck starts of 2-2-1 are, and where they go."""
    _, stuck = starts(2)
    right = sorted({start.right for start in stuck})
    ends = [start.loss[-1] for start in stuck]
    yield (
        f"The other {len(stuck)} starts of 2-2-1 are stuck, with {' or '.join(map(str, right))} "
        f"rows right and a loss of {min(ends):.4f} to {max(ends):.4f}. Two rows are learned; the "
        f"other two get probability 1/2, which costs -2 ln(1/2) / 4 = ln 2 / 2. One of them with "
        f"ten times the epochs:"
    )
    net, _, loss = longer()
    yield Expected(f"loss after {len(loss)} epochs, ln 2 / 2", f"{STUCK:.3f}", loss[-1])
    yield Claim(
        "the loss falls from each epoch to the next",
        f"by {-np.diff(loss).max():.0e} or more",
        bool((np.diff(loss) < 0).all()),
    )
    norms = [np.linalg.norm(of.parameters) for of in (stuck[0].net, net)]
    yield (
        f"The outputs are then {side_by_side(net.predict(X))}. The norm of the weights grew from "
        f"{norms[0]:.1f} to {norms[1]:.1f}: this is no minimum, but a plateau that still falls."
    )


SECTIONS = {
    "One perceptron cannot": one_perceptron,
    "Three perceptrons can": three_perceptrons,
    "Gradient descent finds it, from most starts": random_starts,
    "Where the others get stuck": plateau,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
