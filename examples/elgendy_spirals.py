"""Elgendy, Deep Learning for Vision Systems, section 2.2: two spirals and hidden
layers, the 73 parameters of a network, too many neurons, and too many epochs.

    python examples/elgendy_spirals.py [SECTION ...] [--plot DIR]
"""

from functools import cache
from itertools import pairwise

import numpy as np

import refnet
from lesson import Claim, Printed, run

TITLE = "Elgendy, Deep Learning for Vision Systems, section 2.2: multilayer perceptrons"
GRID = np.linspace(-2.9, 2.9, 90)
PLANE = np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2)
CROSS_ENTROPY = "binary_cross_entropy"
WIDTHS = (1, 2, 4, 8, 16, 32)  # neurons of the hidden layer
STARTS = 4
# as Keras prints it; our copy has lost two of its spaces
KERAS = """\
  Layer (type)      Output Shape    Param #
  dense (Dense)     (None, 5)       25
  dense_1 (Dense)   (None, 5)       30
  dense_2 (Dense)   (None, 3)       18"""


def spirals(seed, rows, turns, noise, mislabelled=0.0):
    """Two interleaved spirals with normal noise, and a share of wrong labels: points,
    labels. Half of the rows lie on each spiral.
    """
    rng = np.random.default_rng(seed)
    way = np.arange(1, rows // 2 + 1)[:, None] / (rows // 2)
    arm = 2.5 * way * np.hstack([np.sin(2 * np.pi * turns * way), np.cos(2 * np.pi * turns * way)])
    x = np.concatenate([arm, -arm]) + rng.normal(0.0, noise, (rows, 2))
    labels = np.repeat([0, 1], rows // 2)
    return x, np.where(rng.random(rows) < mislabelled, 1 - labels, labels)


@cache
def figure_2_10():
    """The 200 points of our figure 2.10."""
    return spirals(seed=0, rows=200, turns=1.75, noise=0.05)


@cache
def trained(hidden):
    """A network with these hidden layers, all tanh, trained on the spirals."""
    x, y = figure_2_10()
    net = refnet.mlp([2, *hidden, 1], hidden="tanh", output="sigmoid", seed=0)
    refnet.fit(
        net,
        x,
        y[:, None],
        loss=CROSS_ENTROPY,
        optimizer=refnet.Adam(lr=0.02),
        epochs=600,
        batch_size=50,
    )
    return net


def wrong(net):
    """How many points a network puts on the wrong spiral."""
    x, y = figure_2_10()
    return int((net.classify(x) != y).sum())


def dimensions(features):
    """The dimension of the space that functions on the plane span, together with 1, x1
    and x2: 3 where all of them are linear.
    """
    return int(np.linalg.matrix_rank(np.column_stack([np.ones(len(PLANE)), PLANE, features])))


@cache
def counted():
    """The network of section 2.2.3: 4 inputs, 5 and 5 neurons, 3 outputs, and no
    activation functions.
    """
    return refnet.mlp([4, 5, 5, 3], hidden="identity", output="identity", seed=0)


@cache
def few():
    """Spirals of half a turn, where about every fifth label is wrong: 60 rows to train
    on, 1,000 held out.
    """
    return tuple(
        spirals(seed, rows, turns=0.5, noise=0.3, mislabelled=0.2)
        for seed, rows in ((1, 60), (2, 1000))
    )


@cache
def costs(units):
    """The cost of 2-units-1 on the 60 rows and on the 1,000, for each start after 1,000
    epochs of batch descent.
    """
    (x, y), held_out = few()
    ends = []
    for seed in range(STARTS):
        net = refnet.mlp([2, units, 1], hidden="tanh", output="sigmoid", seed=seed)
        adam = refnet.Adam(lr=0.03)
        refnet.fit(net, x, y[:, None], loss=CROSS_ENTROPY, optimizer=adam, epochs=1000)
        ends.append([cost(net, *rows) for rows in ((x, y), held_out)])
    return np.array(ends)


def cost(net, x, y):
    """The mean cross-entropy of a network on rows."""
    return refnet.BinaryCrossEntropy().value(net.predict(x), y[:, None])


@cache
def noisy():
    """Easier spirals, where about every fifth label is wrong: 160 rows to train on, 400
    to validate on.
    """
    return tuple(
        spirals(seed, rows, turns=1.0, noise=0.15, mislabelled=0.2)
        for seed, rows in ((1, 160), (2, 400))
    )


def overfit(rule=None):
    """A network that is too large for 160 rows, trained until the rule stops it: its
    training accuracy in each epoch, and the history.
    """
    (x, y), (x_validation, y_validation) = noisy()
    net = refnet.mlp([2, 32, 32, 1], hidden="tanh", output="sigmoid", seed=0)
    accuracy = []
    history = refnet.fit(
        net,
        x,
        y[:, None],
        loss=CROSS_ENTROPY,
        optimizer=refnet.Adam(lr=0.01),
        epochs=400,
        batch_size=32,
        validation=(x_validation, y_validation[:, None]),
        stop=rule,
        on_epoch=lambda epoch: accuracy.append(net.accuracy(x, y)),
    )
    return accuracy, history


@cache
def not_stopped():
    """Training accuracy and history of all 400 epochs."""
    return overfit()


@cache
def stopped_early():
    """The epoch whose weights early stopping keeps, and why it stopped."""
    rule = refnet.EarlyStopping(patience=50)
    _, history = overfit(rule)
    return rule.best_epoch, history.stopped


def architecture():
    """Section 2.2.1, figure 2.10: how many neurons fit the spirals."""
    tried = [(), (9,), (9, 9)]
    yield f"Points on the wrong spiral, of {len(figure_2_10()[0])}, after training:"
    yield "\n".join(
        f"  {'-'.join(map(str, (2, *hidden, 1))):<8} {wrong(trained(hidden)):>3}"
        for hidden in tried
    )
    fewest = min(sum((*hidden, 1)) for hidden in tried if wrong(trained(hidden)) == 0)
    yield Claim("it takes tens of neurons", f"{fewest} neurons fit them", fewest >= 10)


def hidden_layers():
    """Section 2.2.2: what the neurons of each layer draw."""
    first, second, _ = trained((9, 9)).forward(PLANE)
    yield (
        "The z of a neuron is a function on the plane. Where such functions are linear, all of "
        "them together with 1, x1 and x2 span 3 dimensions, and each z is 0 along a straight line."
    )
    lines, shapes = dimensions(first.z), dimensions(second.z)
    yield Claim("layer 1 draws straight lines", f"its nine z span {lines}", lines == 3)
    yield Claim("later layers draw more complex shapes", f"the next nine span {shapes}", shapes > 3)


def fully_connected_layers():
    """Section 2.2.3: 73 parameters, counted by hand and by the network."""
    net = counted()
    by_hand = [below * units + units for below, units in pairwise(net.sizes)]
    yield Printed("(4 nodes) x (5 nodes) + 5 biases", "25", by_hand[0])
    yield Printed("5 x 5 nodes + 5 biases", "30", by_hand[1])
    yield Printed("5 x 3 nodes + 3 bias", "18", by_hand[2])
    yield Printed("total edges (weights) in this network", "73", sum(by_hand))
    yield f"The summary by Keras, as the text prints it:\n{KERAS}"
    indented = "\n".join(f"  {line}" for line in net.summary().splitlines())
    yield f"That of refnet, where n is the number of rows, Keras' None:\n{indented}"
    trace = net.forward(np.ones((7, 4)))
    yield Printed(
        "Output Shape", "(None, 5) (None, 5) (None, 3)", [layer.a.shape[1] for layer in trace]
    )
    held = [layer.W.size + layer.b.size for layer in net.layers]
    yield Printed("Param #", "25 30 18", held)
    _, gradients = net.loss_and_gradients(np.ones((1, 4)), np.zeros((1, 3)), "mse")
    trainable = gradients.vector.size
    yield Printed("Total params", "73", net.parameters.size)
    yield Printed("Trainable params", "73", trainable)
    yield Printed("Non-trainable params", "0", net.parameters.size - trainable)
    weights = sum(layer.W.size for layer in net.layers)
    first, last = net.sizes[0], net.sizes[-1]
    yield (
        f"{weights} of them are weights between nodes, {net.parameters.size - weights} are biases; "
        f"the text counts biases as weights. Its layers have no activation functions: together "
        f"they compute no more than one layer with {first * last + last} parameters (section "
        f"2.3.1)."
    )


def number_of_neurons():
    """Section 2.2.4: too many neurons memorise the training set."""
    (x, _), (held_out, _) = few()
    yield (
        f"Networks 2-units-1 on {len(x)} rows, about every fifth label wrong, from {STARTS} starts "
        f"each. The mean cost on these rows, and on {len(held_out)} others that were held out:"
    )
    means = np.array([costs(units).mean(axis=0) for units in WIDTHS])
    yield "\n".join(
        ["  units  training  held out"]
        + [f"  {units:>5}{a:>10.2f}{b:>10.2f}" for units, (a, b) in zip(WIDTHS, means, strict=True)]
    )
    yield Claim(
        "the more neurons, the better the training set is learned",
        f"cost {means[0, 0]:.2f} to {means[-1, 0]:.2f}",
        (np.diff(means[:, 0]) < 0).all(),
    )
    yield Claim(
        "too many memorise it, and fail to generalize",
        f"held out {means[0, 1]:.1f} to {means[-1, 1]:.1f}",
        costs(WIDTHS[-1])[:, 1].min() > costs(WIDTHS[0])[:, 1].max(),
    )


def number_of_epochs():
    """Section 2.2.4: how long to train."""
    accuracy, history = not_stopped()
    best, _ = stopped_early()
    judged = history.validation_accuracy
    epochs = len(accuracy)
    yield (
        f"A 2-32-32-1 network on 160 rows, about every fifth label wrong, for {epochs} epochs. "
        f"Early stopping takes epoch {best}, where the validation loss is lowest. From there on:"
    )
    yield Claim(
        "validation accuracy decreases",
        f"{judged[best - 1]:.2f} to {judged[-1]:.2f}",
        judged[-1] < judged[best - 1],
    )
    yield Claim(
        "training accuracy is increasing",
        f"{accuracy[best - 1]:.2f} to {accuracy[-1]:.2f}",
        accuracy[-1] > accuracy[best - 1],
    )
    fell = 2 + next(i for i, (now, then) in enumerate(pairwise(judged)) if then < now)
    yield (
        f"It needs patience: the validation accuracy falls for the first time in epoch {fell}, "
        f"long before its best value."
    )


def learning_rate():
    """Section 2.2.4: a small learning rate on a curve with two valleys."""
    x, lr = 2.0, 0.001
    for _ in range(20_000):
        x = x - lr * (4 * x**3 - 6 * x + 1)
    end = x**4 - 3 * x**2 + x
    zeros = np.roots([4, 0, -6, 1])  # of the derivative
    lowest = (zeros**4 - 3 * zeros**2 + zeros).min()
    yield (
        f"Descent on a curve with two valleys from x = 2, learning rate {lr}, 20,000 steps:\n"
        f"  f(x) = x^4 - 3 x^2 + x\n"
        f"  x = x - lr * (4 x^3 - 6 x + 1)\n"
        f"It stays in the valley where it starts."
    )
    yield Claim(
        "a learning rate that is too small is guaranteed to reach the minimum error",
        f"{end:.3f}, minimum {lowest:.3f}",
        f"{end:.3f}" == f"{lowest:.3f}",
        erratum="elgendy-small-rate",
    )


SECTIONS = {
    "2.2.1 Multilayer perceptron architecture": architecture,
    "2.2.2 What are hidden layers?": hidden_layers,
    "2.2.3 Fully connected layers": fully_connected_layers,
    "2.2.4 Number of hidden layers": number_of_neurons,
    "2.2.4 Number of epochs": number_of_epochs,
    "2.2.4 Learning rate": learning_rate,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
