"""mlfromscratch, Neural Networks: Feedforward and Backpropagation Explained, from
Optimizers on: the cost, what converges and what diverges, and mini-batch descent.

The network and the data are those of mlfromscratch_forward.py: 4-5-4-3, all sigmoids,
on iris scaled to [0, 1].

    python examples/mlfromscratch_descent.py [SECTION ...] [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from lesson import Claim, Expected, Same, run, side_by_side
from mlfromscratch import cost
from mlfromscratch_forward import ETA, LOSS, iris, network, sigma, training_rows

TITLE = "mlfromscratch, Neural Networks: Feedforward and Backpropagation Explained: optimizers"
BATCH, EPOCHS = 16, 80
# where the runs on C(x) start, their learning rate, and how many steps they take
CONVERGES, LOCAL, SLOW, DIVERGES = (3.0, 0.1, 60), (-2.0, 0.1, 60), (3.0, 0.001, 18), (3.0, 0.5, 2)


def cost_function():
    """The sum of the squared differences, and their mean."""
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    y_hat = net.predict(x)
    total = ((y - y_hat) ** 2).sum()
    mean = ((y - y_hat) ** 2).mean()
    yield f"{len(x)} flowers, {y.shape[1]} outputs each: {y.size} squared differences."
    yield Same("their mean, refnet's MSE", refnet.MSE().value(y_hat, y), mean)
    yield Same(f"their sum, {y.size} times the MSE", y.size * mean, total)
    by_mean, by_sum = (down_the_squares(times) for times in (1.0, y.size))
    yield (
        f"The overview has the mean, this section the sum. Both have their minimum at the same "
        f"weights, but the gradient of the sum is {y.size} times as large, and so is a step with "
        f"the same learning rate. {EPOCHS} steps over all rows with eta = {ETA:g} take the mean "
        f"from {mean:.3f} to {by_mean:.3f} down the mean, and to {by_sum:.3f} down the sum."
    )


def down_the_squares(times):
    """The mean squared error after batch descent on a multiple of it."""
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    refnet.fit(net, x, y, loss="mse", optimizer=refnet.SGD(lr=times * ETA), epochs=EPOCHS)
    return refnet.MSE().value(net.predict(x), y)


def C(x):
    """A curve with two minima: C(-1) = 31/12 is a local one, C(2) = 1/3 the global."""
    return x**4 / 4 - x**3 / 3 - x**2 + 3


def dC_dx(x):
    """Its slope, which is 0 at -1, 0 and 2."""
    return x**3 - x**2 - 2 * x


def descend(x, eta, steps):
    """Each x on the way down from the first."""
    path = [x]
    for _ in range(steps):
        x = x - eta * dC_dx(x)
        path.append(x)
    return np.array(path)


def stochastic_gradient_descent():
    """Left and right, converged and diverged, on a curve and in the network."""
    yield "A cost with one weight x on the x-axis, and two minima:"
    yield "  C(x) = x^4/4 - x^3/3 - x^2 + 3"
    yield "  dC/dx = x^3 - x^2 - 2 x = x (x + 1) (x - 2), which is 0 at -1, 0 and 2"
    for start, side in ((3.0, "left"), (-2.0, "right")):
        first, second = descend(start, 0.1, 1)
        slope = dC_dx(first)
        yield Claim(
            f"if the derivative is {'positive' if slope > 0 else 'negative'}, to the {side}",
            f"dC/dx = {slope:g}, x from {first:g} to {second:g}",
            (second < first) == (side == "left") and (slope > 0) == (side == "left"),
        )
    yield from converged()
    yield from diverged()
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    steps = 0.01 * np.random.default_rng(1).normal(size=(100, net.parameters.size))
    start, up = cost(net, x, y), 0
    for step in steps:
        other = net.copy()
        other.parameters[:] += step
        up += cost(other, x, y) > start
    yield (
        f'"Step in any direction" is for the first step alone: in 4-5-4-3, {up} of {len(steps)} '
        f"steps in random directions raise the cost. After that the steps follow the gradient."
    )


def converged():
    """Runs that find the global minimum, and a local one."""
    yield "Two runs of 60 steps with the learning rate 0.1. Each comes to rest at a minimum:"
    for run_, where, least, name in (
        (CONVERGES, "2.0000", "0.3333", "global"),
        (LOCAL, "-1.0000", "2.5833", "local"),
    ):
        path = descend(*run_)
        yield f"  from {run_[0]:g}:  C = {side_by_side(C(path[:6]))} ..."
        yield Expected(f"x at the end, the {name} minimum", where, path[-1])
        yield Expected("C there", least, C(path[-1]))


def diverged():
    """A run away from all minima, and one that is not there yet."""
    path = descend(*DIVERGES)
    yield (
        "Diverged: from 3 with the learning rate 0.5. Each step leads to the other side, to "
        "where the slope is larger, and the next step is longer still:"
    )
    yield Expected("x: 3, then", "-3 12", path[1:])
    yield Expected("C(3), then", "5.25 23.25 4467", C(path))
    path = descend(*SLOW)
    yield (
        f"A run that has not found a minimum need not have diverged. From 3 with the learning "
        f"rate {SLOW[1]:g}, {SLOW[2]} steps:"
    )
    worst = np.diff(C(path)).max()
    yield Claim(
        "if we don't find a minimum, it has diverged",
        f"x = {path[-1]:.3f}; C falls in each step, by {-worst:.3f} or more",
        worst > 0,
        erratum="mlfromscratch-diverged",
    )


def into_steps():
    """The text's last list on 4-5-4-3, with the weights initialised once, and anew; and
    from which weights it starts.
    """
    x, y = training_rows()
    x, y = x[:BATCH], y[:BATCH]
    net = network(4, 5, 4, 3)
    yield f"The list for one mini-batch of {BATCH}, in NumPy. A row is a sample:"
    W1, W2, W3 = (layer.W for layer in net.layers)
    b1, b2, b3 = (layer.b for layer in net.layers)
    a1 = sigma(x @ W1.T + b1)
    a2 = sigma(a1 @ W2.T + b2)
    a3 = sigma(a2 @ W3.T + b3)
    dC_dz3 = (a3 - y) * a3 * (1 - a3) / BATCH  # BP1
    dC_dz2 = dC_dz3 @ W3 * a2 * (1 - a2)  # BP2
    dC_dz1 = dC_dz2 @ W2 * a1 * (1 - a1)
    # BP4 and BP3 add up the rows; with the 1 / BATCH that is their average
    dC_dw1, dC_db1 = dC_dz1.T @ x, dC_dz1.sum(axis=0)
    dC_dw2, dC_db2 = dC_dz2.T @ a1, dC_dz2.sum(axis=0)
    dC_dw3, dC_db3 = dC_dz3.T @ a2, dC_dz3.sum(axis=0)
    every = (dC_dw1, dC_db1, dC_dw2, dC_db2, dC_dw3, dC_db3)
    gradient = np.concatenate([each.ravel() for each in every])
    updated = net.parameters - ETA * gradient
    by_refnet = net.loss_and_gradients(x, y, LOSS)[1]
    yield Same("gradient vector, refnet", by_refnet.vector, gradient)
    refnet.SGD(lr=ETA).step(net, by_refnet)
    yield Same("weights and biases after the step", net.parameters, updated)
    yield (
        f'The list has the random weights below "repeat for each mini-batch". {EPOCHS} epochs, '
        f"{len(descended()[1])} mini-batches, eta = {ETA:g}:"
    )
    once, anew = descended()[1], descended(again=True)[1]
    yield Claim(
        "weights initialised for each mini-batch",
        f"C between {anew.min():.2f} and {anew.max():.2f} all the time",
        anew[-1] < once[0] / 2,
        erratum="mlfromscratch-weights-anew",
    )
    yield Claim(
        "initialised once, before all of them",
        f"C from {once[0]:.2f} to {once[-1]:.2f}",
        once[-1] < once[0] / 2,
    )
    right = descended()[0].accuracy(training_rows()[0], iris()[2])
    yield f"After that, {right:.0%} of the flowers are recognised."
    yield from starting_weights()


def starting_weights():
    """Equal, small and larger weights at the start."""
    equal = descended(init=refnet.Constant(0.1))[0].layers[0].W
    small = descended(init=refnet.Uniform(-0.1, 0.1))[1]
    yield (
        '"A small value, such as 0.1" must be random. If all weights are 0.1, the neurons of a '
        "layer get equal gradients, and stay equal:"
    )
    apart = np.ptp(equal, axis=0).max()
    yield Expected("difference of their weights, at the end", "0.000000", apart)
    yield (
        f"From random weights between -0.1 and 0.1 the cost is still {small[-1]:.2f} at the end; "
        f"from normally distributed ones with standard deviation 1 it is {descended()[1][-1]:.2f}."
    )


@cache
def descended(init=None, again=False):
    """Mini-batch descent: the last network, and the cost of all rows after each batch.

    With `again`, each mini-batch starts from new weights.
    """
    x, y = training_rows()
    rng, net, costs = np.random.default_rng(0), network(4, 5, 4, 3, init=init), []
    for _ in range(EPOCHS):
        for batch in refnet.minibatches(len(x), BATCH, rng):
            if again:
                net = network(4, 5, 4, 3, seed=len(costs), init=init)
            gradients = net.loss_and_gradients(x[batch], y[batch], LOSS)[1]
            refnet.SGD(lr=ETA).step(net, gradients)
            costs.append(cost(net, x, y))
    return net, np.array(costs)


def one_neuron(batch_size, epochs, lr=8.0):
    """The path of w and b of one neuron that learns to tell virginica by its petal
    length.
    """
    x, y = training_rows()
    net = refnet.Network([refnet.Dense([[-4.0]], [2.0], "sigmoid")])
    path = [net.parameters.copy()]
    refnet.fit(
        net,
        x[:, 2:3],
        y[:, 2:],
        loss=LOSS,
        optimizer=refnet.SGD(lr=lr),
        epochs=epochs,
        batch_size=batch_size,
        on_step=lambda step: path.append(net.parameters.copy()),
    )
    return np.array(path)


SECTIONS = {
    "Cost Function": cost_function,
    "Stochastic Gradient Descent": stochastic_gradient_descent,
    "Putting Neural Networks Into Steps": into_steps,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
