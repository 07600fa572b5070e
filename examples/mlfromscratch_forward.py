"""mlfromscratch, Neural Networks: Feedforward and Backpropagation Explained, to
Calculus Knowledge: from one neuron to sigma(W a + b).

Its example has the layers input-hidden-hidden-output; here they are 4-5-4-3, all
sigmoids, on the iris data of scikit-learn. Layers count from 0, as in the text: the
input is layer 0, and w^(1) leads to layer 1.

    python examples/mlfromscratch_forward.py [SECTION ...] [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from lesson import Claim, Expected, Same, run, side_by_side, wanted

with wanted("parity"):
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import MinMaxScaler

TITLE = "mlfromscratch, Neural Networks: Feedforward and Backpropagation Explained: forward"
LOSS, ETA = "half_squared_error", 3.0


@cache
def iris():
    """Measurements and species, split into a training and a test part, not scaled."""
    x, labels = load_iris(return_X_y=True)
    return train_test_split(x, labels, random_state=0)


@cache
def training_rows():
    """The training part scaled to [0, 1], and its species one-hot."""
    x, _, labels, _ = iris()
    return MinMaxScaler().fit_transform(x), refnet.one_hot(labels, 3)


def network(*sizes, seed=0, init=None):
    """A network of sigmoids whose biases start at 0."""
    net = refnet.mlp(
        sizes, hidden="sigmoid", output="sigmoid", init=init or refnet.Normal(std=1.0), seed=seed
    )
    for layer in net.layers:
        layer.b[...] = 0
    return net


def sigma(z):
    """The sigmoid function."""
    return 1 / (1 + np.exp(-z))


def overview():
    """One turn of the text's big picture: forward, the cost, the gradient, the step."""
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    y_hat = net.predict(x)
    C = ((y_hat - y) ** 2).mean()
    yield f"Forward pass of {len(x)} flowers through 4-5-4-3. How good are the outputs y_hat?"
    yield Same("mean squared error, refnet", refnet.MSE().value(y_hat, y), C)
    dC_dw = net.loss_and_gradients(x, y, "mse")[1][2].dW[0, 0]
    h = 1e-5
    net.layers[2].W[0, 0] += h
    raised = ((net.predict(x) - y) ** 2).mean()
    yield "The gradient says by how much C rises for each 1 that a weight rises. One weight:"
    yield Same("(C(w + h) - C(w)) / h", (raised - C) / h, dC_dw, digits=6)
    nudge = -ETA * dC_dw
    yield Claim(
        'gradients are "small nudges (updates)"',
        f"gradient {dC_dw:.5f}, nudge {nudge:.5f}",
        np.isclose(dC_dw, nudge),
        erratum="mlfromscratch-nudges",
    )
    net.layers[2].W[0, 0] += nudge - h
    after = ((net.predict(x) - y) ** 2).mean()
    yield Claim(
        "with that nudge the cost is optimized",
        f"C {C:.5f}, then {after:.5f}",
        after < C,
    )
    yield (
        f"The nudge is minus the learning rate, here {ETA:g}, times the gradient. Where the text "
        f'subtracts "the cost of a particular weight", read: its gradient. C itself is one '
        f"positive number for all weights. {by_cost()}"
    )


def by_cost():
    """What subtracting 0.1 C from every weight 100 times does to the cost."""
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    costs = [((net.predict(x) - y) ** 2).mean()]
    for _ in range(100):
        for layer in net.layers:
            layer.W[...] -= 0.1 * costs[-1]
        costs.append(((net.predict(x) - y) ** 2).mean())
    return f"100 steps of w - 0.1 C take it from {costs[0]:.3f} to {costs[-1]:.3f}."


def neurons():
    """Data between 0 and 1, and the activations that follow."""
    x, x_test, _, _ = iris()
    low, high = x.min(axis=0), x.max(axis=0)
    scaled = (x - low) / (high - low)
    yield (
        "Scaling to values between 0 and 1: subtract from each column its smallest value, then "
        "divide by its range."
    )
    yield Same("MinMaxScaler", training_rows()[0], scaled)
    yield Expected("smallest and largest value", "0.0 1.0", [scaled.min(), scaled.max()])
    least = ((x_test - low) / (high - low)).min()
    yield (
        f"New flowers are scaled with the same two numbers, so they may leave that range: the "
        f"smallest value of the test part is {least:.3f}."
    )
    a = np.concatenate([step.a.ravel() for step in network(4, 5, 4, 3).forward(scaled)])
    yield Claim(
        "a sigmoid's activation is between 0 and 1",
        f"{a.size} activations, {a.min():.4f} to {a.max():.4f}",
        bool(a.min() > 0 and a.max() < 1),
    )


def one_neuron():
    """Activations times weights, summed: the text's weights on three inputs."""
    a, w = training_rows()[0][0, :3], np.array([2.2, -1.2, 0.4])
    summed = w[0] * a[0] + w[1] * a[1] + w[2] * a[2]
    yield (
        f"A new neuron from three, with the text's weights 2.2, -1.2 and 0.4. The activations "
        f"are {side_by_side(a)}."
    )
    terms = " + ".join(f"({weight:g})({value:.3f})" for weight, value in zip(w, a, strict=True))
    yield f"  w1 a1 + w2 a2 + w3 a3 = {terms} = {summed:.4f}"
    yield Same("the same as a product w @ a", w @ a, summed)


def activation_functions():
    """The sigmoid of the sum, and what the bias shifts."""
    a, w = training_rows()[0][0, :3], np.array([2.2, -1.2, 0.4])
    net = refnet.Network([refnet.Dense([w], [0.0], "sigmoid")])
    yield "The sigmoid takes the sum to a value between 0 and 1 again."
    yield Same("sigma(w @ a), refnet", net.predict([a]).item(), sigma(w @ a))
    yield (
        "A sigmoid is 1/2 where its argument is 0. The bias moves this place: the neuron counts "
        "as active where w @ a is above -b."
    )
    for b in (-2.0, -1.0, 0.0, 1.0):
        yield f"  b = {b:4.1f}:  sigma(w @ a + b) = {sigma(w @ a + b):.4f}"
    b = -(w @ a)
    yield Expected(f"sigma(w @ a + b) with b = {b:.4f}", "0.5", sigma(w @ a + b))


def notation():
    """What a_2^(1) and w_2,3^(2) are, and the forward pass in matrix form."""
    x, net = training_rows()[0][0], network(4, 5, 4, 3)
    W1, W2, W3 = (layer.W for layer in net.layers)
    b1, b2, b3 = (layer.b for layer in net.layers)
    a0 = x
    a1 = sigma(W1 @ a0 + b1)
    a2 = sigma(W2 @ a1 + b2)
    a3 = sigma(W3 @ a2 + b3)
    yield "Everything counts from 0. W^(1) has a row for each neuron that it leads to:"
    yield Expected("rows and columns of W^(1), W^(2)", "5 4, 4 5", [*W1.shape, *W2.shape])
    yield "  a_2^(1) = sigma(w_2,0 a_0 + w_2,1 a_1 + w_2,2 a_2 + w_2,3 a_3 + b_2)"
    z = W1[2, 0] * a0[0] + W1[2, 1] * a0[1] + W1[2, 2] * a0[2] + W1[2, 3] * a0[3] + b1[2]
    yield Same("number three of the second layer", sigma(z), a1[2])
    raised = W2.copy()
    raised[2, 3] += 1
    change = raised @ a1 - W2 @ a1
    yield Claim(
        "w_2,3^(2) leads to the third neuron of the third layer",
        f"raised by 1, it changes z of neuron {np.flatnonzero(change)}, counted from 0",
        bool((np.flatnonzero(change) == [2]).all()),
    )
    yield Claim(
        "from neuron four of the second layer",
        f"by {change[2]:.4f}; a_3^(1) is {a1[3]:.4f}",
        np.isclose(change[2], a1[3]),
    )
    yield "The final expression, three times, is the whole forward pass:"
    yield "  a^(1) = sigma(W^(1) a^(0) + b^(1)), and so on to a^(3)"
    yield Same("a^(3), refnet", net.predict([x])[0], a3)
    yield (
        f"What the text calls a bias matrix is one column: b^(1) has {b1.size} numbers, one for "
        f"each neuron of layer 1, and so has a^(1)."
    )


def calculus():
    """A derivative as a slope, a partial derivative, and the chain rule."""
    w, x, h = 2.2, 0.5, 1e-5
    a = sigma(w * x)
    yield (
        "Take a = sigma(z) with z = w x, at w = 2.2 and x = 0.5. The slope of the tangent line is "
        "close to that between two points near by:"
    )
    da_dz = a * (1 - a)
    measured = (sigma(w * x + h) - sigma(w * x - h)) / (2 * h)
    yield Same("da/dz = a (1 - a)", measured, da_dz, digits=8)
    yield (
        "The chain rule multiplies the slopes of both functions. In a partial derivative the "
        "other variable is constant:"
    )
    da_dx = da_dz * w
    measured = (sigma(w * (x + h)) - sigma(w * (x - h))) / (2 * h)
    yield Same("da/dx = da/dz dz/dx, w constant", measured, da_dx, digits=8)
    da_dw = da_dz * x
    measured = (sigma((w + h) * x) - sigma((w - h) * x)) / (2 * h)
    yield Same("da/dw = da/dz dz/dw, x constant", measured, da_dw, digits=8)


SECTIONS = {
    "Overview": overview,
    "Neurons — Connected": neurons,
    "From input layer to hidden layer": one_neuron,
    "Activation Functions": activation_functions,
    "Notation: Linear Algebra": notation,
    "Calculus Knowledge": calculus,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
