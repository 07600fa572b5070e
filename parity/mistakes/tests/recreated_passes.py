"""Published mistakes in the passes, in softmax and in what is kept too long, written as
their authors wrote them.
"""

from copy import copy

import numpy as np

from parity.mistakes.tests.student import (
    activate,
    backward,
    cost,
    derivative,
    gradients_of,
    output_delta,
    pull_back,
    sigmoid,
    softmax,
    step,
)


def forward_of(name, f):
    """The forward pass with another form of one activation."""
    return lambda net, l: (
        f(net, l) if net.f[l][0] == name else activate(net.f[l][0], net.z[l], **net.f[l][1])
    )


def backward_of(name, f):
    """The backward pass with another form of one activation."""
    return lambda net, l, g: f(net, l, g) if net.f[l][0] == name else pull_back(net, l, g)


def tanh_of_the_output(net, l, g):
    """Neuron by neuron, sample by sample."""
    slopes = [[1 - np.tanh(output) ** 2 for output in sample] for sample in net.a[l]]
    return g * np.array(slopes, g.dtype)


def activated_again(net, l, g):
    s = sigmoid(net.a[l])
    return g * s * (1 - s)


def tanh_d(net, l, g):
    x = net.z[l]
    return g * (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)


def constant_below_zero(net, l, g):
    return np.where(net.z[l] > 0, g, net.f[l][1]["slope"])


def current_function_on_the_layer_below(net, l):
    g = net.delta[l + 1] @ net.W[l + 1]
    name, parameters = net.f[l + 1]
    return g * derivative(name, net.a[l], **parameters)


def output_neurons_first(net):
    """Plain lists: every weight of a layer is stepped before the layer below reads
    it.
    """
    for l in reversed(range(len(net.W))):
        gradients_of(net, l)
        for j, weights in enumerate(net.W[l]):
            net.b[l][j] -= net.lr * net.db[l][j]
            for k in range(len(weights)):
                weights[k] -= net.lr * net.dW[l][j, k]


def step_by_step(net):
    """Layer by layer from the top: gradients, then at once `w += -lr ...`."""
    for l in reversed(range(len(net.W))):
        gradients_of(net, l)
        net.W[l] += -net.lr * net.dW[l]
        net.b[l] += -net.lr * net.db[l]


def errors_after_the_update(net):
    """The Toy Neural Network: errors = W^T errors, of the W that has just been
    updated.
    """
    errors = net.do.cost_slope(net)
    for l in reversed(range(len(net.W))):
        net.delta[l] = pull_back(net, l, errors)
        net.dW[l], net.db[l] = net.do.dW(net, l), net.do.db(net, l)
        net.W[l] = net.W[l] - net.lr * net.dW[l]
        net.b[l] = net.b[l] - net.lr * net.db[l]
        errors = (net.W[l].T @ net.delta[l].T).T


def shallow_copy(net):
    """The list of layers is copied, but not the dictionaries in it."""
    layers = [{"weights": W, "bias": b} for W, b in zip(net.W, net.b, strict=True)]
    layers_new = np.copy(layers)
    for l in reversed(range(len(layers))):
        net.delta[l] = (
            output_delta(net)
            if l == net.last
            else pull_back(net, l, net.delta[l + 1] @ layers[l + 1]["weights"])
        )
        net.dW[l], net.db[l] = net.delta[l].T @ net.below(l), net.delta[l].sum(axis=0)
        layers_new[l]["weights"] = layers_new[l]["weights"] - net.lr * net.dW[l]
        layers_new[l]["bias"] = layers_new[l]["bias"] - net.lr * net.db[l]
    net.W, net.b = (
        [layer["weights"] for layer in layers_new],
        [layer["bias"] for layer in layers_new],
    )


def nothing_left(net):
    """No update: `backward` has made it already."""


UPDATED = {
    "lists": {"backward": output_neurons_first, "update": nothing_left},
    "in place": {"backward": step_by_step, "update": nothing_left},
    "errors": {"backward": errors_after_the_update, "update": nothing_left},
    "shared": {"backward": shallow_copy, "update": nothing_left},
}


def weights_alone(net):
    for l in range(len(net.W)):
        net.W[l] = net.do.step(net, "W", l)


def first_parameter_of_each_layer(net):
    for l in range(len(net.W)):
        parameters = (("W", net.W), ("b", net.b))
        for i in range(min(len(parameters), 1)):
            name, arrays = parameters[i]
            arrays[l] = net.do.step(net, name, l)


def everywhere(array, number):
    """A number where an array belongs, which NumPy subtracts from every entry."""
    return np.full_like(array, number)


def broadcast_gradient(net):
    e = net.a[-1] - net.y.ravel()
    return (2 * e / e.size).sum(axis=1, keepdims=True)


# softmax


def quotient_rule(net, l, g):
    """(e^z / S)' = (e^z S - e^z e^z) / S^2, with respect to its own z."""
    e = np.exp(net.z[l])
    S = e.sum(axis=1, keepdims=True)
    return g * (e * S - e * e) / S**2


def equivalent_to_the_sigmoid(net, l, g):
    signal = softmax(net.z[l])
    return g * (signal - signal**2)


def jacobian_in_a_loop(net, l, g):
    """gradient[i] is assigned for every j, so the last j remains; and x is the input of
    the softmax.
    """
    gradient = np.empty_like(g)
    for row, x, s in zip(gradient, net.z[l], net.a[l], strict=True):
        for i in range(len(x)):
            for j in range(len(x)):
                row[i] = s[i] * (1 - x[i]) if i == j else -s[i] * x[j]
    return g * gradient


def softmax_of_dA(net, l, g):
    dZ = []
    for dA, s in zip(g, softmax(g), strict=True):
        dZ.append((np.diag(s) - np.outer(s, s)) @ dA)
    return np.stack(dZ)


def as_softmax(f):
    """The program with another softmax, in its last layer or in its loss."""
    return {
        "a": forward_of("softmax", lambda net, l: f(net.z[l])),
        "cost": lambda net: (
            cost(net)
            if net.loss != "softmax_cross_entropy"
            else -np.sum(net.y * np.log(f(net.z[-1]))) / net.n
        ),
        "output_delta": lambda net: (
            (f(net.z[-1]) - net.y) / net.n if "entropy" in net.loss else output_delta(net)
        ),
    }


def over_all(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def overflowing(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def python_sum(z):
    """Python's sum adds up the rows of an array: over the batch."""
    return np.exp(z) / sum(np.exp(z))


def cost_of_softmax_twice(net):
    return -np.sum(net.y * np.log(softmax(softmax(net.z[-1])))) / net.n


def delta_of_softmax_twice(net):
    p = softmax(net.z[-1])
    g = (softmax(p) - net.y) / net.n
    return p * (g - (g * p).sum(axis=1, keepdims=True))


# what is kept too long


def buffer(net):
    """backprop adds to a buffer that was zero when it was made."""
    backward(net)
    for l in range(len(net.W)):
        for name in ("dW", "db"):
            g = net.kept.setdefault((name, l), np.zeros_like(getattr(net, name)[l]))
            g += getattr(net, name)[l]
            getattr(net, name)[l] = g


def without_zero_grad(net):
    """Every backward pass adds to `grad`, None before the first."""
    backward(net)
    for l in range(len(net.W)):
        for name in ("dW", "db"):
            grad = net.kept.get(("grad", name, l))
            net.kept["grad", name, l] = (
                getattr(net, name)[l] if grad is None else grad + getattr(net, name)[l]
            )
            getattr(net, name)[l] = net.kept["grad", name, l]


def without_zero_grad_by_sample(net):
    """The same with one backward pass per sample, whose gradients should add up over
    the batch alone.
    """
    backward(net)
    grads = net.kept.setdefault(
        "grads", [[np.zeros_like(W), np.zeros_like(b)] for W, b in zip(net.W, net.b, strict=True)]
    )
    for l in range(len(net.W)):
        for delta, below in zip(net.delta[l], net.below(l), strict=True):
            grads[l][0] += np.outer(delta, below)
            grads[l][1] += delta
        net.dW[l], net.db[l] = grads[l]


def templates(net):
    """The lists of zeros to begin a batch with are not copied."""
    backward(net)
    weight_templates = net.kept.setdefault("weights", [np.zeros_like(W) for W in net.W])
    bias_templates = net.kept.setdefault("biases", [np.zeros_like(b) for b in net.b])
    weight_updates, bias_updates = weight_templates, bias_templates
    for l in range(len(net.W)):
        weight_updates[l] += net.dW[l]
        bias_updates[l] += net.db[l]
    net.dW, net.db = list(weight_updates), list(bias_updates)


def fed_back(net):
    """dW += delta a + LR dW."""
    backward(net)
    for l in range(len(net.W)):
        for name in ("dW", "db"):
            dW = net.kept.get((name, l), 0)
            dW = dW + getattr(net, name)[l] + net.lr * dW
            net.kept[name, l] = getattr(net, name)[l] = dW


def copies_updated(net):
    weights = [array.copy() for array in (*net.W, *net.b)]
    for i, g in enumerate((*net.dW, *net.db)):
        weights[i] -= net.lr * g


def velocity_of_an_alias(net):
    """The velocity is theta minus the theta before it, which is the same array."""
    for name, arrays in (("W", net.W), ("b", net.b)):
        for l in range(len(arrays)):
            before = net.kept.setdefault((name, l), arrays[l])
            velocity = arrays[l] - before
            arrays[l] -= net.lr * getattr(net, "d" + name)[l]
            arrays[l] += net.h["momentum"] * velocity


def into_integers(net, name, l):
    """The array holds integers, so what is written into it loses its fraction."""
    theta = getattr(net, name)[l].astype(int)
    theta[...] = step(net, name, l)
    return theta.astype(net.x.dtype)


def upside_down(net, l):
    z = net.z[l]
    return (np.exp(z) + np.exp(-z)) / (np.exp(z) - np.exp(-z))


def leaky_after_relu(net, l):
    """x = relu(x) first, so nothing below 0 is left for the slope."""
    x = np.maximum(net.z[l], 0)
    return x - net.f[l][1]["slope"] * np.maximum(-x, 0)


def micro_batches(n):
    """Two rows each, and the rest."""
    return [slice(start, start + 2) for start in range(0, n, 2)]


def of_rows(net, rows):
    """The last layer of a network that was given these rows alone."""
    part = copy(net)
    part.z, part.a = ([*arrays[:-1], arrays[-1][rows]] for arrays in (net.z, net.a))
    part.y = net.y[rows]
    part.n = len(part.y)
    return part


def mean_of_costs(shards):
    """loss += model(micro_batch).loss / steps"""
    return lambda net: np.mean([cost(of_rows(net, rows)) for rows in shards(net.n)])


def averaged_over(shards):
    """(loss / steps).backward() for each shard, with the mean loss of its rows."""

    def delta(net):
        whole, parts = np.empty_like(net.a[-1]), shards(net.n)
        for rows in parts:
            whole[rows] = output_delta(of_rows(net, rows)) / len(parts)
        return whole

    return delta
