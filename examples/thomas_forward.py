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
from lesson import Claim, Expected, Printed, Same, run, side_by_side
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


def the_artificial_neuron():
    """The sigmoid, and its derivative beside a measured slope."""
    yield Claim(
        "f moves from 0 to 1",
        f"{f(GRID[0]):.4f} at x = {GRID[0]:g}, {f(GRID[-1]):.4f} at {GRID[-1]:g}",
        f(GRID[0]).round(3) == 0 and f(GRID[-1]).round(3) == 1,
    )
    z, h = np.array([-2.0, 0.0, 2.0]), 1e-6
    f_prime = f(z) * (1 - f(z))
    yield "The edge is soft, so that f has a slope everywhere, f'(z) = f(z) (1 - f(z)):"
    yield Same("f' at -2, 0, 2, and as measured", (f(z + h) - f(z - h)) / (2 * h), f_prime, 8)
    yield Same("f' at -2, 0, 2, refnet's", refnet.Sigmoid().derivative(z, f(z)), f_prime)


def nodes():
    """One node: its weighted inputs are summed, then put into f."""
    x, w, b = X, np.array([0.2, 0.2, 0.2]), 0.8
    z = x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + b
    h = f(z)
    yield (
        "The first node of the network in section 3.1, which has three inputs:\n"
        f"  z = x_1 w_1 + x_2 w_2 + x_3 w_3 + b = {z:.4f}\n"
        f"  h = f(z) = {h:.4f}"
    )
    node = refnet.Network([refnet.Dense([w], [b], "sigmoid")])
    yield Same("h, a refnet.Network of one node", node.predict([x])[0, 0], h)


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
    more = accumulated.propagate(net.layers, X + np.eye(3)[0])[1][2]
    growth = (more - accumulated.propagate(net.layers, X)[1][2])[1]
    w = net.layers[0].W
    yield Claim(
        "w_21^(1) is on the connection from node 1 of layer 1 to node 2 of layer 2",
        f"z_2^(2) grows by {growth:.1f} with x_1; w_21 = {w[1, 0]:g}, w_12 = {w[0, 1]:g}",
        np.isclose(growth, w[1, 0], rtol=0, atol=1e-9),
    )
    numbers = [layer.W.size for layer in net.layers]
    yield Claim(
        "the values to be calculated in the training are w_ji^(1) and b_i^(l)",
        f"w^(1) has {numbers[0]} of the {sum(numbers)} weights",
        numbers[0] == sum(numbers),
        erratum="thomas-w-ji",
    )


def feed_forward_example():
    """The network as arrays: a matrix of weights and a vector of biases per layer."""
    w, b = weights(three_three_one())
    yield (
        "A row of W^(l) for each node of layer l + 1, a column for each node of layer l:\n"
        f"  W^(1) = {w[0][0]}    b^(1) = {b[0]}\n"
        f"          {w[0][1]}\n"
        f"          {w[0][2]}\n"
        f"  W^(2) = {w[1][0]}    b^(2) = {b[1]}"
    )
    count = sum(array.size for array in (*w, *b))
    yield Expected("weights and biases, 9 + 3 and 3 + 1", "16", count)


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


def more_efficient():
    """How the time in loops grows."""
    w, b = weights(three_three_one())
    four = refnet.mlp([3, 3, 3, 1], hidden="sigmoid", output="sigmoid", seed=0)
    w_four, b_four = weights(four)
    products = [sum(array.size for array in arrays) for arrays in (w, w_four)]
    times = (
        seconds(lambda: simple_looped_nn_calc(3, X, w, b), 200),
        seconds(lambda: simple_looped_nn_calc(4, X, w_four, b_four), 200),
    )
    yield (
        f"The looped function takes {times[0] * 1e6:.0f} us on this machine, and "
        f"{times[1] * 1e6:.0f} us with a fourth layer of three nodes. (The text has 40 us and 70 "
        f"us.) The time follows the number of products w_ij h_j, {products[0]} and {products[1]}."
    )
    yield Claim(
        "with four layers the performance is significantly worse",
        f"{products[1] / products[0]:.2f} times the products",
        products[1] > products[0],
    )


def vectorisation():
    """The sum that the first line abbreviates."""
    net = three_three_one()
    (W1, W2), (b1, b2) = weights(net)
    w, b = W1, b1
    line = w[0, 0] * X[0] + w[0, 1] * X[1] + w[0, 2] * X[2] + b[0]
    x_i = sum(w[0, j] * X[0] for j in range(3)) + b[0]
    x_j = sum(w[0, j] * X[j] for j in range(3)) + b[0]
    yield Claim(
        "z_1^(2) is the sum over j of w_1j^(1) x_i, + b_1^(1), with i = 1",
        f"{x_i:.4g}, the line above it {line:.4g}",
        bool(np.isclose(x_i, line, rtol=0, atol=1e-9)),
        erratum="thomas-x-i",
    )
    yield Claim(
        "the same with x_j",
        f"{x_j:.4g}, the line above it {line:.4g}",
        bool(np.isclose(x_j, line, rtol=0, atol=1e-9)),
    )
    z2 = W1 @ X + b1
    h2 = f(z2)
    z3 = W2 @ h2 + b2
    h3 = f(z3)
    yield (
        "All of them at once:\n"
        f"  z^(2) = W^(1) x + b^(1)     = {side_by_side(z2, 4)}\n"
        f"  h^(2) = f(z^(2))            = {side_by_side(h2, 4)}\n"
        f"  z^(3) = W^(2) h^(2) + b^(2) = {side_by_side(z3, 4)}\n"
        f"  h^(3) = f(z^(3))            = {side_by_side(h3, 4)}"
    )
    h, z = accumulated.propagate(net.layers, X)
    yield Same("h^(2), refnet's accumulated form", h[2], h2)
    yield Same("z^(3), refnet's accumulated form", z[3], z3)


def matrix_multiplication():
    """z^(l+1) = W^(l) h^(l) + b^(l), h^(l+1) = f(z^(l+1)); and what loops cost."""
    net = three_three_one()
    w, b = weights(net)
    yield Printed("shape of W^(1) x", "(3 x 1)", w[0].dot(X[:, np.newaxis]).shape)
    first = min(accumulated.propagate(net.layers, X)[1])
    yield Claim(
        "f is applied to each row of z^(1)",
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
    "2.1 The artificial neuron": the_artificial_neuron,
    "2.2 Nodes": nodes,
    "2.3 The bias": the_bias,
    "2.5 The notation": the_notation,
    "3.1 A feed-forward example": feed_forward_example,
    "3.2 Our first attempt at a feed-forward function": first_attempt,
    "3.3 A more efficient implementation": more_efficient,
    "3.4 Vectorisation in neural networks": vectorisation,
    "3.5 Matrix multiplication": matrix_multiplication,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
