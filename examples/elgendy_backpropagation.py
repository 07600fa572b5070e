"""Elgendy, Deep Learning for Vision Systems, section 2.7: backpropagation, upstream
times local along one path, and the sum over all paths.

    python examples/elgendy_backpropagation.py [SECTION ...] [--plot DIR]
"""

from functools import cache
from itertools import product

import numpy as np

import refnet
from lesson import Claim, Copy, Expected, Same, run, side_by_side

TITLE = (
    "Elgendy, Deep Learning for Vision Systems, chapter 2, Deep learning and neural networks: "
    "2.7, backpropagation"
)
x, y = np.array([0.6, -0.9]), 1.0
# from and to of w_13, w_32, w_22 and w_21 of layers 1 to 4: the factors of the formula
EDGES = ((1, 3), (3, 2), (2, 2), (2, 1))


def sigma(z):
    """The sigmoid."""
    return 1 / (1 + np.exp(-z))


@cache
def network():
    """Four layers, wide enough for the indices of figure 2.36: 2 inputs, 3, 4 and 2
    sigmoid neurons, one linear output.
    """
    return refnet.mlp(
        [2, 3, 4, 2, 1], hidden="sigmoid", output="identity", init=refnet.Normal(0.0, 1.5), seed=236
    )


W1, W2, W3, W4 = (layer.W for layer in network().layers)
b1, b2, b3, b4 = (layer.b for layer in network().layers)


@cache
def refnet_gradients():
    """What refnet's backpropagation gives for each layer."""
    return network().loss_and_gradients(x[None], np.array([[y]]), "mse")[1]


def feedforward(W1):
    """a of all layers of the network of figure 2.36, with these weights of layer 1."""
    a1 = sigma(W1 @ x + b1)
    a2 = sigma(W2 @ a1 + b2)
    a3 = sigma(W3 @ a2 + b3)
    y_hat = W4 @ a3 + b4
    return a1, a2, a3, y_hat


@cache
def paths():
    """What each path adds to dE/dw_13 of layer 1, by its nodes in layers 2 and 3.

    A path is the product of its factors, from the error down to the input.
    """
    a1, a2, a3, y_hat = feedforward(W1)
    s1, s2, s3 = a1 * (1 - a1), a2 * (1 - a2), a3 * (1 - a3)  # slopes f'(z)
    dE_dy = 2 * (y_hat[0] - y)
    return {
        (k, m): dE_dy * (W4[0, m] * s3[m]) * (W3[m, k] * s2[k]) * (W2[k, 2] * s1[2]) * x[0]
        for k, m in product(range(4), range(2))
    }


def formula_path():
    """The nodes of layers 2 and 3 on the formula's path, from 0."""
    return EDGES[1][1] - 1, EDGES[2][1] - 1


def backpropagation():
    """The first two steps on the network of figure 2.36."""
    *_, y_hat = feedforward(W1)
    E = np.mean(np.abs(y_hat - y))
    theirs = refnet.MAE().value(network().predict(x[None]), np.array([[y]]))
    sizes = "-".join(map(str, network().sizes))
    yield f"A {sizes} network, wide enough for figure 2.36, with random weights:"
    yield Same("y_hat, refnet", network().predict(x[None])[0], y_hat)
    yield Same("E = 1/N sum |y_hat_i - y_i|, refnet", theirs, E)


def what_it_is():
    """One step down, and what is propagated back."""
    w, alpha = 0.0, 0.1
    dE_dw = 2 * (w * 0.3 - 0.8) * 0.3
    w_new = w - alpha * dE_dw
    yield "With one weight, E = (w x - y)^2, x = 0.3, y = 0.8, alpha = 0.1 and w = 0:"
    yield f"  dE_dw = 2 * (w * x - y) * x = {dE_dw:.3f}\n  w - alpha * dE_dw = {w_new:.4f}"
    one = refnet.Network([refnet.Dense([[w]], [0.0], "identity")])
    refnet.fit(one, [[0.3]], [[0.8]], loss="mse", optimizer=refnet.SGD(lr=alpha), epochs=1)
    yield Same("w_new, refnet", one.layers[0].W[0], [w_new])
    _, _, a3, y_hat = feedforward(W1)
    dE_dy = 2 * (y_hat - y)
    yield "E is (y_hat - y)^2 from here on. w_21 of the last layer is directly connected to it:"
    yield Same("dE/dw_21, refnet", refnet_gradients()[3].dW[0, 1], (dE_dy * a3[1])[0])
    net, rate = network().copy(), 0.05
    E = refnet.fit(net, x[None], [[y]], loss="mse", optimizer=refnet.SGD(lr=rate), epochs=4).loss
    yield Claim(
        f"each cycle takes the error another step down (here alpha = {rate})",
        f"E = {side_by_side(E, 4)}",
        bool((np.diff(E) < 0).all()),
    )
    # a 2-2-1 tanh network whose hidden values for (1, -1) are all tanh(0) = 0
    v, w, u = np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([[1.0, 3.0]]), np.array([1.0, -1.0])
    a = np.tanh(v @ u)
    delta_2 = w @ a - 1.0  # of E = (y_hat - 1)^2 / 2
    delta_1 = w.T @ delta_2 * (1 - a**2)
    change_2, change_1 = -0.1 * np.outer(delta_2, a), -0.1 * np.outer(delta_1, u)
    change_2 += 0.0  # no -0.0
    yield "What goes back? A 2-2-1 tanh network whose hidden values are both 0, alpha = 0.1:"
    yield f"  layer 2: delta {side_by_side(delta_2, 1)}, change of w {side_by_side(change_2, 1)}"
    yield f"  layer 1: delta {side_by_side(delta_1, 1)}, change of w {side_by_side(change_1, 1)}"
    quiet = refnet.Network(
        [refnet.Dense(v, [0.0, 0.0], "tanh"), refnet.Dense(w, [0.0], "identity")]
    )
    layer_1, layer_2 = quiet.loss_and_gradients([u], [[1.0]], "half_squared_error")[1]
    yield Same("layer 2, change of w, refnet", -0.1 * layer_2.dW, change_2)
    yield Same("layer 1, change of w, refnet", -0.1 * layer_1.dW, change_1)
    yield Claim(
        "by propagating the change of w backward the weights get updated",
        f"up to {abs(change_2).max():.1f} in layer 2, {abs(change_1).max():.1f} in layer 1",
        change_2.any() or not change_1.any(),
        erratum="elgendy-changes-propagated",
    )
    yield (
        "Layer 2 has no change of w that it could hand down. What goes back is delta = dE/dz "
        "(BP2), and each layer computes its own change from its delta and its inputs (BP4)."
    )


def chain_rule():
    """The chain rule by numbers, and upstream times local where there is one path."""
    at, h = 2.0, 1e-5
    outside, inside = 2 * (3 * at), 3  # of f(g) = g^2 and g(x) = 3 x
    measured = ((3 * (at + h)) ** 2 - (3 * (at - h)) ** 2) / (2 * h)
    yield "f(g) = g^2 and g(x) = 3x, at x = 2. The outside function has the slope 2g, the inside 3:"
    yield Expected(
        f"f'(g(x)) g'(x) = {outside:.0f} * {inside}", f"{outside * inside:.0f}", measured
    )
    net = refnet.mlp([1, 1, 1, 1], hidden="sigmoid", output="identity", seed=27)
    (w1, c1), (w2, c2), (w3, c3) = ((it.W.item(), it.b.item()) for it in net.layers)
    x, y = 0.5, 1.0
    a1 = sigma(w1 * x + c1)
    a2 = sigma(w2 * a1 + c2)
    y_hat = w3 * a2 + c3
    dE_dy = 2 * (y_hat - y)
    dE_da2 = dE_dy * w3
    dE_dz2 = dE_da2 * (a2 * (1 - a2))
    dE_da1 = dE_dz2 * w2
    dE_dz1 = dE_da1 * (a1 * (1 - a1))
    dE_dx = dE_dz1 * w1
    yield "Layers of one neuron form a chain, which has one path. Upstream times local:"
    yield (
        f"  dE_dy                             = {dE_dy:9.6f}\n"
        f"  dE_da2 = dE_dy  * w3              = {dE_da2:9.6f}\n"
        f"  dE_dz2 = dE_da2 * (a2 * (1 - a2)) = {dE_dz2:9.6f}\n"
        f"  dE_da1 = dE_dz2 * w2              = {dE_da1:9.6f}\n"
        f"  dE_dz1 = dE_da1 * (a1 * (1 - a1)) = {dE_dz1:9.6f}\n"
        f"  dE_dx  = dE_dz1 * w1              = {dE_dx:9.6f}"
    )
    theirs = net.loss_and_gradients([[x]], [[y]], "mse")[1].wrt_input(net).item()
    yield Same("dE/dx, refnet", theirs, dE_dx)


def all_paths():
    """The formula of figure 2.36: one path, where all count."""
    a1, a2, a3, y_hat = feedforward(W1)
    delta4 = 2 * (y_hat - y)  # BP1
    delta3 = W4.T @ delta4 * a3 * (1 - a3)  # BP2
    delta2 = W3.T @ delta3 * a2 * (1 - a2)
    delta1 = W2.T @ delta2 * a1 * (1 - a1)
    dW1 = np.outer(delta1, x)  # BP4
    dE_dw13 = dW1[2, 0]  # from input 1 to node 3
    yield "BP2, upstream times local with matrices, sums over all paths:"
    yield (
        "  delta4 = 2 * (y_hat - y)\n"
        "  delta3 = W4.T @ delta4 * a3 * (1 - a3)\n"
        "  delta2 = W3.T @ delta3 * a2 * (1 - a2)\n"
        "  delta1 = W2.T @ delta2 * a1 * (1 - a1)\n"
        "  dW1 = np.outer(delta1, x)"
    )
    yield Same("dW of layer 1, refnet", refnet_gradients()[0].dW, dW1)
    grown, h = np.zeros_like(W1), 1e-5
    grown[2, 0] = h
    above, below = ((feedforward(W1 + it)[3][0] - y) ** 2 for it in (grown, -grown))
    yield Same("dE/dw_13, a central difference", (above - below) / (2 * h), dE_dw13, digits=8)
    yield "What each path from w_13 to the error adds to it, x1 > node 3 > layer 2 > layer 3 > E:"
    yield "\n".join(
        f"  x1 > 3 > {k + 1} > {m + 1} > E  {effect:9.6f}"
        f"{'  the path of the formula' if (k, m) == formula_path() else ''}"
        for (k, m), effect in paths().items()
    )
    whole, one = sum(paths().values()), paths()[formula_path()]
    yield Same("dE/dw_13, the sum of all paths", dE_dw13, whole)
    yield Claim(
        "dE/dw_13 = effect on edge 4 * edge 3 * edge 2 * target edge",
        f"{one:.4f}, the {len(paths())} paths together {whole:.4f}",
        np.isclose(one, whole),
        erratum="elgendy-one-path",
    )
    factor = W4[0, 1] * (a3[1] * (1 - a3[1]))
    z4 = [(W4 @ sigma(W3 @ a2 + b3 + step * np.array([0.0, 1.0])) + b4)[0] for step in (h, -h)]
    dz_dz = (z4[0] - z4[1]) / (2 * h)  # dz_1^(4) / dz_2^(3)
    dw_dw = 0.0  # no weight depends on another one
    yield Claim(
        "a factor of the path is dw_21^(4) / dw_22^(3)",
        f"{dw_dw:.0f}; dz_1^(4) / dz_2^(3) = {dz_dz:.4f}",
        np.isclose(dw_dw, dz_dz),
        erratum="elgendy-weights-by-weights",
    )
    yield Same("that factor: w_21^(4) f'(z_2^(3))", dz_dz, factor, digits=8)
    (to, _), (_, start) = EDGES[0], EDGES[1]
    yield Claim(
        "w_13, w_32, w_22, w_21 are a path, with w_ab to a from b (section 2.4)",
        f"w_13^(1) leads to node {to}, w_32^(2) starts at node {start}",
        all(EDGES[l][0] == EDGES[l + 1][1] for l in range(3)),
        erratum="elgendy-weight-index",
    )


def takeaways():
    """Gradients all the way to the inputs, and what has a desired output."""
    a1, a2, a3, y_hat = feedforward(W1)
    delta = 2 * (y_hat - y)  # BP1
    for W, a in ((W4, a3), (W3, a2), (W2, a1)):
        delta = W.T @ delta * a * (1 - a)  # BP2
    yield "The chain rule, all the way to the inputs:"
    theirs = refnet_gradients().wrt_input(network())[0]
    yield Same("dE/dx = W1.T @ delta1, refnet", theirs, W1.T @ delta)
    swapped = sigma(W3[::-1] @ a2 + b3[::-1])
    yield (
        f"The desired output is that of the network. A hidden layer has none: the two neurons of "
        f"layer 3, swapped together with their weights, give {side_by_side(swapped)} for "
        f"{side_by_side(a3)}, and the same prediction:"
    )
    yield Same("y_hat, two neurons swapped", y_hat, W4[:, ::-1] @ swapped + b4)


def copied():
    """The rule in which our copy may have changed a letter."""
    at = 2.0
    whole, outside, inside = 2 * (3 * at) * 3, 2 * (3 * at), 3.0
    yield Copy(
        "d/dx f(g(x)) = d/dx f(g(x)) * d/dx g(x)",
        f"{whole * inside:.0f} for (3x)^2 at 2; it is {outside * inside:.0f}",
        np.isclose(whole * inside, outside * inside),
        erratum="elgendy-outside-function",
    )


SECTIONS = {
    "2.7 Backpropagation": backpropagation,
    "2.7.1 What is backpropagation?": what_it_is,
    "Calculus refresher: Chain rule in derivatives": chain_rule,
    "Figure 2.36 Backpropagation uses the chain rule": all_paths,
    "2.7.2 Backpropagation takeaways": takeaways,
    "Our copy reads": copied,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
