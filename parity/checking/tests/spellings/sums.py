"""The same sums in other orders, forms and precisions.

Every program here is a network of sigmoid layers under the mean squared error.
"""

import math
from decimal import Decimal, localcontext

import numpy as np

from parity.checking.tests.spellings.spelling import Spellings

SUMS = Spellings()


def sigmoid(z):
    """1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


def forward(W, b, x):
    """The activations of all layers, x first."""
    a = [x]
    for w, c in zip(W, b, strict=True):
        a.append(sigmoid(a[-1] @ w.T + c))
    return a


def deltas(W, a, y):
    """Those of all layers; the mean is in them."""
    delta = [2 / y.size * (a[-1] - y) * a[-1] * (1 - a[-1])]
    for l in range(len(W) - 1, 0, -1):
        delta.insert(0, delta[0] @ W[l] * a[l] * (1 - a[l]))
    return delta


def with_dW(product):
    """A gradient whose dW^l is product(delta^l, a^(l-1))."""

    def gradient(W, b, x, y):
        a = forward(W, b, x)
        delta = deltas(W, a, y)
        dW = [product(d, a_prev) for d, a_prev in zip(delta, a[:-1], strict=True)]
        return np.mean((a[-1] - y) ** 2), dW, [d.sum(axis=0) for d in delta]

    return gradient


# in other orders


@SUMS.gradient()
def one_sample_after_the_other(W, b, x, y):
    """As in many a book: the gradients of a sample, added to those before."""
    dW, db, loss = [0 * w for w in W], [0 * c for c in b], 0.0
    for sample, target in zip(x, y, strict=True):
        a = [sample]
        for w, c in zip(W, b, strict=True):
            a.append(sigmoid(np.dot(w, a[-1]) + c))
        loss += np.sum((a[-1] - target) ** 2)
        delta = 2 * (a[-1] - target) * a[-1] * (1 - a[-1])
        for l in reversed(range(len(W))):
            dW[l] += np.outer(delta, a[l])
            db[l] += delta
            delta = np.dot(W[l].T, delta) * a[l] * (1 - a[l])
    return loss / y.size, [g / y.size for g in dW], [g / y.size for g in db]


@SUMS.gradient()
def running_means_of_gradients(W, b, x, y):
    """mean := mean + (g_i - mean) / i, sample by sample."""
    dW, db = [0 * w for w in W], [0 * c for c in b]
    for i in range(len(x)):
        a = forward(W, b, x[i : i + 1])
        delta = deltas(W, a, y[i : i + 1])
        for l, d in enumerate(delta):
            dW[l] += (d.T @ a[l] - dW[l]) / (i + 1)
            db[l] += (d[0] - db[l]) / (i + 1)
    return dW, db


@SUMS.gradient()
def gradients_of_chunks_accumulated(W, b, x, y):
    """Two samples at a time, each chunk weighted by its share of the batch."""
    dW, db, loss = [0 * w for w in W], [0 * c for c in b], 0.0
    for start in range(0, len(x), 2):
        rows = slice(start, start + 2)
        share = len(x[rows]) / len(x)
        a = forward(W, b, x[rows])
        loss += share * np.mean((a[-1] - y[rows]) ** 2)
        for l, d in enumerate(deltas(W, a, y[rows])):
            dW[l] += share * d.T @ a[l]
            db[l] += share * d.sum(axis=0)
    return loss, dW, db


@SUMS.gradient()
def samples_in_another_order(W, b, x, y):
    """The batch is shuffled before its gradients are summed."""
    order = np.random.default_rng(7).permutation(len(x))
    return with_dW(lambda delta, a_prev: delta.T @ a_prev)(W, b, x[order], y[order])


@SUMS.gradient()
def sums_from_the_smallest_on(W, b, x, y):
    """The terms of each sum are sorted by size before they are added."""

    def total(terms):
        by_size = np.take_along_axis(terms, np.argsort(np.abs(terms), axis=0), axis=0)
        return np.add.accumulate(by_size, axis=0)[-1]

    a = forward(W, b, x)
    delta = deltas(W, a, y)
    dW = [total(d[:, :, None] * p[:, None, :]) for d, p in zip(delta, a[:-1], strict=True)]
    return total(((a[-1] - y) ** 2).ravel()) / y.size, dW, [total(d) for d in delta]


# in other forms


@SUMS.gradient()
def a_column_of_ones_for_the_bias(W, b, x, y):
    """b is the last column of W, and every layer has one input more, which is 1."""

    def with_ones(a):
        return np.hstack([a, np.ones((len(a), 1))])

    theta = [np.hstack([w, c[:, None]]) for w, c in zip(W, b, strict=True)]
    a = [with_ones(x)]
    for weights in theta:
        a.append(with_ones(sigmoid(a[-1] @ weights.T)))
    output = a[-1][:, :-1]
    delta, gradients = 2 * (output - y) / y.size * output * (1 - output), []
    for l in reversed(range(len(theta))):
        gradients.insert(0, delta.T @ a[l])
        delta = (delta @ theta[l] * a[l] * (1 - a[l]))[:, :-1]
    return [g[:, :-1] for g in gradients], [g[:, -1] for g in gradients]


@SUMS.gradient()
def einsum_everywhere(W, b, x, y):
    """Every product and every sum by its indices."""
    a = [x]
    for w, c in zip(W, b, strict=True):
        a.append(sigmoid(np.einsum("nk,jk->nj", a[-1], w) + c))
    e = a[-1] - y
    delta, dW, db = np.einsum("nj,nj,nj->nj", 2 / e.size * e, a[-1], 1 - a[-1]), [], []
    for l in reversed(range(len(W))):
        dW.insert(0, np.einsum("nj,nk->jk", delta, a[l]))
        db.insert(0, np.einsum("nj->j", delta))
        delta = np.einsum("nj,jk,nk,nk->nk", delta, W[l], a[l], 1 - a[l])
    return np.einsum("nj,nj->", e, e) / e.size, dW, db


# dW of a layer, from its delta and the activations below
PRODUCTS = {
    "outer products, summed": lambda delta, a_prev: sum(map(np.outer, delta, a_prev)),
    "dW, broadcast": lambda delta, a_prev: (delta[:, :, None] * a_prev[:, None, :]).sum(axis=0),
    "dW by tensordot": lambda delta, a_prev: np.tensordot(delta, a_prev, axes=(0, 0)),
    "dW, transposed": lambda delta, a_prev: np.asfortranarray((a_prev.T @ delta).T),
    "dW, entry by entry": lambda delta, a_prev: [[np.dot(d, p) for p in a_prev.T] for d in delta.T],
    "dW in halves of the batch": lambda delta, a_prev: (
        delta[::2].T @ a_prev[::2] + delta[1::2].T @ a_prev[1::2]
    ),
    "dW by Strassen's seven products": lambda delta, a_prev: strassen(delta.T, a_prev),
    "dW by Kahan's sum": lambda delta, a_prev: kahan(delta[:, :, None] * a_prev[:, None, :]),
}


def strassen(A, B):
    """A B by seven products of blocks instead of eight, both filled up with zeros."""
    size = max(*A.shape, *B.shape)
    size += size % 2
    (a, b, c, d), (e, f, g, h) = (
        (block for half in np.vsplit(filled, 2) for block in np.hsplit(half, 2))
        for filled in (np.pad(M, [(0, size - n) for n in M.shape]) for M in (A, B))
    )
    p1, p2, p3, p4 = a @ (f - h), (a + b) @ h, (c + d) @ e, d @ (g - e)
    p5, p6, p7 = (a + d) @ (e + h), (b - d) @ (g + h), (a - c) @ (e + f)
    whole = np.block([[p5 + p4 - p2 + p6, p1 + p2], [p3 + p4, p1 + p5 - p3 - p7]])
    return whole[: A.shape[0], : B.shape[1]]


def kahan(terms):
    """The sum over the first axis, with what each addition has lost carried on."""
    total, lost = np.zeros_like(terms[0]), np.zeros_like(terms[0])
    for term in terms:
        wanted = term - lost
        new = total + wanted
        lost = (new - total) - wanted
        total = new
    return total


for form, product in PRODUCTS.items():
    SUMS.gradient(name=form)(with_dW(product))


# in other numbers


@SUMS.gradient()
def lists_of_floats(W, b, x, y):
    """Plain Python, each neuron's sum in a loop: there is no NumPy in it."""
    W, b, x, y = (
        [array.tolist() for array in W],
        [array.tolist() for array in b],
        *map(list, (x.tolist(), y.tolist())),
    )
    n, k = len(y), len(y[0])
    dW, db = [[[0.0] * len(row) for row in w] for w in W], [[0.0] * len(c) for c in b]
    loss = 0.0
    for sample, target in zip(x, y, strict=True):
        a = [sample]
        for w, c in zip(W, b, strict=True):
            z = [
                sum(u * v for u, v in zip(row, a[-1], strict=True)) + s
                for row, s in zip(w, c, strict=True)
            ]
            a.append([1.0 / (1.0 + math.exp(-number)) for number in z])
        loss += sum((o - t) ** 2 for o, t in zip(a[-1], target, strict=True))
        errors = [2.0 * (o - t) for o, t in zip(a[-1], target, strict=True)]
        for l in range(len(W) - 1, -1, -1):
            delta = [e * o * (1.0 - o) for e, o in zip(errors, a[l + 1], strict=True)]
            for j, d in enumerate(delta):
                db[l][j] += d / (n * k)
                for i, o in enumerate(a[l]):
                    dW[l][j][i] += d * o / (n * k)
            errors = [sum(W[l][j][i] * d for j, d in enumerate(delta)) for i in range(len(a[l]))]
    return loss / (n * k), dW, db


def converted(convert, exp, total=sum):
    """A gradient in other numbers: `convert` makes them, `exp` and `total` work on
    them.
    """

    def product(A, B):
        return [
            [
                total([u * v for u, v in zip(row, column, strict=True)])
                for column in zip(*B, strict=True)
            ]
            for row in A
        ]

    def gradient(W, b, x, y):
        W = [[[convert(v) for v in row] for row in w.tolist()] for w in W]
        a = [[[convert(v) for v in row] for row in x.tolist()]]
        for w, c in zip(W, b, strict=True):
            z = product(a[-1], [*zip(*w, strict=True)])
            a.append(
                [
                    [1 / (1 + exp(-(v + convert(s)))) for v, s in zip(row, c.tolist(), strict=True)]
                    for row in z
                ]
            )
        delta = [
            [2 * (o - convert(t)) / y.size * o * (1 - o) for o, t in zip(row, want, strict=True)]
            for row, want in zip(a[-1], y.tolist(), strict=True)
        ]
        dW, db = [], []
        for l in reversed(range(len(W))):
            columns = [*zip(*delta, strict=True)]
            dW.insert(0, [[float(v) for v in row] for row in product(columns, a[l])])
            db.insert(0, [float(total(column)) for column in columns])
            delta = [
                [e * o * (1 - o) for e, o in zip(row, below, strict=True)]
                for row, below in zip(product(delta, W[l]), a[l], strict=True)
            ]
        return dW, db

    return gradient


SUMS.gradient(name="exact sums by math.fsum")(converted(float, math.exp, math.fsum))


@SUMS.gradient()
def decimals(W, b, x, y):
    """Forty digits, of which float keeps sixteen."""
    with localcontext(prec=40):
        return converted(Decimal, Decimal.exp)(W, b, x, y)


@SUMS.gradient()
def long_doubles(W, b, x, y):
    """The widest floats of the machine inside, and given back as they are."""
    W, b = ([array.astype(np.longdouble) for array in arrays] for arrays in (W, b))
    return with_dW(lambda delta, a_prev: delta.T @ a_prev)(
        W, b, x.astype(np.longdouble), y.astype(np.longdouble)
    )


@SUMS.gradient(dtype="float32")
def single_precision(W, b, x, y):
    """float32 throughout."""
    loss, dW, db = with_dW(lambda delta, a_prev: delta.T @ a_prev)(W, b, x, y)
    return np.float32(loss), dW, db


@SUMS.gradient(dtype="float32")
def double_precision_inside(W, b, x, y):
    """float32 outside; every sum in float64, rounded once."""
    W, b = ([array.astype(float) for array in arrays] for arrays in (W, b))
    loss, *both = with_dW(lambda delta, a_prev: delta.T @ a_prev)(W, b, x.astype(float), y)
    return loss, *([array.astype(np.float32) for array in arrays] for arrays in both)


@SUMS.add(dtype="float32", besides=("note",))
def mixed_precision(case):
    """Activations in float32, weights and gradients in float64."""
    W, b = ([array.astype(float) for array in arrays] for arrays in (case.W, case.b))
    for x, y, lr in case.steps:
        a = forward([w.astype(np.float32) for w in W], [c.astype(np.float32) for c in b], x)
        delta = [d.astype(float) for d in deltas(W, a, y)]
        dW = [d.T @ a_prev for d, a_prev in zip(delta, a[:-1], strict=True)]
        db = [d.sum(axis=0) for d in delta]
        W = [w - lr * g for w, g in zip(W, dW, strict=True)]
        b = [c - lr * g for c, g in zip(b, db, strict=True)]
        yield {"a": a[1:], "dW": dW, "db": db, "W": W, "b": b}
