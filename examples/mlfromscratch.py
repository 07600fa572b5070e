"""mlfromscratch, Neural Networks: Feedforward and Backpropagation Explained,
Backpropagation: why the gradient is a product of factors, summed over paths.

The network and the data are those of mlfromscratch_forward.py: 4-5-4-3, all sigmoids,
on iris scaled to [0, 1]. C is half the sum of the squared differences.

    python examples/mlfromscratch.py [SECTION ...] [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from lesson import Claim, Expected, Printed, Same, run
from mlfromscratch_forward import ETA, LOSS, network, sigma, training_rows
from refnet.forms import accumulated

TITLE = "mlfromscratch, Neural Networks: Feedforward and Backpropagation Explained: gradients"
BATCH = 16


def forward(net, a0):
    """a^(0) to a^(3) of one sample."""
    W1, W2, W3 = (layer.W for layer in net.layers)
    b1, b2, b3 = (layer.b for layer in net.layers)
    a1 = sigma(W1 @ a0 + b1)
    a2 = sigma(W2 @ a1 + b2)
    a3 = sigma(W3 @ a2 + b3)
    return a0, a1, a2, a3


def cost(net, x, y):
    """C: half the sum of the squared differences, as the mean over the samples."""
    return ((net.predict(x) - y) ** 2).sum(axis=1).mean() / 2


def stepped(net, step):
    """A copy of the network with all parameters moved."""
    other = net.copy()
    other.parameters[:] += step
    return other


def backpropagation():
    """Nudges that bring an output closer to 1.0, and what goes wrong where the weights
    are updated on the way back.
    """
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    species = y[0].argmax()
    gradient = net.loss_and_gradients(x[:1], y[:1], LOSS)[1].vector
    before, after = (it.predict(x[:1])[0, species] for it in (net, stepped(net, -ETA * gradient)))
    yield "We want the output neuron of the first flower's species to be 1.0."
    yield Claim(
        "the nudge brings the output closer to 1.0",
        f"{before:.4f}, then {after:.4f}",
        before < after < 1,
    )
    yield (
        "Backpropagation computes the gradients, nothing more. All of them belong to the same "
        "weights. What if each layer is updated before we propagate back through it?"
    )
    dW1 = net.loss_and_gradients(x, y, LOSS)[1][0].dW
    for eta in (0.1, 1.0):
        off = apart(updated_on_the_way(net, x, y, eta), dW1)
        yield f"  eta = {eta:g}: dC/dw^(1) is {off:.1%} off"
    late = updated_on_the_way(net, x, y, ETA)
    yield Claim(
        '"propagate backwards, updating weights and biases for each layer"',
        f"dC/dw^(1) {apart(late, dW1):.0%} off at eta = {ETA:g}",
        np.allclose(late, dW1),
        erratum="mlfromscratch-update-going-back",
    )


def apart(wrong, right):
    """The norm of the difference, relative to the norm of the right one."""
    return np.linalg.norm(wrong - right) / np.linalg.norm(right)


def updated_on_the_way(net, x, y, eta):
    """dC/dw^(1) with a mistake: W^(3) and W^(2) take their step before they are
    used.
    """
    a1, a2, a3 = (step.a for step in net.forward(x))
    W2, W3 = (layer.W for layer in net.layers[1:])
    dC_dz3 = (a3 - y) * a3 * (1 - a3) / len(x)
    W3 = W3 - eta * dC_dz3.T @ a2
    dC_dz2 = dC_dz3 @ W3 * a2 * (1 - a2)
    W2 = W2 - eta * dC_dz2.T @ a1
    dC_dz1 = dC_dz2 @ W2 * a1 * (1 - a1)
    return dC_dz1.T @ x


def computing_gradients():
    """How w^L changes z^L, that changes a^L, and that changes C: one neuron; and which
    weights and biases change C most.
    """
    a, w, b, y, h = 0.8, 0.5, 0.0, 1.0, 1e-4
    z = w * a + b
    yield f"One neuron with a^(L-1) = {a}, w^L = {w}, b^L = 0 and y = 1. First w^L grows by {h}:"
    z_new = (w + h) * a + b
    a_new, a_L = sigma(z_new), sigma(z)
    C_new, C = (a_new - y) ** 2 / 2, (a_L - y) ** 2 / 2
    yield f"  z^L  grows by {z_new - z:.6f} = {(z_new - z) / h:.4f} of that"
    yield f"  a^L  grows by {a_new - a_L:.6f} = {(a_new - a_L) / (z_new - z):.4f} of that"
    yield f"  C   changes by {C_new - C:.6f} = {(C_new - C) / (a_new - a_L):.4f} of that"
    dz_dw = a
    da_dz = a_L * (1 - a_L)
    dC_da = a_L - y
    yield "The three ratios are the partial derivatives, and their product is the whole ratio:"
    yield Same("dz/dw = a^(L-1)", (z_new - z) / h, dz_dw, digits=4)
    yield Same("da/dz = a (1 - a)", (a_new - a_L) / (z_new - z), da_dz, digits=4)
    yield Same("dC/da = a - y", (C_new - C) / (a_new - a_L), dC_da, digits=4)
    yield Same("dC/dw, the product", (C_new - C) / h, dz_dw * da_dz * dC_da, digits=4)
    (rows, targets), net = training_rows(), network(4, 5, 4, 3)
    vector = net.loss_and_gradients(rows, targets, LOSS)[1].vector
    start = cost(net, rows, targets)
    changes = [cost(stepped(net, h * e), rows, targets) - start for e in np.eye(vector.size)]
    yield f"In 4-5-4-3, each of the {vector.size} weights and biases in turn is raised by {h}:"
    most = np.abs(changes).argmax()
    yield Claim(
        "the largest ratio has the greatest impact on the cost",
        f"ratio {vector[most]:.4f}, C changes by {changes[most]:.2e}",
        most == np.abs(vector).argmax(),
    )


def three_equations():
    """The three equations for the output layer, the gradient vector, its average over
    a mini-batch, and the direction of a step.
    """
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    _, _, a_below, a = forward(net, x[0])
    W = net.layers[-1].W
    dC_da = a - y[0]
    da_dz = a * (1 - a)
    dC_dw = np.outer(dC_da * da_dz, a_below)  # BP4
    dC_db = dC_da * da_dz  # BP3
    dC_da_below = W.T @ (dC_da * da_dz)
    top = refnet.Network(net.layers[-1:])
    gradients = top.loss_and_gradients([a_below], y[:1], LOSS)[1]
    yield (
        "The output layer of 4-5-4-3, for one flower. Its z^L = w^L a^(L-1) + b^L has the "
        "derivatives dz/dw = a^(L-1), dz/db = 1 and dz/da^(L-1) = w."
    )
    yield Same("dC/dw = dC/da da/dz dz/dw, refnet", gradients[0].dW, dC_dw)
    yield Same("dC/db = dC/da da/dz dz/db, refnet", gradients[0].db, dC_db)
    yield Same("dC/da^(L-1) = dC/da da/dz dz/da^(L-1)", gradients.wrt_input(top), [dC_da_below])
    largest = np.abs(dC_dw).argmax(axis=1) == a_below.argmax()  # of each neuron
    yield Claim(
        "activations tell which weights matter the most",
        f"|dC/dw| is largest at the largest a in {largest.sum()} of {largest.size} neurons",
        largest.all(),
    )
    yield from mini_batch(net, x, y)
    start, vector = cost(net, x, y), net.loss_and_gradients(x, y, LOSS)[1].vector
    up, down = (cost(stepped(net, sign * 0.1 * vector), x, y) for sign in (1, -1))
    yield Claim(
        'optimize "by stepping in the direction of the output"',
        f"C {start:.4f}, then {up:.4f}",
        up < start,
        erratum="mlfromscratch-direction",
    )
    yield Claim(
        "later: step in the opposite direction", f"C {start:.4f}, then {down:.4f}", down < start
    )


def mini_batch(net, x, y):
    """The gradient vector, and its average over the samples of a mini-batch."""
    x, y = x[:BATCH], y[:BATCH]
    vector = net.loss_and_gradients(x, y, LOSS)[1].vector
    yield "Weights and biases of the three layers: 4 * 5 + 5, 5 * 4 + 4 and 4 * 3 + 3."
    yield Expected("dimensions of the gradient vector", f"{25 + 24 + 15}", vector.size)
    each = [net.loss_and_gradients(x[[i]], y[[i]], LOSS)[1].vector for i in range(BATCH)]
    summed = accumulated.gradient(net, x, y, LOSS)
    looped = [part.ravel() for pair in zip(summed.dW, summed.db, strict=True) for part in pair]
    yield f"A mini-batch of {BATCH}: is the average of the gradients that of the average cost?"
    yield Same("average of the samples' gradients", vector, np.mean(each, axis=0))
    yield Same("added up in a loop, then divided", vector, np.concatenate(looped))


@cache
def chain_network():
    """A 1-1-1-1 network on the number 0.8, which should give 1, and all its partial
    derivatives by their names.
    """
    net = network(1, 1, 1, 1, seed=3)
    a0, y = 0.8, 1.0
    w1, w2, w3 = (layer.W.item() for layer in net.layers)
    a1 = sigma(w1 * a0)
    a2 = sigma(w2 * a1)
    a3 = sigma(w3 * a2)
    factors = {"dC/da3": a3 - y}
    factors |= {"da3/dz3": a3 * (1 - a3), "dz3/da2": w3, "dz3/dw3": a2, "dz3/db3": 1.0}
    factors |= {"da2/dz2": a2 * (1 - a2), "dz2/da1": w2, "dz2/dw2": a1, "dz2/db2": 1.0}
    factors |= {"da1/dz1": a1 * (1 - a1), "dz1/dw1": a0, "dz1/db1": 1.0}
    return net, factors


def going_deeper():
    """The chains of a network with one hidden layer, which factors they share, and the
    chain with one more.
    """
    yield "Layers 0, 1 and 2. The output layer, then one layer back:"
    dC_dw2 = ["dC/da2", "da2/dz2", "dz2/dw2"]
    dC_da1 = ["dC/da2", "da2/dz2", "dz2/da1"]
    dC_dw1 = ["dC/da2", "da2/dz2", "dz2/da1", "da1/dz1", "dz1/dw1"]
    dC_db1 = ["dC/da2", "da2/dz2", "dz2/da1", "da1/dz1", "dz1/db1"]
    yield f"  dC/dw2 = {' * '.join(dC_dw2)}      dC/da1 = {' * '.join(dC_da1)}"
    yield f"  dC/dw1 = {' * '.join(dC_dw1)}"
    yield f"  dC/db1 = {' * '.join(dC_db1)}"
    new = [it for it in dC_dw1 if it not in dC_dw2 + dC_da1]
    yield Claim(
        "dC/dw1 takes two newly calculated factors", f"{len(new)}: {', '.join(new)}", len(new) == 2
    )
    shared = [it for it in dC_dw1 if it in dC_db1]
    yield Printed("first factors that dC/db1 can use again", "4", len(shared))
    yield "With an extra hidden layer, in numbers: a 1-1-1-1 network with a0 = 0.8 and y = 1."
    net, factors = chain_network()
    gradients = net.loss_and_gradients([[0.8]], [[1.0]], LOSS)[1]
    back, products = ["dC/da3", "da3/dz3"], []
    for layer in (3, 2, 1):
        names = [*back, f"dz{layer}/dw{layer}"]
        product = np.prod([factors[it] for it in names])
        products.append(product)
        yield f"  dC/dw{layer} = {' * '.join(names)}"
        yield f"    = {' * '.join(f'{factors[it]:.4f}' for it in names)} = {product:.6f}"
        back += [f"dz{layer}/da{layer - 1}", f"da{layer - 1}/dz{layer - 1}"]
    by_refnet = [gradients[layer - 1].dW.item() for layer in (3, 2, 1)]
    yield Same("dC/dw3, dC/dw2, dC/dw1, refnet", by_refnet, products)
    yield from dependencies()


def dependencies():
    """What the gradient of the output layer depends on: the layer below, too."""
    (x, y), net = training_rows(), network(4, 5, 3)
    other = net.copy()
    other.layers[0].W[...] *= 2
    first, second = (it.loss_and_gradients(x, y, LOSS)[1][1].dW for it in (net, other))
    change = np.abs(second - first).max() / np.abs(first).max()
    yield "What does dC/dw2 depend on? Its factor dz2/dw2 is a1, which w1 has made. 4-5-3:"
    yield Claim(
        'updating layer 2 depends "only" on the cost function and layer 2',
        f"w^(1) doubled changes dC/dw^(2) by {change:.0%}",
        change == 0,
        erratum="mlfromscratch-depends-only",
    )


def summarization():
    """The algorithm for 4-5-4-3: the chain with matrices, and as a sum over paths."""
    (rows, targets), net = training_rows(), network(4, 5, 4, 3)
    y = targets[0]
    a0, a1, a2, a3 = forward(net, rows[0])
    _, W2, W3 = (layer.W for layer in net.layers)
    yield (
        "With several neurons in a layer, each factor is a matrix (a Jacobian), and the same "
        "chain holds in this order:"
    )
    dC_da3 = a3 - y
    da3_dz3, da2_dz2, da1_dz1 = (np.diag(a * (1 - a)) for a in (a3, a2, a1))
    dz3_da2, dz2_da1 = W3, W2
    dC_dz3 = dC_da3 @ da3_dz3  # BP1
    dC_dz2 = dC_dz3 @ dz3_da2 @ da2_dz2  # BP2
    dC_dz1 = dC_dz2 @ dz2_da1 @ da1_dz1  # BP2
    gradients = net.loss_and_gradients(rows[:1], targets[:1], LOSS)[1]
    yield Same("dC/dw^(3), refnet", gradients[2].dW, np.outer(dC_dz3, a2))  # BP4
    yield Same("dC/dw^(2), refnet", gradients[1].dW, np.outer(dC_dz2, a1))
    yield Same("dC/dw^(1), refnet", gradients[0].dW, np.outer(dC_dz1, a0))
    yield Same("dC/db^(1), refnet", gradients[0].db, dC_dz1)  # BP3
    paths = [
        [
            dC_da3[i] * da3_dz3[i, i] * W3[i, h] * da2_dz2[h, h] * W2[h, 2] * da1_dz1[2, 2] * a0[3]
            for h in range(4)
        ]
        for i in range(3)
    ]
    yield (
        f"The matrix products add up paths. From w_2,3^(1) there are 4 ways to layer 2, and 3 from "
        f"each of them to layer 3: {np.size(paths)} paths to C. Each is a chain of seven numbers."
    )
    yield Same(
        f"dC/dw_2,3^(1), sum over {np.size(paths)} paths", gradients[0].dW[2, 3], np.sum(paths)
    )
    largest, smallest = (pick(np.ravel(paths), key=abs) for pick in (max, min))
    yield f"The largest path contributes {largest:.6f}, the smallest {smallest:.6f}."


SECTIONS = {
    "Backpropagation": backpropagation,
    "Computing Gradients": computing_gradients,
    "Three equations for calculating the gradient": three_equations,
    "Example: Going Deeper": going_deeper,
    "Summarization": summarization,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
