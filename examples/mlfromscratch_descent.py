"""mlfromscratch, Neural Networks: Feedforward and Backpropagation Explained,
optimizers: the cost, and mini-batch descent.

The network and the data are those of mlfromscratch.py: 4-5-4-3, all sigmoids, on iris
scaled to [0, 1]. The sections are the text's headings.

    python examples/mlfromscratch_descent.py [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from mlfromscratch import LOSS, LR, gradients, iris, moved, network, training_rows
from printed import Printed, run

TITLE = "mlfromscratch, Feedforward and Backpropagation Explained: mini-batch descent"
BATCH, EPOCHS = 16, 80


def story():
    yield from sum_or_mean()
    yield from mini_batches()
    yield from starting_weights()


def sum_or_mean():
    """Cost Function: the sum of the squares, and their mean."""
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    total, mean = ((net.predict(x) - y) ** 2).sum(), refnet.MSE().value(net.predict(x), y)
    yield (
        f"The sum of the squared differences is {total / mean:g} times their mean, {mean:.3f}. So "
        f"is its gradient. After {EPOCHS} steps over all rows with eta = {LR:g}, down the sum and "
        f"down the mean, the mean squared error is:"
    )
    by_sum, by_mean = (down_the_squares(times) for times in (total / mean, 1.0))
    learns = "mean squared error" if by_sum == by_mean else f"{by_sum:.3f} against {by_mean:.3f}"
    yield Printed(
        "Cost Function",
        "sum of the squared differences",
        "mean squared error",
        learns,
        "mlfromscratch-sum-or-mean",
    )


def mini_batches():
    """Stochastic Gradient Descent: the first step, and mini-batches."""
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    steps = 0.01 * np.random.default_rng(1).normal(size=(100, net.parameters.size))
    up = np.mean([moved(net, step, x, y) > gradients(net, x, y)[0] for step in steps])
    yield (
        f"The text's first step goes in a random direction: {up:.0%} of 100 such steps raise the "
        f"cost. After that the steps follow the gradient."
    )
    yield (
        f"Mini-batches of {BATCH}, averaged gradients, eta = {LR:g}, {EPOCHS} epochs. The weights "
        f"start normally distributed, the biases at 0:"
    )
    trained, once = descended()
    yield Printed(
        "Stochastic Gradient Descent", "cost, weights initialised once", "decreases", fallen(once)
    )
    many = fallen(descended(again=True)[1])
    yield Printed(
        "Stochastic Gradient Descent",
        "cost, weights anew for each mini-batch",
        "decreases",
        many,
        "mlfromscratch-weights-anew",
    )
    yield Printed(
        "Stochastic Gradient Descent",
        "a positive derivative moves a weight",
        "left",
        moves(net, x, y, 1),
    )
    yield Printed("Stochastic Gradient Descent", "a negative one", "right", moves(net, x, y, -1))
    yield f"After training {trained.accuracy(x, iris()[2]):.0%} of the training rows are right."


def starting_weights():
    """Stochastic Gradient Descent: equal, small and larger weights at the start."""
    equal = descended(init=refnet.Constant(0.1))[0].layers[0].W
    small = descended(init=refnet.Uniform(-0.1, 0.1))[1]
    yield "If all weights start at 0.1 instead of at random, the hidden neurons stay equal:"
    apart = np.ptp(equal, axis=0).max()
    yield Printed(
        "Stochastic Gradient Descent",
        "largest difference of their weights at the end",
        "0.00000000",
        apart,
        column="expected",
    )
    yield (
        f"From random weights between -0.1 and 0.1 the cost is still {small[-1]:.2f} at the end; "
        f"from the normally distributed ones it is {descended()[1][-1]:.2f}."
    )


@cache
def descended(epochs=EPOCHS, init=None, again=False):
    """Mini-batch descent: the last network, and the cost of all rows after each batch.

    With `again`, each mini-batch starts from new weights.
    """
    x, y = training_rows()
    rng, net, costs = np.random.default_rng(0), network(4, 5, 4, 3, init=init), []
    for _ in range(epochs):
        for batch in refnet.minibatches(len(x), BATCH, rng):
            if again:
                net = network(4, 5, 4, 3, seed=len(costs), init=init)
            refnet.SGD(lr=LR).step(net, gradients(net, x[batch], y[batch])[1])
            costs.append(gradients(net, x, y)[0])
    return net, np.array(costs)


def down_the_squares(times):
    """The mean squared error after batch descent on a multiple of it."""
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    refnet.fit(net, x, y, loss="mse", optimizer=refnet.SGD(lr=times * LR), epochs=EPOCHS)
    return refnet.MSE().value(net.predict(x), y)


def fallen(costs):
    """What the costs did, in words."""
    return (
        "decreases"
        if costs[-1] < costs[0] / 2
        else f"stays between {costs.min():.2f} and {costs.max():.2f}"
    )


def moves(net, x, y, sign):
    """Which way a step of descent moves the weights whose derivative has this sign."""
    other, grads = net.copy(), gradients(net, x, y)[1]
    refnet.SGD(lr=LR).step(other, grads)
    signs = set(np.sign(other.parameters - net.parameters)[np.sign(grads.vector) == sign].tolist())
    return {(-1.0,): "left", (1.0,): "right"}.get(tuple(signs), "both ways")


def drawings():
    yield "mlfromscratch_minibatches", draw_minibatches
    yield "mlfromscratch_paths", draw_paths


def draw_minibatches():
    from refnet.plot.style import BLUE, RED, sheet

    figure, axes = sheet(width=6.4, height=4.2)
    axes.plot(
        descended(again=True)[1],
        ":",
        color=RED,
        linewidth=1,
        label="initialised anew with each mini-batch",
    )
    axes.plot(descended()[1], color=BLUE, label="initialised once")
    axes.set(title="Weights that start anew with each mini-batch never learn", ylim=(0, 0.8))
    axes.set(xlabel="mini-batch", ylabel="cost of all training rows")
    axes.legend(title="weights and biases")
    return figure


def one_neuron(batch_size, epochs, lr=8.0):
    """The path of w and b of one neuron that learns to tell virginica by its petal
    length.
    """
    x, y = training_rows()
    net = refnet.Network([refnet.Dense([[-4.0]], [2.0], "sigmoid")])
    path = [net.parameters.copy()]
    optimizer, keep = refnet.SGD(lr=lr), lambda step: path.append(net.parameters.copy())
    refnet.fit(
        net,
        x[:, 2:3],
        y[:, 2:],
        loss=LOSS,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        on_step=keep,
    )
    return np.array(path)


def draw_paths():
    from refnet.plot.style import BLUE, RED, SURFACE, sheet

    figure, axes = sheet(width=6.8, height=4.8)
    stochastic, batch = one_neuron(4, 6), one_neuron(None, 168)
    x, y = training_rows()
    w, b = np.linspace(-5, 11, 81), np.linspace(-8, 4, 61)
    outputs = refnet.Sigmoid().value(w[:, None] * x[:, 2] + b[:, None, None])
    lines = axes.contourf(
        w, b, np.mean((outputs - y[:, 2]) ** 2, axis=-1) / 2, levels=16, cmap=SURFACE
    )
    figure.colorbar(lines, label="cost of all training rows")
    axes.plot(
        *stochastic.T,
        ".-",
        color=RED,
        linewidth=0.8,
        markersize=3,
        label=f"mini-batches of 4: {len(stochastic) - 1} steps",
    )
    axes.plot(*batch.T, "--", color="white", linewidth=2, label=f"all rows: {len(batch) - 1} steps")
    axes.plot(*stochastic[0], "s", color="white", markeredgecolor=BLUE, markersize=9, label="start")
    axes.set(
        title="One neuron, w and b: each mini-batch has its own way down",
        xlabel="w",
        ylabel="b",
    )
    axes.legend(loc="lower left", facecolor="0.7")
    return figure


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
