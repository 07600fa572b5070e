"""Elgendy, Deep Learning for Vision Systems, section 2.2: two spirals and hidden
layers, the 73 parameters of a network, and when to stop training.

    python examples/elgendy_spirals.py [--plot DIR]
"""

from functools import cache
from itertools import pairwise

import numpy as np

import refnet
from printed import Printed, run

TITLE = "Elgendy, Deep Learning for Vision Systems, §2.2: multilayer perceptrons"
GRID = np.linspace(-2.9, 2.9, 90)
PLANE = np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2)
CROSS_ENTROPY = "binary_cross_entropy"


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


def small_steps(x, lr=0.001, steps=20_000):
    """Where gradient descent on f(x) = x^4 - 3 x^2 + x ends; f has two valleys."""
    for _ in range(steps):
        x -= lr * (4 * x**3 - 6 * x + 1)
    return x


def lowest():
    """The minimum of f, from the zeros of f'."""
    return min(np.polyval([1, 0, -3, 1, 0], zero.real) for zero in np.roots([4, 0, -6, 1]))


def story():
    """What the text says of multilayer perceptrons, section by section."""
    yield from features()
    yield from parameters()
    yield from when_to_stop()


def features():
    """Figure 2.10 and section 2.2.2."""
    tried = [(), (9,), (9, 9)]
    counts = ", ".join(
        f"{wrong(trained(hidden))} by {'-'.join(map(str, (2, *hidden, 1)))}" for hidden in tried
    )
    yield f"Points on the wrong spiral, of {len(figure_2_10()[0])}: {counts}."
    fewest = min(sum((*hidden, 1)) for hidden in tried if wrong(trained(hidden)) == 0)
    yield Printed(
        "§2.2.1", "neurons that fit the spirals", "tens", "tens" if fewest >= 10 else f"{fewest}"
    )
    first, second, _ = trained((9, 9)).forward(PLANE)
    drawn = [
        "straight lines" if dimensions(layer.z) == dimensions(PLANE) else "shapes"
        for layer in (first, second)
    ]
    yield Printed("§2.2.2", "what neurons of the first layer draw", "straight lines", drawn[0])
    yield Printed("§2.2.2", "what neurons of the second layer draw", "shapes", drawn[1])
    yield (
        f"As functions on the plane, 1, x1, x2 and the nine z of layer 1 span only "
        f"{dimensions(first.z)} dimensions. So each z is a combination of 1, x1 and x2, and is 0 "
        f"along a straight line. 1, x1, x2 and the nine z of layer 2 span {dimensions(second.z)}: "
        f"they are curved."
    )


def parameters():
    """Section 2.2.3: 73 parameters, counted by hand and by the network."""
    net = counted()
    by_hand = [below * units + units for below, units in pairwise(net.sizes)]
    held = [layer.W.size + layer.b.size for layer in net.layers]
    _, gradients = net.loss_and_gradients(np.ones((1, 4)), np.zeros((1, 3)), "mse")
    yield net.summary()
    yield Printed("§2.2.3", "4 x 5 nodes + 5 biases", "25", by_hand[0])
    yield Printed("§2.2.3", "5 x 5 nodes + 5 biases", "30", by_hand[1])
    yield Printed("§2.2.3", "5 x 3 nodes + 3 biases", "18", by_hand[2])
    yield Printed("§2.2.3", "edges (weights) in this network", "73", sum(by_hand))
    yield Printed(
        "§2.2.3", "summary: output shapes", "(None, 5) (None, 5) (None, 3)", net.sizes[1:]
    )
    yield Printed("§2.2.3", "summary: Param #", "25, 30, 18", held)
    yield Printed("§2.2.3", "summary: total params", "73", net.parameters.size)
    yield Printed("§2.2.3", "summary: trainable params", "73", gradients.vector.size)
    yield Printed(
        "§2.2.3", "summary: non-trainable params", "0", net.parameters.size - gradients.vector.size
    )
    weights = sum(layer.W.size for layer in net.layers)
    yield (
        f"{weights} are weights between nodes and {net.parameters.size - weights} are biases; the "
        f"text counts biases as weights."
    )
    first, last = net.sizes[0], net.sizes[-1]
    yield (
        f"The text's layers have no activation functions. So together they compute no more than "
        f"one layer with {first * last + last} parameters (section 2.3.1)."
    )


def when_to_stop():
    """Section 2.2.4: how many epochs, and how small a learning rate."""
    accuracy, history = not_stopped()
    best, why = stopped_early()
    judged = history.validation_accuracy
    fell = 2 + next(i for i, (now, then) in enumerate(pairwise(judged)) if then < now)
    falls = "decreases" if judged[-1] < judged[best - 1] else "does not decrease"
    rises = "increases" if accuracy[-1] > accuracy[best - 1] else "does not increase"
    yield (
        f"A 2-32-32-1 network on 160 rows, about every fifth label wrong. Early stopping: {why}. "
        f"From epoch {best} to {len(accuracy)} the validation accuracy goes from "
        f"{judged[best - 1]:.3f} to {judged[-1]:.3f}, the training accuracy from "
        f"{accuracy[best - 1]:.3f} to {accuracy[-1]:.3f}."
    )
    yield Printed("§2.2.4", "too many epochs: validation accuracy", "decreases", falls)
    yield Printed("§2.2.4", "too many epochs: training accuracy", "increases", rises)
    yield (
        f"Early stopping needs patience: the validation accuracy falls for the first time in epoch "
        f"{fell}, long before its best value."
    )
    end, least = f"{np.polyval([1, 0, -3, 1, 0], small_steps(2.0)):.3f}", f"{lowest():.3f}"
    reached = "reaches the minimum error" if end == least else f"{end}, minimum {least}"
    yield Printed(
        "§2.2.4",
        "a very small learning rate",
        "reaches the minimum error",
        reached,
        "elgendy-small-rate",
    )
    yield (
        "(Descent on f(x) = x^4 - 3 x^2 + x from x = 2, learning rate 0.001, 20,000 steps: it "
        "stays in the valley where it starts.)"
    )


def drawings():
    """Figure 2.10 with its hidden features, and the curves that tell when to stop."""
    yield "elgendy_spirals", draw_spirals
    yield "elgendy_epochs", draw_epochs


def draw_spirals():
    """The outputs of the neurons of each layer, as functions on the plane."""
    from refnet.plot.style import SURFACE, sheet

    x, y = figure_2_10()
    net = trained((9, 9))
    first, second, _ = net.forward(PLANE)
    figure, (left, middle, right) = sheet(1, 3, width=4.4, height=5.3)
    for axes, layer, title in (
        (left, first, "layer 1: straight edges"),
        (middle, second, "layer 2: shapes"),
    ):
        axes.imshow(tiles(layer.a), cmap=SURFACE, vmin=-1, vmax=1, origin="lower")
        axes.contour(tiles(layer.z), [0.0], colors="white", linewidths=1.2)
        axes.set_title(f"{title}\nyellow: a = 1, blue: a = -1, line: z = 0")
        axes.axis("off")
    figure.get_layout_engine().set(w_pad=0.12)
    names = ("spiral 0", "spiral 1")
    refnet.plot.decision_boundary(net, x, y, right, names=names, size=22)
    right.set(title=f"output\n{wrong(net)} of {len(x)} wrong", aspect="equal")
    right.legend(loc="lower right", framealpha=1)
    return figure


def tiles(layer, gap=6):
    """Nine functions on the grid as one image, three by three, with gaps of NaN."""
    side = len(GRID)
    whole = np.full((3 * side + 2 * gap, 3 * side + 2 * gap), np.nan)
    for k, feature in enumerate(layer.T):
        top, start = (k // 3) * (side + gap), (k % 3) * (side + gap)
        whole[top : top + side, start : start + side] = feature.reshape(side, side)
    return whole


def draw_epochs():
    """Accuracy and loss of the network that is too large, on training and validation
    rows.
    """
    from refnet.plot.style import BLACK, sheet

    _, history = not_stopped()
    best, _ = stopped_early()
    figure, (left, right) = sheet(1, 2)
    for axes, name in ((left, "accuracy"), (right, "loss")):
        refnet.plot.learning_curves(history, axes, quantity=name)
        axes.axvline(best, color=BLACK, linestyle=":", label=f"early stopping keeps epoch {best}")
        axes.set(title=f"{name} of the 2-32-32-1 network")
    left.legend(loc="lower right", framealpha=1)
    right.legend(loc="upper left", framealpha=1)
    return figure


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
