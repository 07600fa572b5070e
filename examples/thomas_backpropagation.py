"""Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
(adventuresinmachinelearning), sections 4.5 to 4.9: the chain rule for one weight,
deltas that travel back, the same with matrices, and sums over the samples.

    python examples/thomas_backpropagation.py [SECTION ...] [--plot DIR]
"""

import numpy as np

import refnet
from lesson import Claim, Expected, Same, run, side_by_side
from refnet.forms import accumulated, loops
from thomas_descent import COST, SAMPLES
from thomas_forward import X, f, three_three_one, weights

TITLE = "Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, sections 4.5 to 4.9"
Y, ALPHA = 1.0, 0.25


def f_deriv(z):
    """The derivative of the activation function."""
    return f(z) * (1 - f(z))


def three_outputs():
    """The network of the second drawing in section 4.6: three outputs above the same
    hidden layer. Their weights and the target (1, 0, 0) are ours.
    """
    W2 = np.array([[0.5, 0.5, 0.5], [0.1, 0.2, 0.3], [-0.4, 0.6, 0.2]])
    hidden = three_three_one().layers[0]
    net = refnet.Network([hidden, refnet.Dense(W2, np.full(3, 0.2), "sigmoid")])
    return net, np.array([1.0, 0.0, 0.0])


def feed_forward(net, x):
    """h and z of each layer, which is numbered from 1."""
    h, z = {1: x}, {}
    for l, (W, b) in enumerate(zip(*weights(net), strict=True), start=1):
        z[l + 1] = W @ h[l] + b
        h[l + 1] = f(z[l + 1])
    return h, z


def in_depth():
    """dJ/dw_12^(2) as a product of three derivatives."""
    net = three_three_one()
    (W1, W2), (b1, b2) = weights(net)
    h, z = feed_forward(net, X)
    dJ_dh = -(Y - h[3][0])
    dh_dz = f_deriv(z[3][0])
    dz_dw = h[2][1]
    dJ_dw = dJ_dh * dh_dz * dz_dw
    yield (
        "The network of section 3.1 with x = (1.5, 2, 3) and the target y = 1. How much does the "
        "cost J = 1/2 (y - h_1^(3))^2 change with w_12^(2)? The chain rule:\n"
        f"  dJ/dh_1^(3)         = -(y - h_1^(3))            = {dJ_dh:.5f}\n"
        f"  dh_1^(3)/dz_1^(3)   = f'(z_1^(3))               =  {dh_dz:.5f}\n"
        f"  dz_1^(3)/dw_12^(2)  = h_2^(2)                   =  {dz_dw:.5f}\n"
        f"  dJ/dw_12^(2)        = the product of the three  = {dJ_dw:.5f}"
    )
    gradients = net.loss_and_gradients([X], [[Y]], COST)[1]
    yield Same("dJ/dw_12^(2), refnet's", gradients[1].dW[0, 1], dJ_dw)
    J = [(Y - f(W2[0] @ h[2] + s * 1e-6 * h[2][1] + b2[0])) ** 2 / 2 for s in (1, -1)]
    yield Same("dJ/dw_12^(2), as measured", (J[0] - J[1]) / 2e-6, dJ_dw, digits=8)
    delta = -(Y - h[3]) * f_deriv(z[3])  # BP1
    yield Same("the same as h_2^(2) delta_1^(3)", h[2][1] * delta[0], dJ_dw)
    yield Same("delta_1^(3), refnet's", gradients[1].delta[0], delta)

    yield "Where the text has another index or number:"
    z_here = W2[0] @ h[2] + b2[0]
    yield Claim(
        "the sum of w_1j^(2) h_j^(2), + b_1^(2), is z_1^(2)",
        f"it is {z_here:.4f} = z_1^(3); z_1^(2) is {z[2][0]:.4f}",
        np.isclose(z_here, z[2][0]),
        erratum="thomas-z-3",
    )
    step = np.array([0, 1, 0])  # to w_12^(2)
    for layer, (W, b), grown in ((1, (W1, b1), W1[0]), (2, (W2, b2), W2[0] + step)):
        slope = (grown @ h[2] + b[0]) - (W[0] @ h[2] + b[0])
        yield Claim(
            f"the derivative of the sum of w_1j^({layer}) h_j^(2) to w_12^(2) is h_2^(2)",
            f"{slope:.4f}, h_2^(2) is {h[2][1]:.4f}",
            np.isclose(slope, h[2][1]),
            erratum="thomas-w-2" if layer == 1 else "",
        )
    constant = np.poly1d([b2[0]]).deriv()(W2[0, 1])
    yield Claim(
        "the derivative of a constant is 1",
        f"{constant:g} of b_1^(2); 1 is that of w_12^(2) itself",
        constant == 1,
        erratum="thomas-constant",
    )


def hidden_layers():
    """A hidden delta is the sum of the deltas above, each times its weight."""
    net = three_three_one()
    W2 = net.layers[1].W
    h, z = feed_forward(net, X)
    delta_3 = -(Y - h[3]) * f_deriv(z[3])  # BP1
    delta_2 = np.array([delta_3[0] * W2[0, j] * f_deriv(z[2][j]) for j in range(3)])  # BP2
    yield (
        "One output: delta_j^(2) = delta_1^(3) w_1j^(2) f'(z_j^(2)).\n"
        f"  delta_1^(2) = {delta_3[0]:.5f} * {W2[0, 0]:g} * {f_deriv(z[2][0]):.5f} = "
        f"{delta_2[0]:.6f}\n"
        "In a network with more layers this holds where layer l + 1 has one node. Where it has "
        "several, the sum below takes its place."
    )
    gradients = net.loss_and_gradients([X], [[Y]], COST)[1]
    yield Same("delta^(2), refnet's", gradients[0].delta[0], delta_2)

    net, y = three_outputs()
    W2 = net.layers[1].W
    h, z = feed_forward(net, X)
    delta_3 = -(y - h[3]) * f_deriv(z[3])
    summed = [sum(W2[i, j] * delta_3[i] for i in range(3)) for j in range(3)]
    delta_2 = np.array([summed[j] * f_deriv(z[2][j]) for j in range(3)])
    terms = "\n".join(
        f"  w_{i + 1}1^(2) delta_{i + 1}^(3) = {W2[i, 0]:4.1f} * {delta_3[i]:7.4f} = "
        f"{W2[i, 0] * delta_3[i]:8.5f}"
        for i in range(3)
    )
    yield (
        "Three outputs, with the target (1, 0, 0): each sends its delta back through its weight, "
        f"and node 1 of layer 2 adds them up.\n{terms}\n"
        f"  their sum                         {summed[0]:8.5f}\n"
        f"  times f'(z_1^(2)) = {f_deriv(z[2][0]):.5f}:      {delta_2[0]:8.5f} = delta_1^(2)"
    )
    gradients = net.loss_and_gradients([X], [y], COST)[1]
    yield Same("delta^(2), refnet's", gradients[0].delta[0], delta_2)
    dJ_dW1 = np.array([[h[1][j] * delta_2[i] for j in range(3)] for i in range(3)])  # BP4
    yield Same("dJ/dw_ij^(1) = h_j^(1) delta_i^(2), refnet's", gradients[0].dW, dJ_dW1)
    yield Same("dJ/db_i^(1) = delta_i^(2), refnet's", gradients[0].db, delta_2)  # BP3
    worked = loops.gradient(net, [X], [y], COST)
    yield Same("dJ/dw_ij^(1), refnet's loops", worked.dW[0], dJ_dW1)


def with_matrices():
    """The shapes tell where a transpose has to stand."""
    net, y = three_outputs()
    W2 = net.layers[1].W
    h, z = ({l: it[:, np.newaxis] for l, it in by.items()} for by in feed_forward(net, X))
    delta_3 = -(y[:, np.newaxis] - h[3]) * f_deriv(z[3])
    delta_2 = (W2.T @ delta_3) * f_deriv(z[2])  # BP2
    yield Claim(
        "h^(1) delta^(2) is no proper multiplication: the columns of the first are not the rows "
        "of the second",
        f"{h[1].shape[1]} column, {delta_2.shape[0]} rows",
        h[1].shape[1] != delta_2.shape[0],
    )
    yield Expected("shape of delta^(2) (h^(1))^T, as of W^(1)", "(3, 3)", (delta_2 @ h[1].T).shape)
    by_loops = loops.gradient(net, [X], [y], COST)
    yield (
        "With vectors for the nodes of a layer, and * for the product element by element:\n"
        "  delta^(2) = ((W^(2))^T delta^(3)) * f'(z^(2))\n"
        "  dJ/dW^(1) = delta^(2) (h^(1))^T\n"
        "  dJ/db^(1) = delta^(2)"
    )
    yield Same("delta^(2), as in refnet's loops", by_loops.delta[0], delta_2.T)
    yield Same("dJ/dW^(1), as in refnet's loops", by_loops.dW[0], delta_2 @ h[1].T)


def sample_by_sample():
    """Delta W and Delta b add up what the samples contribute."""
    net, (x, y) = three_three_one(), SAMPLES
    W2 = net.layers[1].W
    Delta_W = {1: np.zeros((3, 3)), 2: np.zeros((1, 3))}
    Delta_b = {1: np.zeros(3), 2: np.zeros(1)}
    yield "The network of section 3.1 with the two samples of section 4.3, one after the other:"
    for x_z, y_z in zip(x, y, strict=True):
        h, z = feed_forward(net, x_z)
        delta = {3: -(y_z - h[3]) * f_deriv(z[3])}
        delta[2] = (W2.T @ delta[3]) * f_deriv(z[2])
        printed = Delta_b[1] + delta[3]
        for l in (1, 2):
            Delta_W[l] += delta[l + 1][:, np.newaxis] @ h[l][np.newaxis]
            Delta_b[l] += delta[l + 1]
        yield (
            f"  dJ/dw_12^(2) = {h[2][1] * delta[3][0]:8.5f} of this sample   Delta w_12^(2) = "
            f"{Delta_W[2][0, 1]:8.5f}"
        )
    m = len(x)
    gradients = net.loss_and_gradients(x, y, COST)[1]
    yield Same("1/m Delta w_12^(2), refnet's dW", gradients[1].dW[0, 1], Delta_W[2][0, 1] / m)
    yield Same("1/m Delta W^(1), refnet's dW", gradients[0].dW, Delta_W[1] / m)
    yield Same("1/m Delta b^(1), refnet's db", gradients[0].db, Delta_b[1] / m)
    yield Claim(
        "Delta b^(l) = Delta b^(1) + delta^(l+1)",
        f"for l = 2 that has {printed.size} entries, b^(2) has {net.layers[1].b.size}",
        printed.shape == net.layers[1].b.shape,
        erratum="thomas-delta-b",
    )


def final_algorithm():
    """One iteration of the list, on the 3-3-1 network."""
    net, (x, y) = three_three_one().copy(), SAMPLES
    W, b = ({l: it.copy() for l, it in enumerate(by, start=1)} for by in weights(net))
    m, n_l = len(x), len(W) + 1
    # 1
    Delta_W, Delta_b = ({l: np.zeros_like(it) for l, it in by.items()} for by in (W, b))
    for x_z, y_z in zip(x, y, strict=True):  # 2
        h, z = {1: x_z}, {}
        for l in range(1, n_l):  # 2a
            z[l + 1] = W[l] @ h[l] + b[l]
            h[l + 1] = f(z[l + 1])
        delta = {n_l: -(y_z - h[n_l]) * f_deriv(z[n_l])}  # 2b
        for l in range(n_l - 1, 1, -1):  # 2c
            delta[l] = (W[l].T @ delta[l + 1]) * f_deriv(z[l])
        for l in W:  # 2d
            Delta_W[l] += np.outer(delta[l + 1], h[l])
            Delta_b[l] += delta[l + 1]
    for l in W:  # 3
        W[l] = W[l] - ALPHA * (Delta_W[l] / m)
        b[l] = b[l] - ALPHA * (Delta_b[l] / m)
    yield (
        f"Steps 1 to 3 of the list with the same two samples and alpha = {ALPHA}. Afterwards "
        f"W^(2) is {side_by_side(W[2], 5)}, and b^(2) is {side_by_side(b[2], 5)}."
    )
    summed, at_once = net.copy(), net.copy()
    cost = accumulated.step(summed, x, y, COST, ALPHA)
    refnet.fit(at_once, x, y, loss=COST, optimizer=refnet.SGD(lr=ALPHA), epochs=1)
    ours = np.concatenate([np.append(W[l].ravel(), b[l]) for l in W])
    yield Same("all 16, refnet's accumulated.step", summed.parameters, ours)
    yield Same("all 16, refnet's fit with all rows at once", at_once.parameters, ours)
    after = at_once.loss_and_gradients(x, y, COST)[0]
    yield Claim(
        "the cost falls",
        f"from {cost:.5f} to {after:.5f}",
        after < cost,
    )
    yield (
        "The same with any layers is a program that parity can judge: parity check "
        "examples/check_your_own/thomas.py."
    )


SECTIONS = {
    "4.5 Backpropagation in depth": in_depth,
    "4.6 Propagating into the hidden layers": hidden_layers,
    "4.7 Vectorisation of backpropagation": with_matrices,
    "4.8 Implementing the gradient descent step": sample_by_sample,
    "4.9 The final gradient descent algorithm": final_algorithm,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
