"""XOR by the smallest networks: what one perceptron cannot do, and how often 2-2-1,
2-3-1 and 2-4-1 learn it from 100 seeded starts.

    python examples/xor.py [--plot DIR]

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
from printed import Printed, run
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
    yield "One perceptron, trained by the perceptron learning rule:"
    verdicts = {True: "separable", False: "not separable"}
    for name, labels, printed in (
        ("OR", OR, "separable"),
        ("AND", AND, "separable"),
        ("XOR", XOR, "not separable"),
    ):
        yield Printed("rule", name, printed, verdicts[perceptron.learn(X, labels).separable])
    signed = np.where(XOR == 1, 1, -1)[:, None] * np.column_stack([X, np.ones(len(X))])
    counts = perceptron.learn(X, XOR).counts
    yield (
        "The proof for XOR. Write a row as (x1, x2, 1) if its label is 1, and as (-x1, -x2, -1) if "
        "it is 0. If a line w1, w2, b separated the labels, the product of each row with "
        "(w1, w2, b) would be above 0."
    )
    terms = [
        f"{n} {tuple(row.astype(int).tolist())}" for n, row in zip(counts, signed, strict=True)
    ]
    total = tuple((counts @ signed).astype(int).tolist())
    yield f"But {' + '.join(terms)} = {total}, and its product is 0."
    yield Printed("rule", "the sum of the signed rows", "(0, 0, 0)", (counts @ signed).astype(int))
    yield Printed("by hand", "OR but not AND, three perceptrons", "0 1 1 0", built().classify(X))


def story():
    """One perceptron; hidden units; the starts that do not learn."""
    yield from one_perceptron()
    yield (
        f"A network with hidden units learns XOR by gradient descent, but not from every start. "
        f"{STARTS} starts, {EPOCHS} epochs each:"
    )
    for units, printed in zip(WIDTHS, LEARNING, strict=True):
        yield Printed(
            "starts",
            f"2-{units}-1: starts that learn all four rows",
            f"{printed}",
            len(starts(units)[0]),
        )
    epochs = (np.median([len(start.loss) for start in starts(units)[0]]) for units in WIDTHS)
    yield (
        f"Those starts take {', '.join(f'{count:.0f}' for count in epochs)} epochs in the median."
    )
    yield from plateau()


def plateau():
    """Where the stuck starts of 2-2-1 are, and where they go."""
    _, stuck = starts(2)
    right, losses = sorted({start.right for start in stuck}), [start.loss[-1] for start in stuck]
    after, outputs = longer().loss[-1], ", ".join(f"{p:.3f}" for p in longer().net.predict(X)[:, 0])
    norms = [np.linalg.norm(net.parameters) for net in (stuck[0].net, longer().net)]
    yield (
        f"The other {len(stuck)} starts of 2-2-1 are stuck, with {', '.join(map(str, right))} rows "
        f"right and a loss of {min(losses):.4f} to {max(losses):.4f}. One of them has a loss of "
        f"{after:.4f} after {10 * EPOCHS} epochs, and the outputs {outputs}. Two rows are learned; "
        f"the other two get probability 1/2, which costs ln 2 / 2 = {STUCK:.4f}. The norm of the "
        f"weights grew from {norms[0]:.1f} to {norms[1]:.1f}: the network is not at a minimum, but "
        f"on a plateau that still falls."
    )
    yield Printed(
        "plateau", "loss when stuck, after ten times the epochs", f"{STUCK:.3f}", longer().loss[-1]
    )
    falls = bool((np.diff(longer().loss) < 0).all())
    yield Printed(
        "plateau",
        "that loss, from epoch to epoch",
        "falls each time",
        "falls each time" if falls else "rises at times",
    )


def regions():
    """The outputs of two learned networks and a stuck one over the plane."""
    from refnet.plot.style import sheet

    named = {f"2-{units}-1, learned": starts(units)[0][0].net for units in WIDTHS[:2]} | {
        "2-2-1, stuck": longer().net
    }
    figure, axes = sheet(1, 3, 3.7, 4.0, sharey=True)
    for ax, (title, net) in zip(axes, named.items(), strict=True):
        refnet.plot.decision_boundary(net, X, XOR, ax, levels=(0.1, 0.9), margin=0.5, size=70)
        ax.set(title=title, aspect="equal")
        ax.get_legend().remove()
    figure.legend(*axes[0].get_legend_handles_labels(), title="label", loc="outside right center")
    figure.suptitle("Probability of label 1", fontsize=11)
    return figure


def losses():
    """The loss of all starts of 2-2-1 and 2-3-1."""
    from matplotlib.lines import Line2D

    from refnet.plot.style import BLACK, BLUE, RED, sheet

    figure, axes = sheet(1, 2, sharey=True)
    for ax, units in zip(axes, WIDTHS, strict=False):
        learned, stuck = starts(units)
        for group, colour, line in ((learned, BLUE, "-"), (stuck, RED, "--")):
            for start in group:
                ax.plot(
                    range(1, len(start.loss) + 1),
                    start.loss,
                    color=colour,
                    linestyle=line,
                    linewidth=0.7,
                    alpha=0.6,
                )
        ax.axhline(STUCK, color=BLACK, linestyle=":", linewidth=1)
        ax.set(
            title=f"2-{units}-1: {len(learned)} of {STARTS} starts learn XOR",
            xlabel="epoch",
            ylabel="loss",
        )
        ax.set(xlim=(0, EPOCHS), ylim=(0, None))
        keys = [
            Line2D([], [], color=colour, linestyle=line)
            for colour, line in ((BLUE, "-"), (RED, "--"), (BLACK, ":"))
        ]
        ax.legend(keys, [f"learned, to {LEARNED}", "stuck", "ln 2 / 2"], loc="upper right")
    return figure


def drawings():
    """The pictures of this script."""
    yield "xor_regions", regions
    yield "xor_starts", losses


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings, column="expected"))
