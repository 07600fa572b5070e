"""Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
(adventuresinmachinelearning), sections 4.5 to 4.9: backpropagation for one weight,
index by index, with matrices, and summed over the samples.

    python examples/thomas_backpropagation.py [SECTION ...] [--plot DIR]
"""

import numpy as np

import refnet
from lesson import Claim, Same, run
from refnet.forms import accumulated, loops
from thomas_descent import COST, SAMPLES
from thomas_forward import X, f, three_three_one

TITLE = "Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 4.5 to 4.9"


def f_deriv(z):
    """f'(z) of the sigmoid."""
    return f(z) * (1 - f(z))


def three_outputs():
    """The network of the second diagram in section 4.6: the same hidden layer below
    three outputs, whose weights are ours.
    """
    W2 = np.array([[0.5, 0.5, 0.5], [0.1, 0.2, 0.3], [-0.4, 0.6, 0.2]])
    return refnet.Network(
        [three_three_one().layers[0], refnet.Dense(W2, np.full(3, 0.2), "sigmoid")]
    )


def in_depth():
    """The chain rule for one weight of the output layer: x = (1.5, 2, 3), y = 1."""
    net, y = three_three_one(), 1.0
    (W1, W2), (b1, b2) = [layer.W for layer in net.layers], [layer.b for layer in net.layers]
    h2 = f(W1 @ X + b1)
    z3 = W2 @ h2 + b2
    h3 = f(z3)
    dJ_dh = -(y - h3[0])
    dh_dz = f_deriv(z3[0])
    dz_dw = h2[1]
    yield (
        "The 3-3-1 network with target y = 1:\n"
        "  dJ/dw_12^(2) = dJ/dh_1^(3) * dh_1^(3)/dz_1^(3) * dz_1^(3)/dw_12^(2)\n"
        f"               = {dJ_dh:.5f} * {dh_dz:.5f} * {dz_dw:.5f} = {dJ_dh * dh_dz * dz_dw:.5f}"
    )
    dW = net.loss_and_gradients([X], [[y]], COST)[1][1].dW
    yield Same("dJ/dw_12^(2), refnet's dW[0, 1]", dW[0, 1], dJ_dh * dh_dz * dz_dw)
    z = accumulated.propagate(net.layers, X)[1]
    yield Claim(
        "the sum of w_1j^(2) h_j^(2), + b_1^(2), is z_1^(2)",
        f"it is {z3[0]:.4f}; z_1^(2) is {z[2][0]:.4f}, z_1^(3) {z[3][0]:.4f}",
        round(z3[0] - z[2][0], 9) == 0,
        erratum="thomas-z-3",
    )
    grown = net.copy()
    grown.layers[1].W[0, 1] += 1  # w_12^(2); a sum that is linear in it grows by its derivative
    by_1, by_2 = (
        (grown.layers[l].W[0] - net.layers[l].W[0]) @ h2 + grown.layers[l].b[0] - net.layers[l].b[0]
        for l in (0, 1)
    )
    yield Claim(
        "the derivative of the sum of w_1j^(1) h_j^(2), + b_1^(1), with respect to w_12^(2) is "
        "h_2^(2)",
        f"{by_1:.4f}, and h_2^(2) is {h2[1]:.4f}; with w_1j^(2) it is {by_2:.4f}",
        by_1 == by_2,
        erratum="thomas-w-2",
    )
    constant, itself = np.poly1d(b2).deriv()(1.0), np.poly1d([1, 0]).deriv()(1.0)
    yield Claim(
        "the derivative of a constant is 1",
        f"{constant:g}; of w with respect to itself {itself:g}",
        constant == 1,
        erratum="thomas-constant",
    )


def into_the_hidden_layers():
    """Deltas go back through the weights, summed over the nodes above."""
    for net, y in ((three_three_one(), [1.0]), (three_outputs(), [1.0, 0.0, 0.0])):
        h, z = accumulated.propagate(net.layers, X)
        W = net.layers[1].W
        delta = {3: -(np.array(y) - h[3]) * f_deriv(z[3])}  # BP1
        delta[2] = np.zeros(3)
        for j in range(3):
            for i in range(len(y)):
                delta[2][j] += W[i, j] * delta[3][i]  # BP2: the sum over the nodes above
            delta[2][j] *= f_deriv(z[2][j])
        terms = " + ".join(f"{w:g} ({d:.4f})" for w, d in zip(W[:, 0], delta[3], strict=True))
        yield (
            f"3-3-{len(y)}, target {y}:\n"
            f"  delta_1^(2) = ({terms}) * {f_deriv(z[2][0]):.5f}\n"
            f"              = {delta[2][0]:.6f}"
        )
        first, second = net.loss_and_gradients([X], [y], COST)[1]
        dW = [
            [[h[l][j] * delta[l + 1][i] for j in range(3)] for i in range(n)]  # BP4
            for l, n in ((1, 3), (2, len(y)))
        ]
        yield Same(f"delta^(2) of 3-3-{len(y)}, refnet's", first.delta[0], delta[2])
        yield Same("dJ/dw_ij^(1) = h_j^(1) delta_i^(2)", first.dW, dW[0])
        yield Same("dJ/dw_ij^(2) = h_j^(2) delta_i^(3)", second.dW, dW[1])
    yield (
        "The text's first formula has one term, delta_1^(l+1) w_1j^(l) f'(z_j^(l)), and calls it "
        "general where there is one output node. One node in layer l + 1 is what it takes:"
    )
    deep = refnet.Network(
        [*three_outputs().layers, refnet.Dense([[0.5, 0.5, 0.5]], [0.2], "sigmoid")]
    )
    worked, w = loops.gradient(deep, [X], [[1.0]], COST), deep.layers[1].W[:, 0]
    a, above = worked.a[0][0, 0], worked.delta[1][0]
    one, every = above[0] * w[0] * a * (1 - a), worked.delta[0][0, 0]
    yield Claim(
        "delta_j^(l) = delta_1^(l+1) w_1j^(l) f'(z_j^(l)) with one output node",
        f"3-3-3-1: {one:.2e}, the sum is {every:.2e}",
        round(one, 9) == round(every, 9),
        erratum="thomas-one-output-node",
    )


def vectorised():
    """delta^(l) = (W^(l))^T delta^(l+1) * f'(z^(l)), and which product is dJ/dW."""
    net, y = three_outputs(), np.array([1.0, 0.0, 0.0])
    h, z = accumulated.propagate(net.layers, X)
    W = net.layers[1].W
    delta = {3: -(y - h[3]) * f_deriv(z[3])}
    delta[2] = W.T @ delta[3] * f_deriv(z[2])
    dW = {l: delta[l + 1][:, np.newaxis] @ h[l][np.newaxis] for l in (1, 2)}
    db = {l: delta[l + 1] for l in (1, 2)}
    first, second = net.loss_and_gradients([X], [y], COST)[1]
    yield Same("delta^(3), refnet's BP1", second.delta[0], delta[3])
    yield Same("delta^(2), refnet's BP2", first.delta[0], delta[2])
    yield Same("dJ/db^(1) = delta^(2), BP3", first.db, db[1])
    yield Same("dJ/dW^(1) = delta^(2) (h^(1))^T, BP4", first.dW, dW[1])
    yield (
        f"Both are columns, (3 x 1): without the transpose they cannot be multiplied, with it "
        f"delta^(2) (h^(1))^T is ({dW[1].shape[0]} x {dW[1].shape[1]}), the shape of W^(1)."
    )


def descent_step():
    """Sums over the samples in capital deltas, and the step with their mean."""
    (x, y), net = SAMPLES, three_three_one()
    W, b = ({l: getattr(layer, name) for l, layer in enumerate(net.layers, 1)} for name in "Wb")
    Delta_W = {l: np.zeros_like(W[l]) for l in W}
    Delta_b = {l: np.zeros_like(b[l]) for l in b}
    for x_z, y_z in zip(x, y, strict=True):
        h, z = accumulated.propagate(net.layers, x_z)
        delta = {3: -(y_z - h[3]) * f_deriv(z[3])}
        delta[2] = W[2].T @ delta[3] * f_deriv(z[2])
        for l in W:
            Delta_W[l] += np.outer(delta[l + 1], h[l])
            Delta_b[l] += delta[l + 1]
    yield Claim(
        "Delta b^(l) := Delta b^(1) + delta^(l+1)",
        f"l = 2: {(Delta_b[1] + delta[3]).size} entries for {b[2].size} bias",
        (Delta_b[1] + delta[3]).size == b[2].size,
        erratum="thomas-delta-b",
    )
    gradients = net.loss_and_gradients(x, y, COST)[1]
    m, alpha = len(x), 0.25
    yield Same("1/m Delta W^(1), two samples, refnet's dW", gradients[0].dW, Delta_W[1] / m)
    yield Same("1/m Delta W^(2)", gradients[1].dW, Delta_W[2] / m)
    yield Same("1/m Delta b^(1), refnet's db", gradients[0].db, Delta_b[1] / m)
    yield "A step, W^(l) := W^(l) - alpha [1/m Delta W^(l)], and the same for b, alpha = 0.25:"
    stepped = net.copy()
    refnet.SGD(lr=alpha).step(stepped, gradients)
    for l, layer in enumerate(stepped.layers, 1):
        yield Same(f"W^({l}) after it, refnet's SGD", layer.W, W[l] - alpha * (Delta_W[l] / m))
        yield Same(f"b^({l}) after it", layer.b, b[l] - alpha * (Delta_b[l] / m))


SECTIONS = {
    "4.5 Backpropagation in depth": in_depth,
    "4.6 Propagating into the hidden layers": into_the_hidden_layers,
    "4.7 Vectorisation of backpropagation": vectorised,
    "4.8 Implementing the gradient descent step": descent_step,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
