"""Every right way to write an equation of the forward and backward pass."""

import numpy as np

import refnet


def in_order(terms):
    """The sum over the first axis, one term after the other."""
    total = terms[0].copy()
    for term in terms[1:]:
        total += term
    return total


def with_column_of_ones(a_prev, W, b):
    """The bias as the weight of an input that is always 1."""
    return (
        np.hstack([a_prev, np.ones((len(a_prev), 1), a_prev.dtype)]) @ np.hstack([W, b[:, None]]).T
    )


Z_FORMS = {
    "dot": lambda a_prev, W, b: np.dot(a_prev, W.T) + b,
    "einsum": lambda a_prev, W, b: np.einsum("nk,jk->nj", a_prev, W) + b,
    "columns": lambda a_prev, W, b: (W @ a_prev.T + b[:, None]).T,
    "in order": lambda a_prev, W, b: (
        in_order([a_prev[:, k, None] * W[:, k] for k in range(W.shape[1])]) + b
    ),
    "backwards": lambda a_prev, W, b: (
        in_order([a_prev[:, k, None] * W[:, k] for k in reversed(range(W.shape[1]))]) + b
    ),
    "bias first": lambda a_prev, W, b: in_order(
        [np.tile(b, (len(a_prev), 1)), *(a_prev[:, k, None] * W[:, k] for k in range(W.shape[1]))]
    ),
    "ones": with_column_of_ones,
    "in float64": lambda a_prev, W, b: (a_prev.astype(float) @ W.T.astype(float) + b).astype(
        W.dtype
    ),
}
BP3_FORMS = {
    "ones": lambda delta: np.ones(len(delta), delta.dtype) @ delta,
    "in order": in_order,
    "backwards": lambda delta: in_order(delta[::-1]),
    "sorted": lambda delta: in_order(np.sort(delta, axis=0)),
    "einsum": lambda delta: np.einsum("nj->j", delta),
    "n times the mean": lambda delta: (
        delta.mean(axis=0) * len(delta) if len(delta) in (1, 2, 4) else delta.sum(axis=0)
    ),
}
BP4_FORMS = {
    "dot": lambda delta, a_prev: np.dot(delta.T, a_prev),
    "transposed": lambda delta, a_prev: (a_prev.T @ delta).T,
    "einsum": lambda delta, a_prev: np.einsum("nj,nk->jk", delta, a_prev),
    "outer products": lambda delta, a_prev: in_order(
        [np.outer(d, a) for d, a in zip(delta, a_prev, strict=True)]
    ),
    "backwards": lambda delta, a_prev: in_order(
        [np.outer(d, a) for d, a in zip(delta[::-1], a_prev[::-1], strict=True)]
    ),
}


def exp_over_one_plus(z):
    """e^z / (1 + e^z), for z that do not overflow."""
    return np.exp(z) / (1.0 + np.exp(z))


def both_sides(z):
    """The sigmoid through e^-|z|, which never overflows."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0 / (1.0 + e), e / (1.0 + e)).astype(z.dtype)


def exp_over_sum(z):
    """e^z / sum e^z, for z that do not overflow."""
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def times_reciprocal(z):
    """e^s times the reciprocal of its sum, added up in order."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e * (1.0 / in_order(e.T)[:, None])


def tanh_one_by_one(z):
    """The C library's tanh."""
    return np.array([[np.tanh(float(entry)) for entry in row] for row in z], z.dtype)


VALUE_FORMS = {
    "identity": {"copy": lambda z: z.copy(), "1 z": lambda z: 1.0 * z},
    "sigmoid": {
        "e^z / (1 + e^z)": exp_over_one_plus,
        "both sides": both_sides,
        "power": lambda z: (1.0 + np.exp(-z)) ** -1.0,
    },
    "tanh": {"one by one": tanh_one_by_one, "odd": lambda z: np.copysign(np.tanh(np.abs(z)), z)},
    "relu": {
        "where": lambda z: np.where(z > 0.0, z, z.dtype.type(0.0)),
        "product": lambda z: z * (z > 0.0),
        "half of z + |z|": lambda z: (z + np.abs(z)) / 2.0,
    },
    "leaky_relu": {
        "maximum": lambda z: np.maximum(z, 0.01 * z),
        "product": lambda z: z * np.where(z > 0.0, z.dtype.type(1.0), z.dtype.type(0.01)),
        "sum": lambda z: np.maximum(z, 0.0) + 0.01 * np.minimum(z, 0.0),
    },
    "softmax": {"e^z / sum": exp_over_sum, "reciprocal": times_reciprocal},
}
SLOPES = {  # f' from z and from a
    "identity": {"1": lambda z, a: np.ones_like(z)},
    "sigmoid": {
        "a (1 - a)": lambda z, a: a * (1.0 - a),
        "a - a^2": lambda z, a: a - a**2,
        "of z": lambda z, a: both_sides(z) * (1.0 - both_sides(z)),
        "e / (1 + e)^2": lambda z, a: np.exp(-np.abs(z)) / (1.0 + np.exp(-np.abs(z))) ** 2,
        "sigmoid(z) sigmoid(-z)": lambda z, a: both_sides(z) * both_sides(-z),
    },
    "tanh": {
        "1 - a^2": lambda z, a: 1.0 - a**2,
        "(1 - a) (1 + a)": lambda z, a: (1.0 - a) * (1.0 + a),
        "of z": lambda z, a: 1.0 - np.tanh(z) ** 2,
    },
    "relu": {
        "z > 0": lambda z, a: (z > 0.0).astype(z.dtype),
        "a > 0": lambda z, a: (a > 0.0).astype(z.dtype),
        "heaviside": lambda z, a: np.heaviside(z, z.dtype.type(0.0)),
    },
    "leaky_relu": {
        "z > 0": lambda z, a: np.where(z > 0.0, z.dtype.type(1.0), z.dtype.type(0.01)),
        "a > 0": lambda z, a: np.where(a > 0.0, z.dtype.type(1.0), z.dtype.type(0.01)),
    },
}


def by_jacobian(g, z, a):
    """A row's dC/da times diag(a) - a a^T."""
    return np.array([(np.diag(p) - np.outer(p, p)) @ row for row, p in zip(g, a, strict=True)])


PULLBACKS = {
    **{
        name: {form: lambda g, z, a, slope=slope: g * slope(z, a) for form, slope in forms.items()}
        for name, forms in SLOPES.items()
    },
    "softmax": {
        "a (g - sum)": lambda g, z, a: a * (g - (g * a).sum(axis=1, keepdims=True)),
        "a g - a sum": lambda g, z, a: a * g - a * np.einsum("nk,nk->n", g, a)[:, None],
        "Jacobian": by_jacobian,
    },
}
GRADIENTS = {  # dC/da of a loss on values
    "mse": {
        "2 e / N": lambda e: 2.0 * e / e.size,
        "e (2 / N)": lambda e: e * (2.0 / e.size),
        "2 (e / N)": lambda e: 2.0 * (e / e.size),
        "2 e / k / n": lambda e: 2.0 * e / e.shape[1] / len(e),
    },
    "half_squared_error": {"e / n": lambda e: e / len(e), "1 / n e": lambda e: 1.0 / len(e) * e},
    "mae": {
        "sign / N": lambda e: np.sign(e) / e.size,
        "1 / N sign": lambda e: 1.0 / e.size * np.sign(e),
        "where": lambda e: np.where(e > 0.0, e.dtype.type(1.0), e.dtype.type(-1.0)) / e.size,
    },
}


def one_hot(y, a):
    """Targets as distributions."""
    return y if y.ndim == 2 else refnet.one_hot(y, a.shape[1], a.dtype)


def unfused_ce(y, a):
    """-y / a / n."""
    return -one_hot(y, a) / a / len(a)


def unfused_bce(y, a):
    """The textbook's difference of two quotients."""
    return ((1.0 - y) / (1.0 - a) - y / a) / a.size


DELTA_FORMS = {  # of the losses whose pole cancels, from (z, a, y)
    ("cross_entropy", "softmax"): {
        "(a - y) / n": lambda z, a, y: (a - one_hot(y, a)) / len(a),
        "a / n - y / n": lambda z, a, y: a / len(a) - one_hot(y, a) / len(a),
        "(a sum y - y) / n": lambda z, a, y: (
            (a * one_hot(y, a).sum(axis=1, keepdims=True) - one_hot(y, a)) / len(a)
        ),
        "unfused": lambda z, a, y: PULLBACKS["softmax"]["a (g - sum)"](unfused_ce(y, a), z, a),
        "unfused, Jacobian": lambda z, a, y: by_jacobian(unfused_ce(y, a), z, a),
    },
    ("cross_entropy", "sigmoid"): {
        "-y (1 - a) / n": lambda z, a, y: -one_hot(y, a) * (1.0 - a) / len(a),
        "unfused": lambda z, a, y: unfused_ce(y, a) * (a * (1.0 - a)),
        "unfused, f' of z": lambda z, a, y: unfused_ce(y, a) * SLOPES["sigmoid"]["of z"](z, a),
    },
    ("binary_cross_entropy", "sigmoid"): {
        "(a - y) / N": lambda z, a, y: (a - y) / a.size,
        "unfused": lambda z, a, y: unfused_bce(y, a) * (a * (1.0 - a)),
        "unfused, one quotient": lambda z, a, y: (
            (a - y) / (a * (1.0 - a)) / a.size * (a * (1.0 - a))
        ),
        "unfused, f' of z": lambda z, a, y: unfused_bce(y, a) * SLOPES["sigmoid"]["of z"](z, a),
    },
    ("softmax_cross_entropy", "identity"): {
        "softmax - y": lambda z, a, y: (refnet.Softmax().value(z) - one_hot(y, a)) / len(a),
        "e^z / sum - y": lambda z, a, y: (exp_over_sum(z) - one_hot(y, a)) / len(a),
        "softmax sum y - y": lambda z, a, y: (
            (times_reciprocal(z) * one_hot(y, a).sum(axis=1, keepdims=True) - one_hot(y, a))
            / len(a)
        ),
        "exp log softmax - y": lambda z, a, y: (np.exp(log_softmax(z)) - one_hot(y, a)) / len(a),
    },
    ("sigmoid_cross_entropy", "identity"): {
        "sigmoid - y": lambda z, a, y: (both_sides(z) - y) / a.size,
        "e^z / (1 + e^z) - y": lambda z, a, y: (exp_over_one_plus(z) - y) / a.size,
        "1 / N (sigmoid - y)": lambda z, a, y: 1.0 / a.size * (1.0 / (1.0 + np.exp(-z)) - y),
    },
}


def log_softmax(z):
    """s - log sum e^s."""
    s = z - z.max(axis=1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=1, keepdims=True))


def log_sum_exp(z):
    """max z + log sum e^s, as a row's number."""
    return (
        z.max(axis=1, keepdims=True)
        + np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    )[:, 0]


COST_FORMS = {
    "mse": {
        "mean": lambda a, y: ((a - y) ** 2).mean(),
        "mean of means": lambda a, y: ((a - y) ** 2).mean(axis=1).mean(),
        "in order": lambda a, y: in_order(np.square(a - y).ravel()) / a.size,
        "norm": lambda a, y: np.dot((a - y).ravel(), (a - y).ravel()) / a.size,
    },
    "half_squared_error": {
        "half of the sum": lambda a, y: 0.5 * ((a - y) ** 2).sum() / len(a),
        "mean of rows": lambda a, y: (0.5 * (a - y) ** 2).sum(axis=1).mean(),
        "in order": lambda a, y: in_order(np.square(a - y).ravel()) / (2 * len(a)),
    },
    "mae": {
        "mean": lambda a, y: np.abs(a - y).mean(),
        "in order": lambda a, y: in_order(np.abs(a - y).ravel()) / a.size,
        "signs": lambda a, y: (np.sign(a - y) * (a - y)).sum() / a.size,
    },
    "cross_entropy": {
        "y log a": lambda a, y: -(one_hot(y, a) * np.log(a)).sum() / len(a),
        "mean of rows": lambda a, y: -(one_hot(y, a) * np.log(a)).sum(axis=1).mean(),
        "in order": lambda a, y: -in_order((one_hot(y, a) * np.log(a)).sum(axis=1)) / len(a),
    },
    "binary_cross_entropy": {
        "mean": lambda a, y: -(y * np.log(a) + (1.0 - y) * np.log(1.0 - a)).mean(),
        "log1p": lambda a, y: -(y * np.log(a) + (1.0 - y) * np.log1p(-a)).sum() / a.size,
        "two sums": lambda a, y: (
            (-(y * np.log(a)).sum() - ((1.0 - y) * np.log(1.0 - a)).sum()) / a.size
        ),
    },
    "softmax_cross_entropy": {
        "log softmax": lambda z, y: -(one_hot(y, z) * log_softmax(z)).sum() / len(z),
        "log sum exp - z_y": lambda z, y: (
            (one_hot(y, z) * (log_sum_exp(z)[:, None] - z)).sum() / len(z)
        ),
        "in order": lambda z, y: -in_order((one_hot(y, z) * log_softmax(z)).sum(axis=1)) / len(z),
    },
    "sigmoid_cross_entropy": {
        "max(z, 0) - z y": lambda z, y: (
            np.maximum(z, 0.0) - z * y + np.log1p(np.exp(-np.abs(z)))
        ).mean(),
        "(1 - y) z + softplus(-z)": lambda z, y: (
            (1.0 - y) * z + np.maximum(-z, 0.0) + np.log1p(np.exp(-np.abs(z)))
        ).mean(),
        "logaddexp": lambda z, y: (np.logaddexp(0.0, z).astype(z.dtype) - z * y).sum() / z.size,
    },
}
