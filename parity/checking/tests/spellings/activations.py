"""The same activations and derivatives by other formulas."""

import numpy as np

from parity.checking.tests.spellings.spelling import Spellings

ACTIVATIONS = Spellings()


def network(value, pull, delta):
    """run(case) with value(z, slope) in every layer; pull(g, z, a, slope) leads
    dC/da = g back through it, and delta(e) is dC/da of the output from its error.
    """

    def run(case):
        W, b = case.W, case.b
        for x, y, lr in case.steps:
            a, z = [x], []
            for w, c, slope in zip(W, b, case.slopes, strict=True):
                z.append(a[-1] @ w.T + c)
                a.append(value(z[-1], slope))
            error, back = delta(a[-1] - y), []
            for l in reversed(range(len(W))):
                back.insert(0, pull(error, z[l], a[l + 1], case.slopes[l]))
                error = back[0] @ W[l]
            dW = [d.T @ below for d, below in zip(back, a[:-1], strict=True)]
            db = [d.sum(axis=0) for d in back]
            W = [w - lr * g for w, g in zip(W, dW, strict=True)]
            b = [c - lr * g for c, g in zip(b, db, strict=True)]
            yield {"a": a[1:], "dW": dW, "db": db, "W": W, "b": b}

    return run


def of_a_sigmoid(z):
    """e^z / (1 + e^z) for z < 0 and 1 / (1 + e^-z) for the others, by masks."""
    a, negative = np.empty_like(z), z < 0
    a[~negative] = 1 / (1 + np.exp(-z[~negative]))
    a[negative] = np.exp(z[negative]) / (1 + np.exp(z[negative]))
    return a


def masked(g, z):
    """g, and 0 where a rectifier is off."""
    delta = np.array(g, copy=True)
    delta[z <= 0] = 0
    return delta


def by_jacobian(g, z, a, slope):
    """Softmax, one sample after the other: (diag(a) - a a^T) g."""
    return np.stack([(np.diag(p) - np.outer(p, p)) @ row for row, p in zip(g, a, strict=True)])


def softmax(z, slope):
    """A row's maximum is subtracted first."""
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


SIGMOIDS = {
    "sigmoid as half of 1 + tanh": (
        lambda z, _: 0.5 * (1 + np.tanh(z / 2)),
        lambda g, z, a, _: g * (1 - np.tanh(z / 2) ** 2) / 4,
    ),
    "sigmoid by the sign of z": (
        lambda z, _: of_a_sigmoid(z),
        lambda g, z, a, _: g * of_a_sigmoid(z) * of_a_sigmoid(-z),
    ),
    "sigmoid by logaddexp": (
        lambda z, _: np.exp(-np.logaddexp(0, -z)),
        lambda g, z, a, _: g * (a - np.square(a)),
    ),
    "sigmoid, one number at a time": (
        np.vectorize(lambda z, _: 1 / (1 + np.e ** (-z))),
        np.vectorize(lambda g, z, a, _: g * np.e ** (-z) / (1 + np.e ** (-z)) ** 2),
    ),
    "sigmoid' as 1 / (2 + 2 cosh z)": (
        lambda z, _: np.reciprocal(1 + np.exp(-z)),
        lambda g, z, a, _: g / (2 + 2 * np.cosh(z)),
    ),
}
TANHS = {
    "tanh by e^z and e^-z": (
        lambda z, _: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
        lambda g, z, a, _: g * (1 + a) * (1 - a),
    ),
    "tanh by e^2z": (
        lambda z, _: 1 - 2 / (np.exp(2 * z) + 1),
        lambda g, z, a, _: 4 * g / (np.exp(z) + np.exp(-z)) ** 2,
    ),
    "tanh by expm1": (
        lambda z, _: np.expm1(2 * z) / (np.expm1(2 * z) + 2),
        lambda g, z, a, _: g - g * a * a,
    ),
    "tanh as a sigmoid, tanh' as 1 / cosh^2": (
        lambda z, _: 2 / (1 + np.exp(-2 * z)) - 1,
        lambda g, z, a, _: g * np.cosh(z) ** -2.0,
    ),
}
RELUS = {
    "relu by where": (
        lambda z, _: np.where(z > 0, z, 0),
        lambda g, z, a, _: np.where(z > 0, g, 0),
    ),
    "relu by a product": (lambda z, _: z * (z > 0), lambda g, z, a, _: g * (z > 0)),
    "relu by clip, masked": (
        lambda z, _: np.clip(z, 0, None),
        lambda g, z, a, _: masked(g, z),
    ),
    "relu by |z|, its derivative by the sign of a": (
        lambda z, _: (np.abs(z) + z) / 2,
        lambda g, z, a, _: g * np.sign(a),
    ),
    "relu by fmax, heaviside": (
        lambda z, _: np.fmax(0.0, z),
        lambda g, z, a, _: np.heaviside(a, 0) * g,
    ),
}
LEAKY = {
    "leaky relu by maximum": (
        lambda z, slope: np.maximum(z, slope * z),
        lambda g, z, a, slope: g * np.where(a > 0, 1, slope),
    ),
    "leaky relu by two rectifiers": (
        lambda z, slope: np.maximum(z, 0) - slope * np.maximum(-z, 0),
        lambda g, z, a, slope: g * ((1 - slope) * (z > 0) + slope),
    ),
}
SOFTMAXES = {
    "softmax, its Jacobian for each sample": (softmax, by_jacobian),
    "softmax, one sum for its Jacobian": (
        lambda z, _: np.exp(z) / np.exp(z).sum(axis=1)[:, None],
        lambda g, z, a, _: a * (g - np.einsum("ni,ni->n", g, a)[:, None]),
    ),
    "softmax with the maximum of all": (
        lambda z, _: softmax(z - z.max(), None),
        lambda g, z, a, _: g * a - (g * a).sum(axis=1, keepdims=True) * a,
    ),
}
ERRORS = {  # dC/da of the output, for the next program in turn
    "mse": lambda e: e * (2 / e.size),
    "half_squared_error": lambda e: e / len(e),
    "mae": lambda e: np.where(e > 0, 1, -1) / e.size,
}

FORMS = {
    "sigmoid": SIGMOIDS,
    "tanh": TANHS,
    "relu": RELUS,
    "leaky_relu": LEAKY,
    "softmax": SOFTMAXES,
}


def enter(kind, place, form, value, pull):
    """A program with this form, and with one of the errors in turn."""
    cost = [*ERRORS][place % len(ERRORS)]
    entered = ACTIVATIONS.add(name=form, activations=kind, losses=cost)
    entered(network(value, pull, ERRORS[cost]))


for kind, forms in FORMS.items():
    for place, (form, functions) in enumerate(forms.items()):
        enter(kind, place, form, *functions)
