"""Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
(adventuresinmachinelearning), sections 1 to 3: what weight and bias do to one sigmoid
node, and the forward pass of the 3-3-1 network, index by index and with matrices.

    python examples/thomas_forward.py [--plot DIR]
"""

from functools import cache
from timeit import repeat

import numpy as np

import refnet
from printed import Printed, run, side_by_side
from refnet.forms import accumulated, loops

TITLE = "Thomas, Neural Networks Tutorial, §1 to §3: one node, and the forward pass"
X = np.array([1.5, 2.0, 3.0])
GRID = np.arange(-80, 80) / 10
WEIGHTS = (0.5, 1.0, 2.0)
BIASES = (-8.0, 0.0, 8.0)
SIGMOID = refnet.Sigmoid()


@cache
def three_three_one():
    """The network of section 3.1. Row i of W belongs to node i of the layer above, so
    that W[i, j] is w_ij.
    """
    W1 = np.array([[0.2] * 3, [0.4] * 3, [0.6] * 3])
    W2 = np.array([[0.5, 0.5, 0.5]])
    return refnet.Network(
        [refnet.Dense(W1, np.full(3, 0.8), "sigmoid"), refnet.Dense(W2, np.array([0.2]), "sigmoid")]
    )


def half_on(w, b):
    """The x on the grid of the text where f(w x + b) passes 1/2, which is -b / w."""
    return float(np.interp(0.5, SIGMOID.value(w * GRID + b), GRID))


def claim_or_both(claim, one, other):
    """The claim where the two figures are written alike, else both of them."""
    return claim if one == other else f"{one} against {other}"


def stuck():
    """In words: where a node without a bias turns on, for each weight of the text."""
    places = [half_on(w, 0.0) for w in WEIGHTS]
    return "x = 0, whatever w" if not any(places) else ", ".join(f"{place:g}" for place in places)


def index_order():
    """The name of the weight from node 1 to node 2: z_2 grows by it where x_1 grows by
    1.
    """
    net = three_three_one()
    growth = (
        accumulated.propagate(net.layers, X + np.eye(3)[0])[1][2][1]
        - accumulated.propagate(net.layers, X)[1][2][1]
    )
    W = net.layers[0].W
    named = {"w_21^(1)": W[1, 0], "w_12^(1)": W[0, 1]}
    return min(named, key=lambda name: abs(named[name] - growth))


def seconds(call, times):
    """The shortest of three averages."""
    return min(repeat(call, number=times, repeat=3)) / times


def story():
    yield from one_node()
    yield from looped()
    yield from vectorised()
    yield from timed()


def one_node():
    """Sections 2.1 to 2.5."""
    slopes = ", ".join(f"{w / 4:g} for w = {w:g}" for w in WEIGHTS)
    yield f"One node: h = f(w x + b). Without b its slope at x = 0 is w / 4: {slopes}."
    yield Printed("§2.3", "where f(w x) passes 1/2, without b", "x = 0, whatever w", stuck())
    turns = ", ".join(f"{half_on(5.0, b):.1f} for b = {b:g}" for b in BIASES)
    yield (
        f"With a bias the node turns on at x = -b / w. With w = 5 that is {turns}. To turn it on "
        f"at x = 1 takes b = -5."
    )
    yield Printed("§2.5", "weight from node 1, layer 1, to node 2", "w_21^(1)", index_order())


def looped():
    """Section 3.2: the nested loops, and the same by hand."""
    net = three_three_one()
    h = accumulated.propagate(net.layers, X)[0]
    yield (
        "The 3-3-1 network, x = (1.5, 2, 3). Every node puts out f of the sum of its weighted "
        "inputs and its bias."
    )
    yield Printed(
        "§3.2",
        "output, in nested loops",
        "0.8354",
        loops.feed_forward(net, [X])[0, 0],
        erratum="thomas-truncated",
    )
    for i, printed in enumerate(("0.8909", "0.9677", "0.9909")):
        yield Printed(
            "§3.2", f"h_{i + 1}^(2)", printed, h[2][i], erratum="thomas-truncated" if i == 2 else ""
        )
    cut = np.floor(1e4 * np.append(h[2], h[3])) / 1e4
    yield Printed(
        "§3.2", "all four, cut off after four digits", "0.8909, 0.9677, 0.9909, 0.8354", cut
    )
    rounded = SIGMOID.value(np.array(0.5 * 0.8909 + 0.5 * 0.9677 + 0.5 * 0.9909 + 0.2))
    yield Printed("§3.2", "last line, from the h^(2) as printed", "0.8354", float(rounded))
    yield (
        f"Rounded to four digits h_3^(2) is {h[2][2]:.4f} and the output {h[3][0]:.4f}. The last "
        f"line by hand is right as it stands: it starts from the shortened h^(2), which lead to "
        f"{rounded:.7f}. The loops start from the full numbers, and their output rounds up."
    )


def vectorised():
    """Sections 3.4 and 3.5: the sum as a matrix product."""
    net = three_three_one()
    W, b = net.layers[0].W, net.layers[0].b
    z = accumulated.propagate(net.layers, X)[1]
    line = f"{z[2][0]:.4g}"
    yield (
        "z^(l+1) = W^(l) h^(l) + b^(l) and h^(l+1) = f(z^(l+1)). Entry i of W h multiplies row i "
        "of W with h, entry by entry, and adds up the products."
    )
    x_i, x_j = (f"{sum(W[0] * x) + b[0]:.4g}" for x in (X[0], X))
    yield Printed(
        "§3.4",
        "z_1^(2) and sum of w_1j x_1, + b_1",
        "the same",
        claim_or_both("the same", x_i, line),
        erratum="thomas-x-i",
    )
    yield Printed(
        "§3.4",
        "z_1^(2) and sum of w_1j x_j, + b_1",
        "the same",
        claim_or_both("the same", x_j, line),
    )
    yield Printed("§3.5", "shape of W^(1) x, a column", "(3 x 1)", W.dot(X[:, np.newaxis]).shape)
    yield Printed(
        "§3.5",
        "what f is applied to first, according to §3.4",
        "z^(1)",
        f"z^({min(z)})",
        erratum="thomas-z-1",
    )
    yield Printed(
        "§3.5",
        "output, in matrix form",
        "0.8354",
        net.predict([X])[0, 0],
        erratum="thomas-truncated",
    )


def timed():
    """Sections 3.3 and 3.5: what the loops cost.

    The times are those of this machine, and differ from run to run.
    """
    net = refnet.mlp([100, 100, 50, 10], hidden="sigmoid", output="sigmoid", seed=0)
    x = np.random.default_rng(0).random(100)
    slow, fast = (
        seconds(lambda: loops.feed_forward(net, [x]), 1),
        seconds(lambda: accumulated.propagate(net.layers, x), 100),
    )
    by_refnet, what = side_by_side(net.predict([x]), 12), "100-100-50-10: all outputs, in loops"
    yield Printed("§3.5", what, by_refnet, loops.feed_forward(net, [x]), column="expected")
    yield (
        f"On this machine: {slow * 1e3:.1f} ms in loops, {fast * 1e6:.0f} us in matrices, "
        f"{slow / fast:.0f} times faster. (The text has 41 ms, 84 us and 500 times.)"
    )


def drawings():
    yield "thomas_node", draw_node


def draw_node():
    """Sections 2.1 and 2.3: the sigmoid, its weight and its bias."""
    from refnet.plot.style import COLOURS, LINES, sheet

    figure, axes = sheet(1, 3, width=4.2, sharey=True)
    axes[0].plot(GRID, SIGMOID.value(GRID))
    for k, w in enumerate(WEIGHTS):
        axes[1].plot(
            GRID,
            SIGMOID.value(w * GRID),
            color=COLOURS[k],
            linestyle=LINES[k],
            label=f"$w$ = {w:g}",
        )
    for k, b in enumerate(BIASES):
        axes[2].plot(
            GRID,
            SIGMOID.value(5 * GRID + b),
            color=COLOURS[k],
            linestyle=LINES[k],
            label=f"$b$ = {b:g}",
        )
        axes[2].plot(half_on(5.0, b), 0.5, "o", color=COLOURS[k])
    titles = ["sigmoid: $f(x) = 1 / (1 + e^{-x})$", "the weight sets how steep: $f(wx)$"]
    titles.append("the bias sets where: $f(5x + b)$ is 1/2 at $-b/5$")
    for a, title in zip(axes, titles, strict=True):
        a.set(title=title, xlabel="$x$", ylabel="$h$")
    axes[1].legend(loc="upper left")
    axes[2].legend(loc="center right")
    return figure


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
