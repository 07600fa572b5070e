"""Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
(adventuresinmachinelearning), sections 2 and 3: what weight and bias do to one node,
and the forward pass of the 3-3-1 network, in loops and with matrices.

The text's functions have their names here, and our own spelling.

    python examples/thomas_forward.py [SECTION ...] [--plot DIR]
"""

from functools import cache
from timeit import repeat

import numpy as np

import refnet
from lesson import Claim, Printed, Same, run
from refnet.forms import accumulated, loops

TITLE = "Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 2 and 3"
X = np.array([1.5, 2.0, 3.0])
WEIGHTS, BIASES = (0.5, 1.0, 2.0), (-8.0, 0.0, 8.0)
GRID = np.arange(-80, 80) / 10


def f(z):
    """The activation function, a sigmoid."""
    return 1 / (1 + np.exp(-z))


@cache
def three_three_one():
    """The network of section 3.1. Row i of W belongs to node i of the layer above, so
    that W[i, j] is w_ij.
    """
    W1 = np.array([[0.2] * 3, [0.4] * 3, [0.6] * 3])
    W2 = np.array([[0.5, 0.5, 0.5]])
    hidden = refnet.Dense(W1, np.full(3, 0.8), "sigmoid")
    return refnet.Network([hidden, refnet.Dense(W2, np.array([0.2]), "sigmoid")])


def weights(net):
    """The text's w and b: a list with the array of each layer."""
    return [layer.W for layer in net.layers], [layer.b for layer in net.layers]


def simple_looped_nn_calc(n_layers, x, w, b):
    """The forward pass index by index; in refnet, forms.loops.feed_forward."""
    h = x
    for l in range(n_layers - 1):
        h_below, h = h, []
        for i in range(len(w[l])):
            z = b[l][i]
            for j in range(len(h_below)):
                z += w[l][i][j] * h_below[j]
            h.append(f(z))
    return np.array(h)


def matrix_feed_forward_calc(n_layers, x, w, b):
    """The forward pass with matrices; in refnet, Network.predict."""
    h = x
    for l in range(n_layers - 1):
        h = f(w[l].dot(h) + b[l])
    return h


def the_bias():
    """What w and b do to h = f(w x + b)."""
    slopes = [w * f(0.0) * (1 - f(0.0)) for w in WEIGHTS]  # dh/dx = w f'(w x)
    yield Claim(
        "changing the weight changes the slope of the output",
        f"{slopes[0]:g}, {slopes[1]:g}, {slopes[2]:g} at x = 0 for w = 0.5, 1, 2",
        slopes == sorted(set(slopes)),
    )
    stuck = [half_on(w, 0.0) for w in WEIGHTS]
    yield Claim(
        "without a bias the switch is always stuck around 0",
        f"f(w x) is 1/2 at x = {', '.join(f'{x:.1f}' for x in stuck)}",
        not np.any(np.round(stuck, 9)),
    )
    turns = [half_on(5.0, b) for b in BIASES]
    yield Claim(
        "by varying the bias you can change when the node activates",
        f"at x = {turns[0]:.1f}, {turns[1]:.1f}, {turns[2]:.1f} for b = -8, 0, 8",
        np.array_equal(np.round(turns, 1), [-b / 5 for b in BIASES]),
    )
    yield "The node turns on at x = -b / w. To turn it on at x = 1 with w = 5 takes b = -5."


def half_on(w, b):
    """The x on the text's grid where f(w x + b) passes 1/2, which is -b / w."""
    return float(np.interp(0.5, f(w * GRID + b), GRID))


def the_notation():
    """Which of the two indices of a weight comes first."""
    net = three_three_one()
    more = accumulated.propagate(net.layers, X + np.array([1, 0, 0]))[1][2]
    growth = (more - accumulated.propagate(net.layers, X)[1][2])[1]
    w = net.layers[0].W
    yield Claim(
        "w_21^(1) is on the connection from node 1 of layer 1 to node 2 of layer 2",
        f"z_2^(2) grows by {growth:.1f} with x_1; w_21 = {w[1, 0]:g}, w_12 = {w[0, 1]:g}",
        round(growth - w[1, 0], 9) == 0,
    )
    # the list of what is trained: w_ji^(1) beside the definition w_ij^(l)
    j, i = 0, 1  # j in layer 1, i in layer 2
    yield Claim(
        "the values w_ji^(1), with j in layer 1, are to be calculated",
        f"w_ji is {w[j, i]:g} there, and w_ij {w[i, j]:g}",
        w[j, i] == w[i, j],
        erratum="thomas-w-ji",
    )


def first_attempt():
    """The nested loops, and the same by hand."""
    net = three_three_one()
    w, b = weights(net)
    out = simple_looped_nn_calc(3, X, w, b)
    yield Printed("simple_looped_nn_calc(3, x, w, b)", "0.8354", out[0], erratum="thomas-truncated")
    h = f(w[0].dot(X) + b[0])
    for i, printed in enumerate(("0.8909", "0.9677", "0.9909")):
        off = "thomas-truncated" if i == 2 else ""
        yield Printed(f"h_{i + 1}^(2)", printed, h[i], erratum=off)
    cut = np.floor(1e4 * np.append(h, out)) / 1e4
    yield Printed("all four, cut off after four digits", "0.8909, 0.9677, 0.9909, 0.8354", cut)
    by_hand = f(0.5 * 0.8909 + 0.5 * 0.9677 + 0.5 * 0.9909 + 0.2)
    yield Printed("the last line, from these shortened values", "0.8354", by_hand)
    yield (
        f"Rounded to four digits h_3^(2) is {h[2]:.4f} and the output {out[0]:.4f}. The last line "
        f"by hand is right as it stands: from the shortened values it is {by_hand:.7f}."
    )
    yield Same("the output, refnet's loops", loops.feed_forward(net, [X])[0], out)


def vectorisation():
    """The sum that the first line abbreviates."""
    net = three_three_one()
    w, b = net.layers[0].W, net.layers[0].b
    line = w[0, 0] * X[0] + w[0, 1] * X[1] + w[0, 2] * X[2] + b[0]
    x_i = sum(w[0, j] * X[0] for j in range(3)) + b[0]
    x_j = sum(w[0, j] * X[j] for j in range(3)) + b[0]
    yield Claim(
        "z_1^(2) is the sum over j of w_1j^(1) x_i, + b_1^(1), with i = 1",
        f"{x_i:.4g}, the line above it {line:.4g}",
        round(x_i - line, 9) == 0,
        erratum="thomas-x-i",
    )
    yield Claim(
        "the same with x_j",
        f"{x_j:.4g}, the line above it {line:.4g}",
        round(x_j - line, 9) == 0,
    )


def matrix_multiplication():
    """z^(l+1) = W^(l) h^(l) + b^(l), h^(l+1) = f(z^(l+1)); and what loops cost."""
    net = three_three_one()
    w, b = weights(net)
    yield Printed("shape of W^(1) x", "(3 x 1)", w[0].dot(X[:, np.newaxis]).shape)
    first = min(accumulated.propagate(net.layers, X)[1])
    yield Claim(
        "f is applied to the rows of z^(1)",
        f"the first weighted input is z^({first})",
        first == 1,
        erratum="thomas-z-1",
    )
    out = matrix_feed_forward_calc(3, X, w, b)
    yield Same("the output, as in loops", simple_looped_nn_calc(3, X, w, b), out)
    yield Same("the output, refnet's", net.predict([X])[0], out)

    large = refnet.mlp([100, 100, 50, 10], hidden="sigmoid", output="sigmoid", seed=0)
    x, (w, b) = np.random.default_rng(0).random(100), weights(large)
    slow = seconds(lambda: simple_looped_nn_calc(4, x, w, b), 1)
    fast = seconds(lambda: matrix_feed_forward_calc(4, x, w, b), 100)
    yield Same(
        "100-100-50-10, ten outputs, in loops",
        matrix_feed_forward_calc(4, x, w, b),
        simple_looped_nn_calc(4, x, w, b),
    )
    yield (
        f"This machine takes {slow * 1e3:.1f} ms in loops and {fast * 1e6:.0f} us with matrices, "
        f"{slow / fast:.0f} times faster. (The text has 41 ms, 84 us and 500 fold.)"
    )


def seconds(call, times):
    """The shortest of three averages."""
    return min(repeat(call, number=times, repeat=3)) / times


SECTIONS = {
    "2.3 The bias": the_bias,
    "2.5 The notation": the_notation,
    "3.2 Our first attempt at a feed-forward function": first_attempt,
    "3.4 Vectorisation in neural networks": vectorisation,
    "3.5 Matrix multiplication": matrix_multiplication,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
