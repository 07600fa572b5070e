"""Khan, Nothing but NumPy: Understanding & Creating Neural Networks with Computational
Graphs from Scratch: one sigmoid neuron learns the OR gate.

First one example by hand, gate by gate; then all four at once; then 5,000 epochs. The
sections are the text's headings. What it says of learning rates, and of the shape of
its curves, stands in khan_learning_rates.py.

    python examples/khan_or_gate.py [SECTION ...] [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from lesson import Claim, Printed, Same, run, side_by_side
from refnet.forms import accumulated, graph, perceptron

TITLE = (
    "Khan, Nothing but NumPy: Understanding & Creating Neural Networks with Computational Graphs "
    "from Scratch"
)
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # a row for each example
Y = np.array([[0], [1], [1], [1]])
W, LOSS = [[0.1, 0.6]], "half_squared_error"
FLAT, END = 3000, 5000  # the epochs at which the text calls the cost curve flat, and stops


def sigmoid(z):
    """sigma(z) = 1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


def neuron(b=0.0):
    """The text's network with its first weights, as a refnet.Network."""
    return refnet.Network([refnet.Dense(W, [b], "sigmoid")])


@cache
def trained(lr=1.0, epochs=END):
    """The trained network, and the cost before each epoch and after the last one."""
    net = neuron()
    history = refnet.fit(net, X, Y, loss=LOSS, optimizer=refnet.SGD(lr=lr), epochs=epochs)
    return net, np.array([*history.loss, net.loss_and_gradients(X, Y, LOSS)[0]])


@cache
def worked(rows, b=0.0, weights=(0.1, 0.6)):
    """refnet's graph after a forward and a backward pass on the first rows: the chain
    of gates, and the linear gate alone.
    """
    linear = graph.Linear([list(weights)], [b])
    chain = graph.Chain([linear, graph.Activate("sigmoid"), graph.Cost(LOSS, Y[:rows].T)])
    chain.forward(X[:rows].T)
    chain.backward()
    return chain, linear


def understanding():
    """The sigmoid, the OR gate, and a forward pass without a bias."""
    yield Claim(
        "if z > 2, then sigma(z) is about 1",
        f"{sigmoid(2.0):.4f} at z = 2",
        round(sigmoid(2.0), 1) == 1,
        erratum="khan-sigma-of-2",
    )
    yield Claim(
        "if z < -2, then sigma(z) is about 0",
        f"{sigmoid(-2.0):.4f} at z = -2",
        round(sigmoid(-2.0), 1) == 0,
        erratum="khan-sigma-of-2",
    )
    yield f"The sigmoid comes within 0.01 of 0 or 1 where |z| > ln 99 = {np.log(99):.4f}."
    ends = sigmoid(np.array([-30.0, 30.0]))
    yield Claim(
        "sigma squashes the output range to (0, 1)",
        f"{ends[0]:.0e} to 1 - {1 - ends[1]:.0e}",
        0 < ends[0] < ends[1] < 1,
    )
    rule = perceptron.learn(X, Y[:, 0])
    yield Claim(
        "the OR gate is linearly separable",
        f"a line with {rule.mistakes[-1]} mistakes",
        rule.separable,
    )
    x, w = np.array([0, 0]), np.array([0.1, 0.6])
    z = w @ x
    y_hat = sigmoid(z)
    yield Printed("output for x = (0, 0)", "0.5", y_hat)


def loss_function():
    """(0, 0) without a bias, backward: each gate multiplies upstream by local."""
    x, y, w = np.array([0, 0]), 0, np.array([0.1, 0.6])
    z = w @ x
    y_hat = sigmoid(z)
    loss = (y_hat - y) ** 2 / 2
    yield Printed("Loss", "0.125", loss)

    h = 1e-6
    slope = (sigmoid(z + h) - sigmoid(z - h)) / (2 * h)
    yield Same("sigma' = sigma (1 - sigma), measured", slope, y_hat * (1 - y_hat), digits=8)

    dL_dy = y_hat - y  # the Loss gate; its upstream gradient is dL/dL = 1
    dL_dz = dL_dy * y_hat * (1 - y_hat)  # the sigmoid gate: upstream times local
    dL_dw = dL_dz * x  # the linear gate, whose local gradients are x1 and x2
    yield (
        "Backward, upstream times local:\n"
        f"  dL/dy_hat = y_hat - y                         = {dL_dy:.3f}\n"
        f"  dL/dz     = dL/dy_hat * y_hat (1 - y_hat)     = {dL_dy:.3f} * "
        f"{y_hat * (1 - y_hat):.3f} = {dL_dz:.3f}\n"
        f"  dL/dw     = dL/dz * x                         = {dL_dz:.3f} * {x} = {dL_dw}"
    )
    yield Claim(
        "the derivatives with respect to w1 and w2 are zero",
        f"{side_by_side(dL_dw, 0)}, for x is {side_by_side(x, 0)}",
        not dL_dw.any(),
    )
    yield Same("dL/dw, refnet's graph", worked(1)[1].dW[0], dL_dw)


def bias():
    """(0, 0) with a bias: one step of gradient descent, and the loss after it."""
    drawn = refnet.mlp([2, 3, 1], seed=0).layers[0].b
    yield Claim(
        "the initial bias is always set to zero, rather than a random number",
        f"{side_by_side(drawn)} as PyTorch's Linear draws them",
        not drawn.any(),
        erratum="khan-bias-always-zero",
    )
    x, y, w, b, alpha = np.array([0, 0]), 0, np.array([0.1, 0.6]), 0.0, 1.0
    y_hat = sigmoid(w @ x + b)
    dL_dz = (y_hat - y) * y_hat * (1 - y_hat)
    dL_db = dL_dz * 1  # the local gradient of z = w x + b with respect to b
    yield Printed("dL/db", "0.125", dL_db)
    yield Same("dL/db, refnet's graph", worked(1)[1].db[0], dL_db)

    b = b - alpha * dL_db
    yield Printed("b := b - alpha dL/db, alpha = 1", "-0.125", b)
    yield f"From b = {b:g}, forward again:"
    y_hat = sigmoid(w @ x + b)
    loss = (y_hat - y) ** 2 / 2
    yield Printed("output, rounded to 3 decimal places", "0.469", y_hat)
    yield Claim("Loss is down from 0.125 to around 0.109", f"{loss:.4f}", abs(loss - 0.109) < 0.001)


def cost_function():
    """The average of the four losses, and the 1/m in its derivative."""
    y = Y.T  # (1, m): a column for each example
    y_hat = sigmoid(np.array(W) @ X.T)
    m = y.size
    losses = (y_hat - y) ** 2 / 2
    cost = losses.sum() / m
    yield f"The four losses: {side_by_side(losses, 4)}. Their average:"
    yield Printed("Cost, the average Loss", "0.089", cost)
    dLoss = y_hat - y  # of each example's own Loss
    dCost = (y_hat - y) / m
    yield (
        "The derivative of the Cost has a 1/m that the derivative of a Loss has not:\n"
        f"  dLoss_i/dy_hat_i =     (y_hat_i - y_i)    {side_by_side(dLoss, 4)}\n"
        f"  dCost/dy_hat_i   = 1/m (y_hat_i - y_i)    {side_by_side(dCost, 4)}"
    )
    h = 1e-6
    up = [((y_hat + h * unit - y) ** 2).sum() / (2 * m) for unit in np.eye(m)]
    down = [((y_hat - h * unit - y) ** 2).sum() / (2 * m) for unit in np.eye(m)]
    slopes = (np.array(up) - down) / (2 * h)
    yield Same("dCost/dY_hat, measured with h = 1e-6", slopes, dCost[0], digits=8)
    yield Same("dCost/dY_hat, refnet's graph", worked(4)[0].upstream[1], dCost)


def two_ways():
    """Batch gradient descent: row by row, and all columns at once."""
    w, b, alpha = np.array(W[0]), 0.0, 1.0
    yield "Way 1, accumulated: capital deltas add up the small ones of the examples."
    Delta_w, Delta_b = np.zeros(2), 0.0
    for x, y in zip(X, Y[:, 0], strict=True):
        y_hat = sigmoid(w @ x + b)
        delta = (y_hat - y) * y_hat * (1 - y_hat)  # dL/dz of this example
        Delta_w, Delta_b = Delta_w + delta * x, Delta_b + delta
    m = len(X)
    by_row = accumulated.gradient(neuron(), X, Y, LOSS)
    yield Same("1/m Delta w, refnet's accumulators", by_row.dW[0][0], Delta_w / m)
    yield Same("1/m Delta b, refnet's accumulators", by_row.db[0][0], Delta_b / m)
    counts = [forward_passes(rows) for rows in (10, 20, 40)]
    power = np.log2(counts[2] / counts[1])
    yield Claim(
        "accumulating takes O(n^2)",
        f"O(n^{power:g}): {side_by_side(counts, 0)} forward passes of 10 20 40 examples",
        power == 2,
        erratum="khan-quadratic",
    )

    yield "Way 2, vectorized: X has a column for each example."
    x, y, w, b = X.T, Y.T, np.array(W), np.zeros(1)
    y_hat = sigmoid(w @ x + b)
    yield Printed("Cost", "0.089", ((y_hat - y) ** 2).sum() / (2 * m))
    dZ = (y_hat - y) / m * y_hat * (1 - y_hat)  # (1, m), upstream of the linear gate
    dW, db = dZ @ x.T, dZ.sum(axis=1)
    yield Same("dCost/dW, as by way 1", Delta_w / m, dW[0])
    yield Same("dCost/db, as by way 1", Delta_b / m, db[0])
    yield Same("dCost/dW, refnet's graph", worked(4)[1].dW, dW)
    yield Same("dCost/db, refnet's graph", worked(4)[1].db, db)

    w, b = w - alpha * dW, b - alpha * db
    yield f"One step with alpha = 1: W = {side_by_side(w)}, b = {side_by_side(b)}. Once more:"
    y_hat = sigmoid(w @ x + b)
    yield Printed("Cost after the step", "0.084", ((y_hat - y) ** 2).sum() / (2 * m))
    dZ = (y_hat - y) / m * y_hat * (1 - y_hat)
    yield Printed("dCost/dW after it", "[-0.044, -0.035]", dZ @ x.T)
    yield Printed("dCost/db after it", "[-0.031]", dZ.sum(axis=1))


class CountingSigmoid(refnet.Sigmoid):
    """A sigmoid that counts how many values it computes."""

    count = 0

    def value(self, z):
        CountingSigmoid.count += z.size
        return super().value(z)


def forward_passes(rows):
    """How many it takes to accumulate the gradient over so many rows."""
    net, before = refnet.Network([refnet.Dense(W, [0.0], CountingSigmoid())]), CountingSigmoid.count
    accumulated.gradient(net, np.resize(X, (rows, 2)), np.resize(Y, (rows, 1)), LOSS)
    return CountingSigmoid.count - before


def cost_curve():
    """5,000 epochs, and whether the weights converge."""
    net, cost = trained()
    yield Printed(f"Cost after about {END} Epochs", "0.0005", cost[END])
    falls = -np.diff(cost)
    yield Claim(
        "Cost steadily decreases", f"by {falls.min():.0e} or more in each epoch", (falls > 0).all()
    )
    old, new = trained(epochs=FLAT)[0].parameters, net.parameters
    yield Claim(
        f"after about {FLAT} the weights have converged",
        f"w1 is {old[0]:.2f}, then {new[0]:.2f}",
        np.array_equal(old.round(2), new.round(2)),
        erratum="khan-converged",
    )
    power = np.log(cost[END] / cost[FLAT]) / np.log(END / FLAT)
    yield (
        f"Between the two the Cost falls from {cost[FLAT]:.5f} to {cost[END]:.5f}, by "
        f"{1 - cost[END] / cost[FLAT]:.0%}: little to see, but about as epochs^{power:.2f}, and "
        f"not to a limit above 0. No weights are the best: larger ones are always a little better."
    )


def decision_boundary():
    """The classes, and the outputs on both sides of the boundary."""
    net, _ = trained()
    yield Printed("outputs of the four rows, as classes", "0 1 1 1", net.classify(X))
    outputs = plane(net)[1]
    for side, claimed, there in (
        ("below", 0, outputs[outputs < 0.5]),
        ("above", 1, outputs[outputs > 0.5]),
    ):
        yield Claim(
            f"everything {side} the boundary has an output of {claimed}",
            f"{there.min():.3f} to {there.max():.3f}",
            (there.round(1) == claimed).all(),
            erratum="khan-outputs-0-and-1",
        )
    yield (
        f"For the four rows the outputs are {side_by_side(net.predict(X), 4)}. The classes are 0 "
        f"and 1; the outputs lie between."
    )


def plane(net, points=201):
    """The outputs over the square that the pictures show."""
    line = np.linspace(-0.5, 1.5, points)
    inputs = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return line, net.predict(inputs).reshape(points, points)


def how_the_gradients_come_about():
    """dCost/dW and dCost/db: entry by entry, then as U X^T and a sum over columns."""
    x, y = X.T, Y.T  # X is (2, m): a row for each feature, a column for each example
    y_hat = sigmoid(np.array(W) @ x)
    U = (y_hat - y) / y.size * y_hat * (1 - y_hat)  # dCost/dZ (1, m), what comes from upstream
    yield (
        "The text stops at this question. U = dCost/dZ has an entry for each example:\n"
        f"  U         {side_by_side(U, 5)}\n"
        f"  x1        {x[0, 0]}       {x[0, 1]}        {x[0, 2]}        {x[0, 3]}\n"
        f"  x2        {x[1, 0]}       {x[1, 1]}        {x[1, 2]}        {x[1, 3]}\n"
        "Example i reaches the Cost through z_i = w1 x1_i + w2 x2_i + b alone. So dz_i/dw_j = x_ji "
        "and dz_i/db = 1, and the chain rule adds up the examples:\n"
        "  dCost/dw_j = sum over i of U_i x_ji\n"
        "  dCost/db   = sum over i of U_i"
    )
    by_entry = [sum(U[0, i] * x[j, i] for i in range(4)) for j in range(2)]
    for j in range(2):
        terms = " + ".join(f"({U[0, i]:.5f})" for i in range(4) if x[j, i])
        yield f"  dCost/dw{j + 1} = {terms} = {by_entry[j]:.5f}"
    yield "These are the entries of a matrix product, and of a sum over columns:"
    yield Same("dCost/dW = U X^T", by_entry, (U @ x.T)[0])
    yield Same("dCost/db = sum over the columns of U", sum(U[0]), U.sum(axis=1)[0])
    gradients = neuron().loss_and_gradients(X, Y, LOSS)[1]  # rows are examples: delta = U^T
    yield Same("dW = delta^T a_prev, refnet's BP4", gradients[0].dW, U @ x.T)
    yield Same("db = sum over the rows of delta, BP3", gradients[0].db, U.sum(axis=1))


TWO_WAYS = "There are two ways to perform batch gradient descent"
SECTIONS = {
    "Part I: Understanding a Neural Network": understanding,
    "Loss Function": loss_function,
    "Bias": bias,
    "Cost Function": cost_function,
    TWO_WAYS: two_ways,
    f"{TWO_WAYS}: the Cost curve": cost_curve,
    f"{TWO_WAYS}: the Decision Boundary": decision_boundary,
    "but how did you calculate the gradients dCost/dW and dCost/db?": how_the_gradients_come_about,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
