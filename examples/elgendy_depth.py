"""Elgendy, Deep Learning for Vision Systems, section 2.3: sigmoid, tanh, ReLU and leaky
ReLU in the hidden layers of a shallow and of a deep network, from several starts.

    python examples/elgendy_depth.py [SECTION ...] [--plot DIR]

The text recommends activations without figures. Here they are tried on two spirals, as
in its figure 2.10. Every network starts with Glorot's weights, which Keras takes.
"""

from functools import cache
from timeit import repeat

import numpy as np

import refnet
from elgendy_spirals import CROSS_ENTROPY, figure_2_10
from lesson import Claim, run

TITLE = "Elgendy, Deep Learning for Vision Systems, section 2.3: activations and depth"
HIDDEN = ("sigmoid", "tanh", "relu", "leaky_relu")
DEEP = (32,) * 8
# hidden layers: learning rate of Adam and epochs. Measured once, the deep one with 0.01
# instead: ReLU fits the spirals from 10 of 10 starts, tanh from none
SETTINGS = {(9, 9): (0.01, 300), DEEP: (0.003, 100)}
STARTS = 6


def start(hidden, name, seed, init="glorot_uniform"):
    """A network for the spirals, as it starts."""
    return refnet.mlp([2, *hidden, 1], hidden=name, output="sigmoid", init=init, seed=seed)


@cache
def trained(hidden, name):
    """The cost on the spirals after training, and the points on the wrong spiral, for
    each start.
    """
    x, y = figure_2_10()
    lr, epochs = SETTINGS[hidden]
    ends = []
    for seed in range(STARTS):
        net, adam = start(hidden, name, seed), refnet.Adam(lr=lr)
        refnet.fit(
            net, x, y[:, None], loss=CROSS_ENTROPY, optimizer=adam, epochs=epochs, batch_size=50
        )
        cost = refnet.BinaryCrossEntropy().value(net.predict(x), y[:, None])
        ends.append((cost, (net.classify(x) != y).sum()))
    return np.transpose(ends)


@cache
def gradients(name, init="glorot_uniform"):
    """The norm of dC/dW of each of the nine layers at the start, for each start."""
    x, y = figure_2_10()
    norms = []
    for seed in range(STARTS):
        _, found = start(DEEP, name, seed, init).loss_and_gradients(x, y[:, None], CROSS_ENTROPY)
        norms.append([np.linalg.norm(layer.dW) for layer in found])
    return np.array(norms)


def left(name, init="glorot_uniform"):
    """What layer 1 has of the norm that layer 8 has, for each start; all but these two
    layers have W of 32 x 32, the first one 32 x 2.
    """
    norms = gradients(name, init)
    return norms[:, 0] / norms[:, 7]


def lower(hidden, name, other):
    """From how many starts one activation ends with a lower cost than another."""
    return int((trained(hidden, name)[0] < trained(hidden, other)[0]).sum())


def table(hidden):
    """The ends of all starts, a line for each activation."""
    lr, epochs = SETTINGS[hidden]
    lines = [f"  {len(hidden)} hidden layers of {hidden[0]}, {epochs} epochs of Adam, lr {lr}"]
    lines.append("  activation     median cost   starts with all 200 right")
    for name in HIDDEN:
        cost, wrong = trained(hidden, name)
        lines.append(f"  {name:<15}{np.median(cost):>11.2f}{(wrong == 0).sum():>17} of {STARTS}")
    return "\n".join(lines)


def centred():
    """Section 2.3.5: tanh against the sigmoid in hidden layers."""
    x, _ = figure_2_10()
    means = {
        name: np.abs([layer.a.mean() for layer in start(DEEP, name, 0).forward(x)[:-1]])
        for name in ("sigmoid", "tanh")
    }
    yield "The mean of each hidden layer's outputs, at the start, of eight layers of 32:"
    yield Claim(
        "with tanh it is close to zero",
        f"{means['tanh'].max():.4f} or less away from 0",
        means["tanh"].max() < 0.1,
    )
    yield Claim(
        "with the sigmoid it is close to 0.5",
        f"{np.abs(means['sigmoid'] - 0.5).max():.2f} or less away from 0.5",
        np.abs(means["sigmoid"] - 0.5).max() < 0.1,
    )
    yield f"Two networks on the spirals, from {STARTS} starts each:"
    for hidden in SETTINGS:
        yield table(hidden)
    for hidden in SETTINGS:
        count = lower(hidden, "tanh", "sigmoid")
        yield Claim(
            f"tanh almost always works better than the sigmoid: {len(hidden)} layers",
            f"lower cost from {count} of {STARTS} starts",
            count >= 0.9 * STARTS,
        )


def rectified():
    """Section 2.3.6 and table 2.1: ReLU against both."""
    for hidden in SETTINGS:
        for other in ("sigmoid", "tanh"):
            count = lower(hidden, "relu", other)
            yield Claim(
                f"ReLU trains better than {other}: {len(hidden)} layers",
                f"lower cost from {count} of {STARTS} starts",
                count >= 0.9 * STARTS,
            )
    yield (
        "This is one data set, and the learning rate was chosen so that tanh learns it in the "
        "deep network, too."
    )


def leaky():
    """Section 2.3.7: leaky ReLU against ReLU."""
    counts = [lower(hidden, "leaky_relu", "relu") for hidden in SETTINGS]
    yield (
        f"The text: leaky ReLU usually works better than ReLU. Here its cost ends lower from "
        f"{counts[0]} of {STARTS} starts in the shallow network, and from {counts[1]} of {STARTS} "
        f"in the deep one, where both fit all points. So few starts do not decide it."
    )


def seconds(function):
    """The least time of a call on 10,000 numbers."""
    z = np.random.default_rng(0).normal(size=10_000)
    return min(repeat(lambda: function(z), number=20, repeat=20))


def vanishing():
    """Hyperparameter alert: speed, saturation, and what is left of the gradient."""
    slow = min(seconds(np.tanh), seconds(lambda z: 1 / (1 + np.exp(-z))))
    ratio = slow / seconds(lambda z: np.maximum(0, z))
    yield (
        f"ReLU is a bit faster to compute, says the text: here {ratio:.0f} times.\n"
        "Backpropagation multiplies by f'(z) in each layer. The mean slope f'(z) in layer 1 of "
        "a deep network at its start, for the spirals, and for 100 times as large inputs:"
    )
    x, _ = figure_2_10()
    for name in HIDDEN[:3]:
        near, far = (mean_slope(name, scale * x) for scale in (1, 100))
        saturates = name != "relu"
        yield Claim(
            f"{name} {'saturates' if saturates else 'does not saturate'} for large inputs",
            f"mean slope {near:.2f}, then {far:.3f}",
            (far < 0.2 * near) == saturates,
        )
    yield (
        f"Eight hidden layers of 32 at the start. In the median of {STARTS} starts layer 1 has so "
        f"much of the norm of dC/dW that layer 8 has:"
    )
    kinds = {"glorot_uniform": "Keras", "torch_linear": "PyTorch"}
    yield "\n".join(
        ["  activation  as Keras starts  as PyTorch starts"]
        + [
            f"  {name:<10}" + "".join(f"{np.median(left(name, init)):>17.2g}" for init in kinds)
            for name in HIDDEN[:3]
        ]
    )
    yield Claim(
        "the sigmoid's gradient starts to vanish",
        f"{np.median(left('sigmoid')):.0e} of it is left",
        left("sigmoid").max() < 1e-2,
    )
    yield Claim(
        "ReLU reduces the likelihood of that",
        f"{np.median(left('relu')):.1f} of it is left",
        left("relu").min() > left("sigmoid").max(),
    )
    yield (
        "For tanh the sentence does not hold at these starts: weighted sums are small, nothing "
        "saturates, and as much is left as with ReLU; with PyTorch's starts more is. What "
        "vanishes there is the product of small weights. ReLU's advantage over tanh comes with "
        "large z, as above."
    )


def mean_slope(name, x):
    """The mean of f'(z) over the units of layer 1 and the rows."""
    net = start(DEEP, name, 0)
    z = net.forward(x)[0].z
    f = net.layers[0].activation
    return f.derivative(z, f.value(z)).mean()


SECTIONS = {
    "2.3.5 Hyperbolic tangent function (tanh)": centred,
    "2.3.6 Rectified linear unit": rectified,
    "2.3.7 Leaky ReLU": leaky,
    "Hyperparameter alert": vanishing,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
