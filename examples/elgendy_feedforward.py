"""Elgendy, Deep Learning for Vision Systems, section 2.4: the 3-3-4-1 network of figure
2.20 node by node and with matrices, and the features of a house.

    python examples/elgendy_feedforward.py [SECTION ...] [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from lesson import Claim, Copy, Expected, Printed, Same, run, side_by_side

TITLE = (
    "Elgendy, Deep Learning for Vision Systems, chapter 2, Deep learning and neural networks: "
    "2.4, the feedforward process"
)
x = np.array([0.5, 0.2, 1.0])
HOUSE = np.array([3.0, 2000.0, 1.0])  # bedrooms, size and neighbourhood, figure 2.22


def sigma(z):
    """The sigmoid, the activation function of the section."""
    return 1 / (1 + np.exp(-z))


@cache
def network():
    """Three inputs and sigmoid layers of 3, 4 and 1 neurons, with random weights and
    without biases, as the section's equations have it.
    """
    net = refnet.mlp(
        [3, 3, 4, 1], hidden="sigmoid", output="sigmoid", init=refnet.Normal(0.0, 1.0), seed=220
    )
    for layer in net.layers:
        layer.b[:] = 0.0
    return net


W1, W2, W3 = (layer.W for layer in network().layers)


@cache
def price_network():
    """The network of figure 2.22, with random weights: 3 inputs, 4 hidden nodes, 1
    output.
    """
    return refnet.mlp([3, 4, 1], hidden="sigmoid", output="identity", seed=222)


@cache
def scaled_house():
    """The house among 199 made-up ones, each feature with mean 0 and standard deviation
    1.
    """
    rng = np.random.default_rng(222)
    houses = np.column_stack(
        [rng.integers(1, 6, 200), rng.uniform(600, 4000, 200), rng.integers(0, 3, 200)]
    )
    houses[0] = HOUSE
    return (HOUSE - houses.mean(axis=0)) / houses.std(axis=0)


def house_features(inputs):
    """z and a of the four hidden nodes of figure 2.22."""
    W, b = price_network().layers[0].W, price_network().layers[0].b
    z = W @ inputs + b
    return z, sigma(z)


def feedforward():
    """The parts of figure 2.20: layers, and what the indices of a weight mean."""
    layers, hidden = len(network().layers), len(network().layers) - 1
    yield "The input computes nothing, so figure 2.20 has as many layers as matrices W."
    yield Printed("neurons in each layer", "3, 4, 1", [len(W) for W in (W1, W2, W3)])
    yield Claim("simple three-layer neural network", f"{layers} layers", layers == 3)
    yield Claim(
        "three hidden layers",
        f"{hidden} hidden, and 1 output layer",
        hidden == 3,
        erratum="elgendy-layer-count",
    )
    a1 = sigma(W1 @ x)
    grown = W2.copy()
    grown[1, 2] += 1  # w_23^(2)
    change = grown @ a1 - W2 @ a1
    yield (
        "In w_ab^(n), a is the neuron of layer n, and b the one of layer n - 1. Let w_23^(2) grow "
        "by 1:"
    )
    yield Claim(
        "it leads to the second node in layer 2",
        f"z^(2) changes by {side_by_side(change, 4)}",
        np.flatnonzero(change).tolist() == [1],
    )
    yield Claim(
        "and comes from the third node in layer 1",
        f"a_3^(1) = {a1[2]:.4f}",
        np.isclose(change[1], a1[2]),
    )


def calculations():
    """The equations node by node, and the matrices of figure 2.21."""
    a1 = sigma(W1 @ x)
    a2 = sigma(W2 @ a1)
    y_hat = sigma(W3 @ a2)
    trace = network().forward(x[None])
    yield "The matrices, read from the right to the left, with x as a column of 3:"
    yield "  a1 = sigma(W1 @ x)\n  a2 = sigma(W2 @ a1)\n  y_hat = sigma(W3 @ a2)"
    yield Same("a^(1), refnet", trace[0].a[0], a1)
    yield Same("a^(2), refnet", trace[1].a[0], a2)
    yield Same("y_hat, refnet", trace[2].a[0], y_hat)
    # node by node: one equation for each
    nodes = [x]
    for W in (W1, W2, W3):
        below = nodes[-1]
        z = [sum(W[a, b] * below[b] for b in range(len(below))) for a in range(len(W))]
        nodes.append(sigma(np.array(z)))
    equations = sum(len(a) for a in nodes[1:])
    yield f"Node by node these are {equations} equations, with w_ab from node b to node a:"
    yield Same("y_hat, node by node", y_hat, nodes[-1])
    w = W3[0]
    layer_3 = sigma(w[0] * a2[0] + w[1] * a2[1] + w[2] * a2[2] + w[3] * a2[3])
    yield Same("y_hat, by the equation of layer 3", y_hat[0], layer_3)
    w = W1
    layer_1 = sigma(w[0, 0] * x[0] + w[1, 0] * x[1] + w[2, 0] * x[2])
    yield Claim(
        "a_1^(1) = sigma(w_11 x_1 + w_21 x_2 + w_31 x_3)",
        f"{layer_1:.4f}, by the matrices {a1[0]:.4f}",
        np.isclose(layer_1, a1[0]),
        erratum="elgendy-weight-index",
    )
    layers = len(network().layers)
    yield Claim(
        "feedforward of a two-layer neural network",
        f"{layers} layers",
        layers == 2,
        erratum="elgendy-layer-count",
    )
    from_the_left = sigma(W3) @ sigma(W2) @ sigma(W1) @ x
    yield Claim(
        "figure 2.21: reading from left to right",
        f"{from_the_left[0]:.4f}, by the nodes {y_hat[0]:.4f}",
        np.isclose(from_the_left, y_hat).all(),
        erratum="elgendy-reading-direction",
    )
    times = W3 @ sigma(W2 @ sigma(W1 @ x))
    yield (
        f"sigma . W^(3) is written like a product, but sigma is applied to all that stands to the "
        f"right of it: z = W^(3) a^(2) is {times[0]:.4f}, and sigma(z) {sigma(times)[0]:.4f}. The "
        f"equations have no biases. With them each z has a term b more, as here:"
    )
    biased, rng = network().copy(), np.random.default_rng(1)
    for layer in biased.layers:
        layer.b[:] = rng.normal(size=layer.b.shape)
    b1, b2, b3 = (layer.b for layer in biased.layers)
    y_hat = sigma(W3 @ sigma(W2 @ sigma(W1 @ x + b1) + b2) + b3)
    yield Same("y_hat with random biases, refnet", biased.predict(x[None])[0], y_hat)


def feature_learning():
    """The features of figure 2.22, and why its inputs have to be scaled."""
    z, a = house_features(HOUSE)
    trace = price_network().forward(HOUSE[None])
    yield (
        "The house of figure 2.22 has the inputs 3, 2000 and 1. With random weights its features "
        "are:"
    )
    yield f"  z = {side_by_side(z, 2)}\n  a = {side_by_side(a, 4)}"
    yield Same("a^(1), refnet", trace[0].a[0], a)
    number = next(n for n, layer in enumerate(trace, 1) if layer.a.shape == (1, 4))
    yield Claim(
        "in the first layer: a_1^(2) to a_4^(2)",
        f"the 4 features are a^({number})",
        number == 2,
        erratum="elgendy-node-notation",
    )
    largest = (a * (1 - a)).max()
    z, a = house_features(scaled_house())
    yield (
        f"The size 2000 saturates all four: their slopes a (1 - a) are at most {largest:.1g}, so "
        f"nothing is learned below them. The text does not say that inputs have to be scaled. With "
        f"mean 0 and standard deviation 1 over 200 made-up houses:"
    )
    yield f"  z = {side_by_side(z, 2)}\n  a = {side_by_side(a, 4)}"
    slopes = a * (1 - a)
    yield f"Now their slopes are {slopes.min():.4f} or more; the largest possible one is 0.25."


def refresher():
    """The sidebar's products and transposes."""
    A = np.array([[10, 6], [4, 3]])
    row, M = np.array([[3, 4, 2]]), np.array([[13, 9, 7], [8, 7, 4], [6, 4, 0]])
    yield "A is [10 6; 4 3], with a semicolon between rows."
    yield Printed("2 A", "2*10 2*6 2*4 2*3", [n for it in A.ravel() for n in (2, it)])
    yield Printed("[3 4 2] times a 3x3 matrix", "83, 63, 37", row @ M)
    yield Printed("its shape", "1 x 3", (row @ M).shape)
    column, square = np.array([[2], [8]]), np.arange(1, 10).reshape(3, 3)
    tall = np.array([[0, 1], [2, 4], [1, -1]])
    yield Printed("[2; 8] transposed", "[2 8]", column.T)
    yield Printed("[1 2 3; 4 5 6; 7 8 9] transposed", "[1 4 7; 2 5 8; 3 6 9]", square.T)
    yield Printed("[0 1; 2 4; 1 -1] transposed", "[0 2 1; 1 4 -1]", tall.T)
    factors = [W3, W2, W1, x[:, None]]
    shapes = " ".join(f"({m.shape[0]} x {m.shape[1]})" for m in factors)
    yield f"The exercise, the dimensions of the matrices in the matrix equation:\n  {shapes}"
    yield Expected("shape of y_hat", "(1 x 1)", np.linalg.multi_dot(factors).shape)


def copied():
    """Formulas in which our copy may have changed an index or a row."""
    a1 = sigma(W1 @ x)
    a2 = sigma(W2 @ a1)
    y_hat = sigma(W3 @ a2)
    grown = W2.copy()
    grown[1, 2] += 1  # w_23^(2)
    change = (grown @ a1 - W2 @ a1)[1]
    yield Copy(
        "w_23^(2) comes from a_1^3",
        f"z_2^(2) changes by a_3^(1) = {change:.4f}; a_1^(3) = {y_hat[0]:.4f}",
        np.isclose(change, y_hat[0]),
        erratum="elgendy-swapped-index",
    )
    yield Copy(
        "y_hat = a_1^(2)",
        f"y_hat = {y_hat[0]:.4f}, a_1^(2) = {a2[0]:.4f}",
        np.isclose(y_hat[0], a2[0]),
        erratum="elgendy-output-node",
    )
    rows = np.vstack([W1[0], W1])  # the first row twice
    yield Copy(
        "figure 2.21: W^(1) has its first row twice",
        f"{len(rows)} values for the {W2.shape[1]} columns of W^(2)",
        len(rows) == W2.shape[1],
        erratum="elgendy-row-twice",
    )


SECTIONS = {
    "2.4 The feedforward process": feedforward,
    "2.4.1 Feedforward calculations": calculations,
    "2.4.2 Feature learning": feature_learning,
    "Vectors and matrices refresher": refresher,
    "Our copy reads": copied,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
