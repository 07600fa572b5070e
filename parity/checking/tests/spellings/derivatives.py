"""The gradient by another way than backpropagation, or by a small tape.

A forward pass as anybody writes it runs on numbers that know their derivatives.
"""

import math

import numpy as np

from parity.checking.tests.spellings.spelling import Spellings

DERIVATIVES = Spellings()

# forward: numbers that carry derivatives along


def cost(W, b, x, y):
    """The mean squared error of sigmoid layers, on whatever has the operations."""
    a = x
    for w, c in zip(W, b, strict=True):
        a = 1 / (1 + np.exp(-(a @ w.T + c)))
    return ((a - y) ** 2).mean()


@DERIVATIVES.gradient()
def complex_step(W, b, x, y):
    """dC/dp = Im C(p + i h) / h, without a difference and so without cancellation."""
    h = 1e-150
    gradients = []
    for group, place in ((W, 0), (b, 1)):
        arrays = []
        for l, array in enumerate(group):
            g = np.empty_like(array)
            for index in np.ndindex(array.shape):
                moved = array.astype(complex)
                moved[index] += 1j * h
                both = [list(W), list(b)]
                both[place][l] = moved
                g[index] = cost(*both, x, y).imag / h
            arrays.append(g)
        gradients.append(arrays)
    return cost(W, b, x, y), *gradients


def differences(W, b, x, y, h=6e-6):
    """The loss, dW and db by central differences. The default for h is the cube root of
    the rounding: what the difference leaves out, h^2, is as large as what it cancels.
    """
    theta = [[array.copy() for array in arrays] for arrays in (W, b)]

    def slope(array, index):
        middle, ends = array[index], []
        for array[index] in (middle + h, middle - h):
            ends.append(cost(*theta, x, y))
        array[index] = middle
        return (ends[0] - ends[1]) / (2 * h)

    gradients = [
        [
            np.reshape([slope(array, i) for i in np.ndindex(array.shape)], array.shape)
            for array in arrays
        ]
        for arrays in theta
    ]
    return cost(W, b, x, y), *gradients


class Dual:
    """A number with its derivatives by all parameters: forward mode."""

    def __init__(self, value, slopes):
        self.value, self.slopes = value, slopes

    def __add__(self, other):
        return Dual(self.value + other.value, self.slopes + other.slopes)

    def __mul__(self, other):
        return Dual(self.value * other.value, self.value * other.slopes + other.value * self.slopes)

    def sigmoid(self):
        """1 / (1 + e^-z)."""
        a = 1 / (1 + math.exp(-self.value))
        return Dual(a, a * (1 - a) * self.slopes)


@DERIVATIVES.gradient()
def dual_numbers(W, b, x, y):
    """Every number has its derivatives by all W and b beside it."""
    count = sum(array.size for array in (*W, *b))
    units = iter(np.eye(count))
    theta_W, theta_b = (
        [np.array([Dual(p, next(units)) for p in a.flat]).reshape(a.shape) for a in arrays]
        for arrays in (W, b)
    )
    total = Dual(0.0, np.zeros(count))
    for sample, target in zip(x, y, strict=True):
        a = [Dual(v, np.zeros(count)) for v in sample]
        for w, c in zip(theta_W, theta_b, strict=True):
            a = [
                sum((u * v for u, v in zip(r, a, strict=True)), s).sigmoid()
                for r, s in zip(w, c, strict=True)
            ]
        for output, wanted in zip(a, target, strict=True):
            error = output + Dual(-wanted, np.zeros(count))
            total = total + error * error
    shapes = [array.shape for array in (*W, *b)]
    ends = np.cumsum([array.size for array in (*W, *b)])[:-1]
    g = [v.reshape(s) for v, s in zip(np.split(total.slopes / y.size, ends), shapes, strict=True)]
    return total.value / y.size, g[: len(W)], g[len(W) :]


# backward: a tape


class Value:
    """A number of a graph, which knows how to hand its gradient on."""

    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad, self.parents, self.slopes = data, 0.0, parents, slopes

    def __add__(self, other):
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def tanh(self):
        """(e^2z - 1) / (e^2z + 1)."""
        t = (math.exp(2 * self.data) - 1) / (math.exp(2 * self.data) + 1)
        return Value(t, (self,), (1 - t**2,))

    def backward(self):
        """From the last number to the first."""
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                parent.grad += slope * node.grad


@DERIVATIVES.add(activations="tanh")
def a_tape_of_numbers(case):
    """Every product and every sum is a node."""
    W, b = (
        [[[*map(Value, row)] for row in np.atleast_2d(array).tolist()] for array in arrays]
        for arrays in (case.W, case.b)
    )
    for x, y, lr in case.steps:
        loss = Value(0.0)
        for sample, target in zip(x.tolist(), y.tolist(), strict=True):
            a = [*map(Value, sample)]
            for w, (c,) in zip(W, b, strict=True):
                a = [
                    sum((u * v for u, v in zip(r, a, strict=True)), s).tanh()
                    for r, s in zip(w, c, strict=True)
                ]
            for output, wanted in zip(a, target, strict=True):
                error = output + Value(-wanted)
                loss = loss + error * error
        loss = loss * Value(1 / y.size)
        for node in (node for array in W + b for row in array for node in row):
            node.grad = 0.0
        loss.backward()
        for node in (node for array in W + b for row in array for node in row):
            node.data -= lr * node.grad
        shown = {
            key: [[[getattr(node, name) for node in row] for row in array] for array in arrays]
            for key, arrays, name in (
                ("dW", W, "grad"),
                ("db", b, "grad"),
                ("W", W, "data"),
                ("b", b, "data"),
            )
        }
        yield {"loss": loss.data, **shown}


class Tensor:
    """An array of a graph, with a function that leads its gradient back."""

    def __init__(self, data, parents=(), back=None):
        self.data, self.grad = np.asarray(data), np.zeros_like(data)
        self.parents, self.back = parents, back

    def __matmul__(self, other):
        def back(g):
            self.grad += g @ other.data.T
            other.grad += self.data.T @ g

        return Tensor(self.data @ other.data, (self, other), back)

    def __add__(self, bias):
        def back(g):
            self.grad += g
            bias.grad += g.sum(axis=0)

        return Tensor(self.data + bias.data, (self, bias), back)

    @property
    def T(self):
        """The transpose, as a node."""

        def back(g):
            self.grad += g.T

        return Tensor(self.data.T, (self,), back)

    def relu(self):
        """max(0, z)."""

        def back(g):
            self.grad += g * (self.data > 0)

        return Tensor(np.maximum(0, self.data), (self,), back)

    def cross_entropy(self, labels):
        """Of the softmax, the mean over the rows."""
        rows = np.arange(len(labels))
        p = np.exp(self.data - self.data.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)

        def back(g):
            d = p.copy()
            d[rows, labels] -= 1
            self.grad += g * d / len(labels)

        return Tensor(-np.log(p[rows, labels]).mean(), (self,), back)

    def backward(self):
        """Depth first, once each."""
        order, stack = [], [self]
        while stack:
            node = stack.pop()
            order.append(node)
            stack += node.parents
        self.grad = np.ones(())
        # a chain of layers: whoever comes later in it was used earlier
        for node in order:
            if node.back:
                node.back(node.grad)


@DERIVATIVES.add(
    activations="relu", outputs="identity", losses="softmax_cross_entropy", targets="labels"
)
def a_tape_of_arrays(case):
    """Every product and every function of arrays is a node, made anew in each step."""
    W, b = case.W, case.b
    for x, y, lr in case.steps:
        tensors = [(Tensor(w), Tensor(c)) for w, c in zip(W, b, strict=True)]
        a = z = Tensor(x)
        for w, c in tensors:
            z = a @ w.T + c
            a = z.relu()
        loss = z.cross_entropy(y)
        loss.backward()
        W = [w.data - lr * w.grad for w, _ in tensors]
        b = [c.data - lr * c.grad for _, c in tensors]
        gradients = {"dW": [w.grad for w, _ in tensors], "db": [c.grad for _, c in tensors]}
        yield {"loss": loss.data, "output": z.data, **gradients, "W": W, "b": b}


# in closed form


@DERIVATIVES.gradient(activations="identity", losses="half_squared_error")
def linear_layers_as_one_matrix(W, b, x, y):
    """dC/dA of the product A of all W, led back to each factor from both sides."""
    below, before = [x], []
    for w, c in zip(W, b, strict=True):
        below.append(below[-1] @ w.T + c)
    G = (below[-1] - y) / len(y)
    dW, db = [], []
    for l in reversed(range(len(W))):
        after = np.linalg.multi_dot([np.eye(len(W[-1])), *before, np.eye(len(W[l]))])
        dW.insert(0, after.T @ (G.T @ below[l]))
        db.insert(0, after.T @ G.sum(axis=0))
        before.append(W[l])
    return dW, db
