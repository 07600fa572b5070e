"""The same pass as loops, classes and closures, and arrays in other layouts."""

from itertools import accumulate

import numpy as np

from parity.checking.tests.spellings.spelling import Spellings

SHAPES = Spellings()


def sigmoid(z):
    """1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


# where the pass stands


@SHAPES.gradient(activations="tanh", outputs="identity")
def recursive_layers(W, b, x, y):
    """Each layer calls the one above and returns dC/da of the one below."""
    dW, db = [None] * len(W), [None] * len(W)

    def through(l, a):
        if l == len(W):
            return 2 * (a - y) / y.size
        z = a @ W[l].T + b[l]
        is_last = l == len(W) - 1
        own = z if is_last else np.tanh(z)
        delta = through(l + 1, own) * (1.0 if is_last else 1 - own**2)
        dW[l], db[l] = delta.T @ a, delta.sum(axis=0)
        return delta @ W[l]

    through(0, x)
    return dW, db


@SHAPES.add(activations="tanh", outputs="tanh", losses="half_squared_error")
def closures(case):
    """Each layer returns its output, and the function that leads errors back and steps
    its weights.
    """

    def layer(W, b, a_prev, lr):
        a = np.tanh(a_prev @ W.T + b)

        def back(errors):
            delta = errors * (1 - a * a)
            dW, db = delta.T @ a_prev, delta.sum(0)
            below = delta @ W
            W[...] -= lr * dW
            b[...] -= lr * db
            return below, {"a": a, "delta": delta, "dW": dW, "db": db, "W": W, "b": b}

        return a, back

    W, b = [w.copy() for w in case.W], [c.copy() for c in case.b]
    for x, y, lr in case.steps:
        a, backs, shown = x, [], []
        for parameters in zip(W, b, strict=True):
            a, back = layer(*parameters, a, lr)
            backs.append(back)
        errors = (a - y) / len(y)
        for back in reversed(backs):
            errors, of_layer = back(errors)
            shown.insert(0, of_layer)
        yield {key: [of_layer[key] for of_layer in shown] for key in shown[0]}


class Layer:
    """A layer that keeps what it needs, and works in arrays that it made once."""

    def __init__(self, W, b, is_last):
        self.W, self.b, self.is_last = W.copy(), b.copy(), is_last
        self.dW, self.db = np.empty_like(W), np.empty_like(b)

    def forward(self, x):
        """max(z, 0), or z itself in the last layer."""
        self.x = x
        self.out = np.dot(x, self.W.T)
        self.out += self.b
        if not self.is_last:
            np.maximum(self.out, 0, out=self.out)
        return self.out

    def backward(self, error):
        """Overwrites the error that it is given."""
        if not self.is_last:
            error[self.out <= 0] = 0
        np.dot(error.T, self.x, out=self.dW)
        np.sum(error, axis=0, out=self.db)
        return np.dot(error, self.W)

    def update(self, lr):
        """In place."""
        self.W -= lr * self.dW
        self.b -= lr * self.db


@SHAPES.add(activations="relu", outputs="identity")
def classes_that_work_in_place(case):
    """A generator, whose arrays are overwritten in the next step."""
    depth = len(case.W)
    net = [Layer(W, b, l == depth) for l, (W, b) in enumerate(zip(case.W, case.b, strict=True), 1)]
    for x, y, lr in case.steps:
        a = x
        for layer in net:
            a = layer.forward(a)
        loss, error = ((a - y) ** 2).mean(), 2 * (a - y) / y.size
        for layer in reversed(net):
            error = layer.backward(error)
        for layer in net:
            layer.update(lr)
        shown = {name: [vars(layer)[name] for layer in net] for name in ("dW", "db", "W", "b")}
        yield {"loss": loss, "output": a, **shown}


@SHAPES.add(activations="sigmoid", losses="half_squared_error")
def one_flat_vector(case):
    """Weights and gradients are views of two vectors, and the step is one line."""
    shapes = [array.shape for both in zip(case.W, case.b, strict=True) for array in both]
    ends = [*accumulate(int(np.prod(shape)) for shape in shapes)]

    def views(vector):
        parts = np.split(vector, ends[:-1])
        arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return arrays[::2], arrays[1::2]

    theta = np.concatenate([p.ravel() for both in zip(case.W, case.b, strict=True) for p in both])
    g, shown = np.zeros_like(theta), []
    (W, b), (dW, db) = views(theta), views(g)
    for x, y, lr in case.steps:
        a = [x]
        for w, c in zip(W, b, strict=True):
            a.append(sigmoid(a[-1] @ w.T + c))
        error = (a[-1] - y) / len(y)
        for l in reversed(range(len(W))):
            delta = error * a[l + 1] * (1 - a[l + 1])
            dW[l][:], db[l][:] = delta.T @ a[l], delta.sum(axis=0)
            error = delta @ W[l]
        theta -= lr * g
        copies = [[array.copy() for array in arrays] for arrays in (dW, db, W, b)]
        shown.append(dict(zip(("dW", "db", "W", "b"), copies, strict=True)))
    return shown


@SHAPES.step(activations="tanh", outputs="identity")
def a_step_alone(W, b, x, y, lr):
    """Each layer is stepped as soon as its delta has gone on to the one below."""
    a = [x]
    for l, (w, c) in enumerate(zip(W, b, strict=True), start=1):
        z = a[-1] @ w.T + c
        a.append(z if l == len(W) else np.tanh(z))
    delta = (a[-1] - y) * (2 / y.size)
    for l in reversed(range(len(W))):
        below = delta @ W[l] * (1 - a[l] ** 2)
        W[l] = W[l] - lr * (delta.T @ a[l])
        b[l] = b[l] - lr * delta.sum(axis=0)
        delta = below
    return W, b


@SHAPES.gradient(activations="tanh", losses="half_squared_error")
def jacobians_from_the_input_on(W, b, x, y):
    """The matrices da^L/dz^l of each sample, multiplied from the front."""
    dW, db = [0 * w for w in W], [0 * c for c in b]
    for sample, target in zip(x, y, strict=True):
        a, to_output = [sample], []
        for w, c in zip(W, b, strict=True):
            own = np.tanh(w @ a[-1] + c)
            slope = np.diag(1 - own**2)
            to_output = [slope @ w @ J for J in to_output] + [slope]
            a.append(own)
        for l, J in enumerate(to_output):
            delta = J.T @ (a[-1] - target) / len(y)
            dW[l] += np.multiply.outer(delta, a[l])
            db[l] += delta
    return dW, db


# where the mean and the sign stand


@SHAPES.add(follows=("averaged-in-the-gradients",), losses="half_squared_error")
def averaged_where_gradients_are_made(case):
    """delta without 1/n, which stands in dW and db."""
    W, b = case.W, case.b
    for x, y, lr in case.steps:
        a = [x]
        for w, c in zip(W, b, strict=True):
            a.append(sigmoid(a[-1] @ w.T + c))
        delta = [(a[-1] - y) * a[-1] * (1 - a[-1])]
        for l in range(len(W) - 1, 0, -1):
            delta.insert(0, delta[0] @ W[l] * a[l] * (1 - a[l]))
        dW = [1 / len(x) * d.T @ below for d, below in zip(delta, a[:-1], strict=True)]
        db = [d.mean(axis=0) for d in delta]
        W = [w - lr * g for w, g in zip(W, dW, strict=True)]
        b = [c - lr * g for c, g in zip(b, db, strict=True)]
        yield {"delta": delta, "dW": dW, "db": db, "W": W, "b": b}


@SHAPES.add(follows=("averaged-in-the-update",), losses="half_squared_error")
def averaged_in_the_update(case):
    """As in a well-known book: nabla is a sum over the batch, and the step is
    (eta / len(batch)) nabla.
    """
    W, b = list(case.W), list(case.b)
    for x, y, eta in case.steps:
        nabla_W, nabla_b = [0 * w for w in W], [0 * c for c in b]
        for sample, target in zip(x, y, strict=True):
            a = [sample]
            for w, c in zip(W, b, strict=True):
                a.append(sigmoid(np.dot(w, a[-1]) + c))
            delta = (a[-1] - target) * a[-1] * (1 - a[-1])
            for l in range(1, len(W) + 1):
                if l > 1:
                    delta = np.dot(W[-l + 1].T, delta) * a[-l] * (1 - a[-l])
                nabla_W[-l] = nabla_W[-l] + np.outer(delta, a[-l - 1])
                nabla_b[-l] = nabla_b[-l] + delta
        W = [w - (eta / len(x)) * nw for w, nw in zip(W, nabla_W, strict=True)]
        b = [c - (eta / len(x)) * nb for c, nb in zip(b, nabla_b, strict=True)]
        yield {"dW": nabla_W, "db": nabla_b, "W": W, "b": b}


@SHAPES.add(follows=("gradients-negated-and-added",), losses="half_squared_error")
def errors_of_the_target_added(case):
    """target - output, and +=."""
    W, b = [w.copy() for w in case.W], [c.copy() for c in case.b]
    for x, y, lr in case.steps:
        a = [x]
        for w, c in zip(W, b, strict=True):
            a.append(sigmoid(a[-1] @ w.T + c))
        error, deltas = (y - a[-1]) / len(y), []
        for l in reversed(range(len(W))):
            deltas.insert(0, error * a[l + 1] * (1 - a[l + 1]))
            error = deltas[0] @ W[l]
        for l, delta in enumerate(deltas):
            W[l] += lr * delta.T @ a[l]
            b[l] += lr * delta.sum(axis=0)
        yield {"delta": deltas, "W": W, "b": b}


# other layouts


@SHAPES.add(
    follows=("averaged-in-the-gradients",),
    sizes=(4, 3, 5, 1),
    activations="tanh",
    outputs="sigmoid",
    losses="binary_cross_entropy",
    samples="columns",
)
def a_dictionary_of_columns(case):
    """As in a well-known course: parameters["W1"], dZ without 1/m, keepdims."""
    L = len(case.W)
    parameters = {f"W{l + 1}": W for l, W in enumerate(case.W)}
    parameters |= {f"b{l + 1}": b for l, b in enumerate(case.b)}
    for X, Y, learning_rate in case.steps:
        m, cache, grads = X.shape[1], {"A0": X}, {}
        for l in range(1, L + 1):
            Z = np.dot(parameters[f"W{l}"], cache[f"A{l - 1}"]) + parameters[f"b{l}"]
            cache[f"A{l}"] = np.tanh(Z) if l < L else sigmoid(Z)
        A = cache[f"A{L}"]
        cost = -np.sum(np.multiply(Y, np.log(A)) + np.multiply(1 - Y, np.log(1 - A))) / m
        for l in range(L, 0, -1):
            if l == L:
                dZ = A - Y
            else:
                dZ = np.dot(parameters[f"W{l + 1}"].T, dZ) * (1 - np.power(cache[f"A{l}"], 2))
            grads[f"dZ{l}"] = dZ
            grads[f"dW{l}"] = 1.0 / m * np.dot(dZ, cache[f"A{l - 1}"].T)
            grads[f"db{l}"] = 1.0 / m * np.sum(dZ, axis=1, keepdims=True)
        parameters = {key: p - learning_rate * grads[f"d{key}"] for key, p in parameters.items()}
        numbers = range(1, L + 1)
        yield {
            "loss": np.squeeze(cost),
            "output": A,
            "delta": [grads[f"dZ{l}"] for l in numbers],
            **{key: [grads[f"{key}{l}"] for l in numbers] for key in ("dW", "db")},
            **{key: [parameters[f"{key}{l}"] for l in numbers] for key in ("W", "b")},
        }


@SHAPES.add(activations="relu", outputs="identity", layout="in_out")
def inputs_in_rows_of_W(case):
    """a W + b."""
    weights = [[w.copy(), c.copy()] for w, c in zip(case.W, case.b, strict=True)]
    for x, y, lr in case.steps:
        a = [x]
        for l, (w, c) in enumerate(weights, start=1):
            z = a[-1] @ w + c
            a.append(np.where(z > 0, z, 0.0) if l < len(weights) else z)
        gradients, delta = [], 2.0 / y.size * (a[-1] - y)
        for l in range(len(weights) - 1, -1, -1):
            gradients.insert(0, (a[l].T @ delta, delta.sum(axis=0, keepdims=True)))
            delta = np.where(a[l] > 0, delta @ weights[l][0].T, 0.0)
        weights = [
            (w - lr * dw, (c - lr * dc).ravel())
            for (w, c), (dw, dc) in zip(weights, gradients, strict=True)
        ]
        dW, db = zip(*gradients, strict=True)
        W, b = zip(*weights, strict=True)
        yield {"dW": dW, "db": db, "W": W, "b": b}


@SHAPES.add(layout="in_out", samples="columns", activations="tanh", outputs="identity")
def inputs_in_rows_and_samples_in_columns(case):
    """W^T a + b."""
    W, b = list(case.W), list(case.b)
    for x, y, lr in case.steps:
        z, a = [], [x]
        for w, c in zip(W, b, strict=True):
            z.append(w.T @ a[-1] + c)
            a.append(np.tanh(z[-1]) if len(a) < len(W) else z[-1])
        delta, dW, db = [2 * (a[-1] - y) / y.size], [], []
        for l in reversed(range(len(W))):
            dW.insert(0, a[l] @ delta[0].T)
            db.insert(0, delta[0] @ np.ones((len(x.T), 1)))
            if l:
                delta.insert(0, (1 - np.tanh(z[l - 1]) ** 2) * (W[l] @ delta[0]))
        W = [w - lr * g for w, g in zip(W, dW, strict=True)]
        b = [c - lr * g for c, g in zip(b, db, strict=True)]
        yield {"z": z, "a": a[1:], "delta": delta, "dW": dW, "db": db, "W": W, "b": b}
