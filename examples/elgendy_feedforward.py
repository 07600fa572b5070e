"""Elgendy, Deep Learning for Vision Systems, section 2.4: the 3-3-4-1 network of fig.
2.20 node by node and with matrices.

    python examples/elgendy_feedforward.py [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from printed import Printed, run, side_by_side
from refnet.forms import loops

TITLE = "Elgendy, Deep Learning for Vision Systems, §2.4: the forward pass"
SIGMOID = refnet.Sigmoid()
CARDINALS = ("zero", "one", "two", "three", "four")
ORDINALS = ("first", "second", "third", "fourth")
X = np.array([[0.5, -1.0, 2.0]])


@cache
def figure_2_20():
    """Three inputs and sigmoid layers of 3, 4 and 1 neurons, with random weights, and
    without biases as in the section's equations.
    """
    net = refnet.mlp(
        [3, 3, 4, 1], hidden="sigmoid", output="sigmoid", init=refnet.Normal(0.0, 1.0), seed=220
    )
    for layer in net.layers:
        layer.b[:] = 0.0
    return net


@cache
def with_biases():
    """The same weights with random biases, which the section has before its
    equations.
    """
    net, rng = figure_2_20().copy(), np.random.default_rng(1)
    for layer in net.layers:
        layer.b[:] = rng.normal(size=layer.b.shape)
    return net


@cache
def houses():
    """Bedrooms, size and neighbourhood of 200 made-up houses; the first one is that of
    fig. 2.22.
    """
    rng = np.random.default_rng(222)
    rows = np.column_stack(
        [rng.integers(1, 6, 200), rng.uniform(600, 4000, 200), rng.integers(0, 3, 200)]
    )
    rows[0] = 3, 2000, 1
    return rows


def house_features():
    """z of the four hidden nodes of fig. 2.22 for its house: from raw inputs, and from
    inputs scaled to mean 0 and standard deviation 1.
    """
    net = refnet.mlp([3, 4, 1], hidden="sigmoid", output="identity", seed=222)
    scaled = (houses() - houses().mean(axis=0)) / houses().std(axis=0)
    return net.forward(houses()[:1])[0].z[0], net.forward(scaled[:1])[0].z[0]


def layer_1_as_printed(W, x):
    """The section's three equations, the first with w_11 x_1 + w_21 x_2 + w_31 x_3: the
    first index is that of the input.
    """
    return [
        SIGMOID.value(np.asarray(sum(W[i, j] * x[i] for i in range(3)))).item() for j in range(3)
    ]


def ends_of_w23():
    """The nodes that w_23 of layer 2 joins.

    When the weight grows by 1, the z of the upper node grows by the a of the lower one.
    """
    net = figure_2_20()
    changed = net.copy()
    changed.layers[1].W[1, 2] += 1.0
    moved = (changed.forward(X)[1].z - net.forward(X)[1].z)[0]
    upper = int(np.argmax(np.abs(moved)))
    return upper + 1, int(np.argmin(np.abs(net.forward(X)[0].a[0] - moved[upper]))) + 1


def right_to_left(matrices, x):
    """sigma(W3 sigma(W2 sigma(W1 x))), which starts from the input."""
    for W in matrices:
        x = SIGMOID.value(W @ x)
    return x.item()


def left_to_right(matrices, x):
    """((sigma(W3) sigma(W2)) sigma(W1)) x, which starts from the last layer."""
    product = SIGMOID.value(matrices[-1])
    for W in matrices[-2::-1]:
        product = product @ SIGMOID.value(W)
    return (product @ x).item()


def story():
    yield from the_network()
    yield from the_equations()
    yield from the_order()
    yield from the_house()
    yield from the_matrices()


def the_network():
    """The parts of fig. 2.20."""
    net = figure_2_20()
    upper, lower = ends_of_w23()
    house = refnet.mlp([3, 4, 1]).forward(houses()[:1])
    features = next(
        (number for number, layer in enumerate(house, 1) if layer.a.shape == (1, 4)), "none"
    )
    yield f"The network of fig. 2.20 is {net!r}. The input computes nothing, so it is no layer."
    yield Printed("§2.4", "neurons in each layer", "3, 4, 1", net.sizes[1:])
    yield Printed("fig. 2.20", "layers", "three-layer", f"{CARDINALS[len(net.layers)]}-layer")
    yield Printed(
        "§2.4",
        "hidden layers",
        "three",
        CARDINALS[len(net.layers) - 1],
        erratum="elgendy-layer-count",
    )
    yield Printed(
        "§2.4.1",
        "layers",
        "two-layer",
        f"{CARDINALS[len(net.layers)]}-layer",
        erratum="elgendy-layer-count",
    )
    yield Printed(
        "§2.4",
        "w_23 of layer 2 joins node",
        "second to third",
        f"{ORDINALS[upper - 1]} to {ORDINALS[lower - 1]}",
    )
    yield Printed(
        "§2.4",
        "the same, as nodes",
        "a_2^2 to a_1^3",
        f"a_{upper}^2 to a_{lower}^1",
        erratum="elgendy-node-notation",
    )
    yield Printed(
        "§2.4.2",
        "the first layer's features, fig. 2.22",
        "a^(2)",
        f"a^({features})",
        erratum="elgendy-node-notation",
    )


def the_equations():
    """The equations node by node, beside the matrices of fig. 2.21."""
    net = figure_2_20()
    W1, trace = net.layers[0].W, net.forward(X)
    hidden, output = trace[0].a[0], trace.output.item()
    looped = loops.feed_forward(net, X).item()
    literal, transposed = (layer_1_as_printed(W, X[0]) for W in (W1, W1.T))
    yield (
        f"For x = {X[0]} the output is {output:.6f} by matrices and {looped:.6f} node by node, "
        f"from {sum(net.sizes[1:])} equations. The section defines w_ab as the weight that leads "
        f"to a from b. By this definition its matrices and its equation for layer 3 are right; its "
        f"equations for layer 1 would need w_ba."
    )
    yield Printed("§2.4.1", "the input as a column", "(3, 1)", X.T.shape)
    yield Printed(
        "§2.4.1",
        "layer 1: equations and matrices",
        "the same",
        same(literal, hidden),
        erratum="elgendy-weight-index",
    )
    yield Printed(
        "§2.4.1", "layer 1: equations with w_ba for w_ab", "the same", same(transposed, hidden)
    )
    yield Printed(
        "§2.4.1", "layer 3: equation and matrices", "the same", same(layer_3_as_printed(), output)
    )
    biased = with_biases().predict(X).item()
    got = "the same" if same(biased, output) == "the same" else f"{output:.3f} and {biased:.3f}"
    yield Printed(
        "§2.4.1",
        "output by matrices, and with biases",
        "the same",
        got,
        erratum="elgendy-equations-without-biases",
    )
    yield Printed(
        "§2.4.1", "the output", "a_1^(2)", name_of(output, trace), erratum="elgendy-output-node"
    )


def the_order():
    """In which order the matrix equation of fig. 2.21 is read."""
    net = figure_2_20()
    matrices, output = [layer.W for layer in net.layers], net.predict(X).item()
    orders = {
        "right to left": right_to_left(matrices, X.T),
        "left to right": left_to_right(matrices, X.T),
    }
    right = reading(orders, output)
    yield Printed("§2.4.1", "how the matrix equation is read", "right to left", right)
    yield Printed(
        "fig. 2.21",
        "how the matrix equation is read",
        "left to right",
        right,
        erratum="elgendy-reading-direction",
    )
    yield Printed(
        "§2.4.1",
        "the output, node by node and by matrices",
        "the same",
        same(loops.feed_forward(net, X).item(), output),
        column="expected",
    )
    yield (
        f"From left to right the product is {orders['left to right']:.4f}, which cannot be the "
        f"output of a sigmoid."
    )


def layer_3_as_printed():
    """sigma(w_11 a_1 + w_12 a_2 + w_13 a_3 + w_14 a_4), with the a of layer 2."""
    net = figure_2_20()
    W, a = net.layers[2].W, net.forward(X)[1].a[0]
    return SIGMOID.value(np.asarray(sum(W[0, i] * a[i] for i in range(4)))).item()


def same(got, want):
    """In words: whether two results agree to nine decimals, or how far they differ."""
    alike = side_by_side(got, 9) == side_by_side(want, 9)
    return "the same" if alike else f"up to {np.max(np.abs(np.subtract(got, want))):.1g} apart"


def name_of(output, trace):
    """The node that has the output's value, written as in the section."""
    nodes = (
        f"a_{m}^({n})"
        for n, layer in enumerate(trace, 1)
        for m, a in enumerate(layer.a[0], 1)
        if a == output
    )
    return next(nodes, "none")


def reading(orders, output):
    """The order of multiplication that gives the network's output, to nine decimals."""
    return next(
        (name for name, value in orders.items() if f"{value:.9f}" == f"{output:.9f}"), "neither"
    )


def the_house():
    """Why the inputs of fig. 2.22 have to be scaled."""
    raw, scaled = house_features()
    yield (
        "The house of fig. 2.22: 3 bedrooms, size 2000, neighbourhood 1. Its four features, with "
        "random weights:"
    )
    for name, z in (("raw", raw), ("scaled", scaled)):
        a = SIGMOID.value(z)
        slope = SIGMOID.derivative(z, a).max()
        yield (
            f"  {name:<7} z = {side_by_side(z, 2):<28} a = {side_by_side(a, 4)}  "
            f"largest f'(z) {slope:.2g}"
        )
    yield (
        "The size 2000 saturates every sigmoid: the features are 0 or 1, and no gradient passes. "
        "So inputs have to be scaled first, which the section does not say."
    )


def the_matrices():
    """The refresher on vectors and matrices."""
    A, row, M = (
        np.array([[10, 6], [4, 3]]),
        np.array([[3, 4, 2]]),
        np.array([[13, 9, 7], [8, 7, 4], [6, 4, 0]]),
    )
    where = "§2.4.2"
    yield f"The refresher on matrices. The shapes in fig. 2.21, an exercise: {shapes()}."
    tensor = np.array([[[1, 2], [3, 2]], [[1, 7], [5, 4]]])
    names = {0: "a single number", 1: "an array of numbers"}
    yield Printed(where, "the scalar 1", "a single number", names.get(np.ndim(1), "more"))
    yield Printed(
        where, "the vector [1 2]", "an array of numbers", names.get(np.ndim([1, 2]), "more")
    )
    yield Printed(where, "the matrix [1 2; 3 4]", "2D", f"{np.ndim([[1, 2], [3, 4]])}D")
    yield Printed(
        where,
        "a tensor has n dimensions",
        "n > 2",
        "n > 2" if tensor.ndim > 2 else f"n = {tensor.ndim}",
    )
    yield Printed(where, "2 times [10 6; 4 3]", f"{2 * 10} {2 * 6} {2 * 4} {2 * 3}", 2 * A)
    yield Printed(where, "[3 4 2] times a 3x3 matrix, its shape", "1 x 3", (row @ M).shape)
    yield Printed(where, "[3 4 2] times a 3x3 matrix", "83, 63, 37", row @ M)
    yield Printed(where, "transposed [2; 8]", "[2 8]", np.array([[2], [8]]).T)
    yield Printed(
        where,
        "transposed [1 2 3; 4 5 6; 7 8 9]",
        "[1 4 7; 2 5 8; 3 6 9]",
        np.arange(1, 10).reshape(3, 3).T,
    )
    yield Printed(
        where,
        "transposed [0 1; 2 4; 1 -1]",
        "[0 2 1; 1 4 -1]",
        np.array([[0, 1], [2, 4], [1, -1]]).T,
    )


def shapes():
    """The shapes of the factors of the matrix equation, and of their product."""
    factors = [*(layer.W for layer in reversed(figure_2_20().layers)), X.T]
    return f"{' '.join(by(factor) for factor in factors)} = {by(np.linalg.multi_dot(factors))}"


def by(matrix):
    """The shape of a matrix, written as in the section."""
    return f"({matrix.shape[0]} x {matrix.shape[1]})"


def drawings():
    yield "elgendy_network", draw_network
    yield "elgendy_house", draw_house


def draw_network():
    """Fig. 2.20 with the value of each node."""
    from refnet.plot.style import sheet

    figure, axes = sheet(width=7.6, height=4.4)
    refnet.plot.weights(figure_2_20(), axes, x=X)
    axes.set(title="Fig. 2.20 computed: the value of each node; the larger |w|, the wider the edge")
    return figure


def height(size, k):
    """The height of node k in a column of nodes."""
    return (size - 1) / 2 - k


def draw_house():
    """The four hidden nodes of fig. 2.22 on the sigmoid, for raw and scaled inputs."""
    from refnet.plot.style import BLUE, RED, sheet

    raw, scaled = house_features()
    figure, axes = sheet(width=6.6)
    z = np.concatenate([-np.geomspace(2000, 1e-2, 300), np.geomspace(1e-2, 2000, 300)])
    axes.plot(z, SIGMOID.value(z), color="gray", label="sigmoid")
    axes.plot(raw, SIGMOID.value(raw), "^", ms=11, color=RED, label="raw inputs: no slope")
    axes.plot(
        scaled, SIGMOID.value(scaled), "o", ms=8, color=BLUE, label="scaled inputs: on the slope"
    )
    axes.set_xscale("symlog", linthresh=10, linscale=2)
    axes.set_xticks(ticks := [-1000, -100, -10, -5, 0, 5, 10, 100, 1000], ticks)
    axes.set(
        title="The features of one house (fig. 2.22)",
        xlabel="z (from -10 to 10 linear, beyond logarithmic)",
        ylabel="a",
    )
    axes.legend(loc="lower right")
    return figure


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
