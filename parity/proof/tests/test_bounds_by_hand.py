"""On numbers that one can follow by hand, every bound is the expression that its
theorem gives.
"""

from functools import cache

import mpmath
import numpy as np
import pytest

from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.equations.sums import (
    bias_gradient,
    hidden_delta,
    masked_input,
    weight_gradient,
    weighted_input,
)
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.tests.known import Known, column, entry_of, in_every_arithmetic
from parity.rounding.formats import FORMATS
from parity.steps.cases import DTYPES
from parity.steps.tests.newcomers import lacking
from refnet.losses import LOSSES

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


OPERATIONS = 60  # more than any bound takes in float64, each within 2^-53


def sums(known):
    """z, BP3 and BP4: sums of products; and the products of dropout."""
    fmt, dtype, of, u, lam = known.fmt, known.dtype, known.of, known.u, known.lam
    yield "dropout", masked_input(fmt, of([3]), of([2])), 3 * u * 6 + lam
    yield "dropout of zero", masked_input(fmt, of([0]), of([2])), lam
    yield "z", weighted_input(fmt, of([3, -5]), of([2, 7]), of(11)), 3 * (u * 52 + lam)
    yield "z of zeros", weighted_input(fmt, of([0, 0]), of([0, 0]), of(0)), 3 * lam
    yield "z without biases", weighted_input(fmt, of([3, -5]), of([2, 7]), None), 2 * (u * 41 + lam)
    yield "BP3", bias_gradient(fmt, column(3, -5, 2, dtype=dtype)), 2 * u * 10
    yield (
        "BP4",
        weight_gradient(fmt, column(3, -5, dtype=dtype), column(2, 7, dtype=dtype)),
        2 * (u * 41 + lam),
    )
    yield (
        "BP4 of zeros",
        weight_gradient(fmt, column(0, 0, dtype=dtype), column(0, 0, dtype=dtype)),
        2 * lam,
    )


def activation_values(known):
    """a of one number, or of a row."""
    fmt, of, function, u, lam, r, E = (
        known.fmt,
        known.of,
        known.function,
        known.u,
        known.lam,
        known.r,
        known.E,
    )
    exp = mpmath.exp
    yield "sigmoid", function["sigmoid"].value(fmt, of([0])), (E + 2) * u / 2 + lam
    yield "sigmoid of nothing", function["sigmoid"].value(fmt, of([-1000])), lam
    yield "tanh", function["tanh"].value(fmt, of([0.5])), 8 * u * mpmath.tanh(0.5) + lam
    yield "tanh of zero", function["tanh"].value(fmt, of([0])), lam
    yield "leaky below", function["leaky_relu"].value(fmt, of([-8])), (1 + r) * u * 2 + lam
    yield "leaky above", function["leaky_relu"].value(fmt, of([8])), 0
    p = exp(-1) / (1 + exp(-1))
    yield "softmax", function["softmax"].value(fmt, of([-1, 0])), u * p * (1 + p + 2 * E + 4) + lam


def costs(known):
    """C of one or two rows."""
    fmt, of, loss, u, lam, E, Elog = (
        known.fmt,
        known.of,
        known.loss,
        known.u,
        known.lam,
        known.E,
        known.Elog,
    )
    exp, log = mpmath.exp, mpmath.log
    yield "mse", loss["mse"].value(fmt, of([3, 5]), of([1, 1])), 6 * u * 10 + 2 * lam
    yield (
        "half",
        loss["half_squared_error"].value(fmt, of([3], [5]), of([1], [1])),
        6 * u * 5 + 2 * lam,
    )
    yield "mae", loss["mae"].value(fmt, of([3, 5]), of([1, 1])), 4 * u * 3 + 2 * lam
    yield "mse of zero", loss["mse"].value(fmt, of([3]), of([3])), 2 * lam
    quarters = of([0.5, 0.5], [0.25, 0.75])
    yield (
        "ce, labels",
        loss["cross_entropy"].value(fmt, quarters, np.array([0, 0])),
        (5 + Elog) * u * 1.5 * log(2) + lam,
    )
    yield (
        "ce, rows",
        loss["cross_entropy"].value(fmt, quarters, of([1, 0], [1, 0])),
        (7 + Elog) * u * 1.5 * log(2) + lam,
    )
    yield (
        "bce",
        loss["binary_cross_entropy"].value(fmt, of([0.5, 0.5]), of([1, 0])),
        u * ((7 + Elog) * 2 * log(2) + 1) / 2 + lam,
    )
    p, L = exp(-1) / (1 + exp(-1)), log(1 + exp(-1))
    s_ce = loss["softmax_cross_entropy"]
    off = p + E + 2 + Elog * L + 1 + (L + 1) + 2 * L + 1
    yield "softmax ce", s_ce.value(fmt, of([-1, 0]), np.array([0])), u * (off + 5 * (L + 1)) + lam
    first, off = off, p + E + 2 + Elog * L + 1 + (L + 1) + 2 * (3 + L) + 2
    yield (
        "softmax ce, two",
        s_ce.value(fmt, of([-1, 0], [2, 3]), np.array([0, 0])),
        u * ((first + off) / 2 + 6 * (L + 1)) + lam,
    )
    yield "softmax ce, rows", s_ce.value(fmt, of([2, 3]), of([1, 0])), u * (off + 6 * (L + 1)) + lam
    soft = log(1 + exp(-2))
    sigmoid_ce = u * ((3 * 0.75 + 2) * 2 + (E + Elog + 2) * soft + 5 * (2 * 0.75 + soft)) + lam
    yield "sigmoid ce", loss["sigmoid_cross_entropy"].value(fmt, of([2]), of([0.25])), sigmoid_ce
    sigmoid_ce += u * (2 * 0.75 + soft)  # of two: C is the same, and an addition more
    two = loss["sigmoid_cross_entropy"].value(fmt, of([2, 2]), of([0.25, 0.25]))
    yield "sigmoid ce, two", two, sigmoid_ce


def output_deltas(known):
    """BP1 of one or two rows."""
    fmt, of, function, loss, u, lam, E, Elog = (
        known.fmt,
        known.of,
        known.function,
        known.loss,
        known.u,
        known.lam,
        known.E,
        known.Elog,
    )
    log = mpmath.log
    for name, g, roundings in (("mse", 4, 5), ("half_squared_error", 2, 4), ("mae", 1, 3)):
        delta = loss[name].output_delta(fmt, function["identity"], of([3]), of([3]), of([1]))
        yield f"BP1 {name}", delta, (roundings * u * g + lam) * (1 + 20 * u)
    a, y = mpmath.mpf("0.25"), mpmath.mpf("0.75")
    error, magnitude = 5 * u + lam, 1 + 5 * u + lam
    e = 4 * a * (1 - a) + 2 * (E + 2) * a * (1 - 2 * a) + (2 * (E + 2)) ** 2 * u * a**2
    want = (error * a * (1 - a) + magnitude * u * (a * (1 - a) + e)) * (1 + 20 * u) + lam * (
        2 * magnitude + 1
    )
    yield (
        "BP1 mse + sigmoid",
        loss["mse"].output_delta(fmt, function["sigmoid"], of([-1]), of([a]), of([y])),
        want,
    )
    delta = loss["binary_cross_entropy"].output_delta(
        fmt, function["sigmoid"], of([-1]), of([a]), of([y])
    )
    yield "BP1 bce", delta, u * (10 * (y * (1 - a) + (1 - y) * a) + 2 * (E + 2) * a) + 2 * lam
    delta = loss["cross_entropy"].output_delta(fmt, function["sigmoid"], of([-1]), of([a]), of([1]))
    yield "BP1 ce + sigmoid", delta, u * (8 * (1 - a) + 2 * (E + 2) * a) + 2 * lam
    s_ce, p = loss["softmax_cross_entropy"], mpmath.exp(-1) / (1 + mpmath.exp(-1))
    L = log(1 + mpmath.exp(-1))
    halves, zeros = of([0.5, 0.5], [0.5, 0.5]), of([0, 0], [0, 0])
    for rows, Y, y0 in (
        (np.array([0, 0]), 1, 1),
        (of([0.5, 0.25], [0, 1]), mpmath.mpf("0.75"), mpmath.mpf("0.5")),
    ):
        delta = loss["cross_entropy"].output_delta(fmt, function["softmax"], zeros, halves, rows)
        yield (
            f"BP1 ce + softmax, sum {Y}",
            delta,
            (u * (10 * (y0 + Y / 2) + 2 * (2 * E + 4) * Y / 2) + abs(Y - 1) / 2) / 2 + 2 * lam,
        )
        delta, two = s_ce.output_delta(fmt, function["identity"], zeros, zeros, rows), log(2)
        want = (
            u * (7 * (y0 + Y / 2) + (2 * E + 6 + (2 + Elog) * two) * Y / 2) + abs(Y - 1) / 2
        ) / 2 + lam
        yield f"BP1 softmax ce, sum {Y}", delta, want
    tall = s_ce.output_delta(fmt, function["identity"], of([-1, 0]), of([-1, 0]), np.array([1]))
    yield "BP1 softmax ce, s", tall, u * (7 * p + (2 + p + 2 * E + 6 + (2 + Elog) * L) * p) + lam
    delta = loss["sigmoid_cross_entropy"].output_delta(
        fmt, function["identity"], of([0, 0]), of([0, 0]), of([0.25, 1])
    )
    yield "BP1 sigmoid ce", delta, u * ((E + 2) / 2 + 4 * 0.5) / 2 + lam


def hidden_deltas(known):
    """BP2 from g = 3 * 2 - 5 * 7 = -29, whose terms have the sizes 41."""
    fmt, dtype, of, function, u, lam, r, E = (
        known.fmt,
        known.dtype,
        known.of,
        known.function,
        known.u,
        known.lam,
        known.r,
        known.E,
    )
    above, W = of([3, -5]), column(2, 7, dtype=dtype)
    error = 2 * u * 41 + 2 * lam
    magnitude = 29 + error
    a = mpmath.mpf("0.25")
    for name, slope, e, rounds in (
        ("identity", 1, 0, 0),
        (
            "sigmoid",
            a * (1 - a),
            4 * a * (1 - a) + 2 * (E + 2) * a * (1 - 2 * a) + (2 * (E + 2)) ** 2 * u * a**2,
            1,
        ),
        ("tanh", 1 - a**2, 3 * (1 - a**2) + a**2 * (1 + 4 * 8), 1),
        ("relu", 1, 0, 0),
    ):
        want = (error * slope + magnitude * u * (rounds * slope + e)) * (
            1 + 20 * u
        ) + rounds * lam * (2 * magnitude + 1)
        yield f"BP2 {name}", hidden_delta(fmt, function[name], above, W, of([1]), of([a])), want
    leaky = (error / 4 + magnitude * u * (1 + r) / 4) * (1 + 20 * u) + lam * (2 * magnitude + 1)
    yield (
        "BP2 leaky",
        hidden_delta(fmt, function["leaky_relu"], above, W, of([-1]), of([-0.25])),
        leaky,
    )
    falling = ACTIVATION_ENTRIES["leaky_relu"](slope=-0.25)  # as wide as the rising one
    yield "BP2 leaky, falling", hidden_delta(fmt, falling, above, W, of([-1]), of([0.25])), leaky
    yield (
        "BP2 identity, dropout",
        hidden_delta(fmt, function["identity"], above, W, of([1]), of([a]), of([2])),
        (2 * ((2 + 3) * u * 41 + 2 * lam) + lam) * (1 + 20 * u),
    )
    W = column(2, 7, dtype=dtype)
    zeros, saturated = column(0, 0, dtype=dtype), 41 * 2 * u + 2 * lam + 29
    yield (
        "BP2 identity of zeros",
        hidden_delta(fmt, function["identity"], above, zeros, of([0]), of([0])),
        2 * lam * (1 + 20 * u),
    )
    yield (
        "BP2 sigmoid, f' = 0",
        hidden_delta(fmt, function["sigmoid"], above, W, of([-800]), of([0])),
        lam * (2 * saturated + 1),
    )
    W = of([2, 1], [7, 1])
    yield (
        "BP2 softmax, a = 0",
        hidden_delta(fmt, function["softmax"], above, W, of([-800, 0]), of([0, 1])),
        lam * (4 + 2 + 2 * 41 + 2 * 49),
    )
    want = (2 + 2 + 6) * u * a * (41 + 41 * a + 8 * 3 * a) + lam * (4 + 2 + 2 * 41 + 2 * 49)
    yield (
        "BP2 softmax",
        hidden_delta(fmt, function["softmax"], above, W, of([0, 0]), of([0.25, 0.75])),
        want,
    )


def updates(known):
    """The state and theta after a step: theta 3, g 1/2, lr 1/2, eps 1/8, t 2."""
    fmt, dtype, r, v53, sqrt = known.fmt, known.dtype, known.r, known.v53, mpmath.sqrt
    u, lam = known.u, known.lam
    late = 1 + 30 * u
    Ed = u * (2 + (1 + r) * mpmath.mpf("1.5")) + lam  # of d = 1/2 + 3/2
    decay = {"weight_decay": 0.5}
    yield "sgd", entry_of("sgd", {}, "theta", fmt), late * (u * 2.75 + (1 + r) * u / 4 + 2 * lam)
    yield (
        "sgd, decay",
        entry_of("sgd", decay, "theta", fmt),
        late * (u * 2 + (1 + r) * u + Ed / 2 + 2 * lam),
    )
    kept, moved = {"momentum_buffer": 4.0}, {"momentum_buffer": 2.0}
    yield (
        "sgd first buf",
        entry_of("sgd", {"momentum": 0.5, **decay}, "momentum_buffer", fmt),
        late * Ed,
    )
    want = late * (4 * u + (1 + r) * u * 2 + Ed + 2 * lam)
    yield (
        "sgd buf",
        entry_of("sgd", {"momentum": 0.5, **decay}, "momentum_buffer", fmt, old=kept),
        want,
    )
    dampened = late * (u * 2.5 + (1 + r) * u * 2 + Ed / 4 + (2 + r) * u / 4 * 2 + 2 * lam)
    yield (
        "sgd buf, dampened",
        entry_of(
            "sgd", {"momentum": 0.5, "dampening": 0.75, **decay}, "momentum_buffer", fmt, old=kept
        ),
        dampened,
    )
    yield (
        "sgd, momentum",
        entry_of("sgd", {"momentum": 0.5}, "theta", fmt, new=moved),
        late * (2 * u + (1 + r) * u + 2 * lam),
    )
    ahead = late * (u * 1.5 + (1 + r) * u * 1.5 + (u * 3 + Ed + (1 + r) * u) / 2 + 2 * lam)
    yield (
        "sgd, nesterov",
        entry_of("sgd", {"momentum": 0.5, "nesterov": True, **decay}, "theta", fmt, new=moved),
        ahead,
    )
    yield (
        "adagrad sum",
        entry_of("adagrad", {}, "sum", fmt, old={"sum": 1.0}),
        late * (u * 1.25 + u * 0.25 + 2 * lam),
    )
    yield (
        "adagrad sum, decay",
        entry_of("adagrad", decay, "sum", fmt, old={"sum": 1.0}),
        late * (u * 5 + u * 4 + 4 * Ed + Ed**2 + 2 * lam),
    )
    D = mpmath.mpf("0.625")  # of v = 1/4
    q, lr = D**-1 / 4, mpmath.mpf("0.5")
    underflow = lam * (2 + lr + (1 + q) / D)
    per_q = u * (2 + 3 + r + r * mpmath.mpf("0.125") / D)
    yield (
        "adagrad",
        entry_of("adagrad", {}, "theta", fmt, new={"sum": 0.25}),
        late * (u * (3 - q) + per_q * q + underflow),
    )
    lr, q = lr / 2, q / 2
    reached = 4 * q + lr * Ed / D
    want = late * (
        u * (3 - 4 * q)
        + (per_q + 3 * v53) * reached
        + lr * Ed / D
        + lam * (2 + lr + (1 + reached) / D)
    )
    yield (
        "adagrad, lr_decay",
        entry_of("adagrad", {"lr_decay": 1.0, **decay}, "theta", fmt, new={"sum": 0.25}),
        want,
    )
    q = mpmath.mpf("0.5") / D
    Eq = u * (2 + 2 + r * mpmath.mpf("0.125") / D) * q + lam * (1 + (2 + q) / D)
    want = late * (u * (3 - q / 2) + (1 + r) * u * q / 2 + Eq / 2 + 2 * lam)
    yield "rmsprop", entry_of("rmsprop", {}, "theta", fmt, new={"square_avg": 0.25}), want
    buffer = entry_of(
        "rmsprop",
        {"momentum": 0.5},
        "momentum_buffer",
        fmt,
        old={"momentum_buffer": 4.0},
        new={"square_avg": 0.25},
    )
    yield "rmsprop buf", buffer, late * (u * (2 + q) + (1 + r) * u * 2 + Eq + 2 * lam)
    yield (
        "rmsprop, momentum",
        entry_of("rmsprop", {"momentum": 0.5}, "theta", fmt, new=moved),
        late * (2 * u + (1 + r) * u + 2 * lam),
    )
    # of v - mean^2 = 5/4 - 1
    blur = u * (mpmath.mpf("0.25") + 1 + u) * (1 + fmt.slack) + lam
    least = sqrt(0.25 - blur) + 0.125
    width = 0.5 / least - q
    Eq = (
        u * (4 + r * mpmath.mpf("0.125") / least) * (q + width)
        + width
        + lam * (1 + (2 + q + width) / least)
    )
    want = late * (u * (3 - q / 2) + (1 + r) * u * q / 2 + Eq / 2 + 2 * lam)

    def centered(v, mean, theta=3.0, g=0.5, **h):
        new = {"square_avg": v, "grad_avg": mean}
        return entry_of("rmsprop", {"centered": True, **h}, "theta", fmt, theta, g, new=new)

    yield "rmsprop, centered", centered(1.25, 1.0), want
    # d = 2 and v - mean^2 = 1 - 1, found anywhere from 0 up to what is rounded:
    # D is 1/8, or more, so q = 16 may be anything down to that by the largest D
    farthest = sqrt(u * (1 + u) * (1 + fmt.slack) + lam) + 0.125
    width = max(Ed * 8, 16 - (2 - Ed) / farthest)
    Eq = u * (4 + r) * (16 + width) + width + lam * (1 + (18 + width) * 8)
    want = late * (u * 5 + (1 + r) * u * 8 + Eq / 2 + lam * 10)
    yield "rmsprop, centered, cancelled", centered(1.0, 1.0, **decay), want
    # 3 lam - 0, so near nothing that what underflows is divided by the least D
    least = sqrt(3 * lam - u * 3 * lam * (1 + fmt.slack) - lam)
    want = late * (lam * (1 + 2 / least) / 2 + lam / least + 2 * lam)
    yield "rmsprop, centered, of nothing", centered(3.0 * fmt.tiny, 0.0, 0.0, 0.0, eps=0.0), want
    betas = {"betas": (0.75, 0.75)}
    for rule in ("adam", "adamw"):
        # plain: (1 + r) 3 + (2 + r) / 8; lerp: (3 + r) 3.5 / 4
        mean = entry_of(rule, betas, "exp_avg", fmt, old={"exp_avg": 4.0})
        plain, nearer = (
            (1 + r) * mpmath.mpf(3) + (2 + r) * mpmath.mpf("0.125"),
            (3 + r) * mpmath.mpf("0.875"),
        )
        yield f"{rule} m", mean, late * (u * (3.125 + max(plain, nearer)) + 3 * lam)
        square = entry_of(rule, betas, "exp_avg_sq", fmt, old={"exp_avg_sq": 4.0})
        yield (
            f"{rule} v",
            square,
            late * (u * (3.0625 + (1 + r) * 3 + (3 + r) / mpmath.mpf(16)) + 3 * lam),
        )
        yield (
            f"{rule} v of zeros",
            entry_of(rule, betas, "exp_avg_sq", fmt, g=0.0, old={"exp_avg_sq": 0.0}),
            late * 3 * lam,
        )
    low = entry_of("adam", {"betas": (0.25, 0.75)}, "exp_avg", fmt, g=-8.0, old={"exp_avg": 4.0})
    plain, further = (1 + r) + (2 + r) * 6, (3 + r) * 3 + (1 + r) * 9
    yield "adam m, beta below 1/2", low, late * (u * (5 + max(plain, further)) + 3 * lam)
    d2 = entry_of("adam", {**betas, **decay}, "exp_avg_sq", fmt, old={"exp_avg_sq": 4.0})
    yield (
        "adam v, decay",
        d2,
        late * (u * (4 + (1 + r) * 3 + (3 + r)) + (4 * Ed + Ed**2) / 4 + 3 * lam),
    )
    d1 = entry_of("adam", {**betas, **decay}, "exp_avg", fmt, old={"exp_avg": 4.0})
    yield (
        "adam m, decay",
        d1,
        late
        * (
            u * (3.5 + max((1 + r) * 3 + (2 + r) / mpmath.mpf(2), (3 + r) / mpmath.mpf(2)))
            + Ed / 4
            + 3 * lam
        ),
    )
    for rule, t in (("adam", 1), ("adam", 2), ("adamw", 2)):
        b1, b2 = mpmath.mpf("0.5") ** t, mpmath.mpf("0.75") ** t
        s = sqrt(0.25 / (1 - b2))
        D, rate = s + 0.125, mpmath.mpf("0.5") / (1 - b1)
        q = rate / 2 / D
        e1, e2 = (v53 * (2 * b / (1 - b) * (t > 1) + 1) for b in (b1, b2))
        theta = mpmath.mpf(3) * (mpmath.mpf("0.75") if rule == "adamw" else 1)
        shrunk = u * ((2 + r) * theta + 0.75) if rule == "adamw" else 0
        nearest, farthest = s / sqrt(1 + e2), s / sqrt(1 - e2)
        share = farthest / (farthest + 0.125)
        per_q = u * (3 * share + 4 + 2 * r) + v53 * (share + 1) + e1 / (1 - e1)
        least = nearest + 0.125
        width = max(q * D / least - q, q - q * D / (farthest + 0.125))
        want = late * (
            u * abs(theta - q)
            + per_q * (q + width)
            + width
            + shrunk
            + lam * (3 + rate * (1 + 1 / least) + (1 + q + width) / least)
        )
        settings = {"betas": (0.5, 0.75), **(decay if rule == "adamw" else {})}
        moved = entry_of(
            rule, settings, "theta", fmt, new={"exp_avg": 0.5, "exp_avg_sq": 0.25}, t=t
        )
        yield f"{rule}, t {t}", moved, want

    v = fmt.tiny / 8.0  # v' / bc2 in the subnormal range: q over it, give or take lam
    s, rate = sqrt(v / mpmath.mpf("0.4375")), mpmath.mpf("0.5") / mpmath.mpf("0.75")
    e1, e2 = (v53 * (2 * b / (1 - b) + 1) for b in (mpmath.mpf("0.25"), mpmath.mpf("0.5625")))
    eps = 2.0 ** (-520 if dtype == "float64" else -70)
    faded = entry_of(
        "adam",
        {"betas": (0.5, 0.75), "eps": eps},
        "theta",
        fmt,
        theta=0.0,
        new={"exp_avg": 1.0, "exp_avg_sq": v},
    )
    D, farthest = s + eps, sqrt((v / mpmath.mpf("0.4375") + lam) / (1 - e2))
    q = rate / D
    share = farthest / (farthest + eps)
    # down to a root of 0
    width = max(rate / eps - q, q - rate / (farthest + eps))
    per_q = u * (3 * share + 4 + 2 * r) + v53 * (share + 1) + e1 / (1 - e1)
    want = late * (
        u * q
        + per_q * (q + width)
        + width
        + lam * (3 + rate * (1 + 1 / mpmath.mpf(eps)) + (1 + q + width) / eps)
    )
    yield "adam, v below the smallest", faded, want
    v = fmt.tiny / 2.0  # v' / bc2 just above the smallest: no digit is lost
    h = {"betas": (0.5, 0.75), "eps": eps}
    kept = entry_of("adam", h, "theta", fmt, theta=0.0, new={"exp_avg": 1.0, "exp_avg_sq": v})
    s = sqrt(v / mpmath.mpf("0.4375"))
    nearest, farthest = s / sqrt(1 + e2), s / sqrt(1 - e2)
    share, q = farthest / (farthest + eps), rate / (s + eps)
    width = max(rate / (nearest + eps) - q, q - rate / (farthest + eps))
    per_q = u * (3 * share + 4 + 2 * r) + v53 * (share + 1) + e1 / (1 - e1)
    rest = lam * (3 + rate * (1 + 1 / (nearest + eps)) + (1 + q + width) / (nearest + eps))
    want = late * (u * q + per_q * (q + width) + width + rest)
    yield "adam, v above the smallest", kept, want


tested = {}  # by arithmetic, what the theorems were written in


def documented(arithmetic):
    """name, a claim, and the bound that the theorem gives for its first entry."""
    known = Known(arithmetic)
    for theorems in (sums, activation_values, costs, output_deltas, hidden_deltas, updates):
        yield from theorems(known)
    tested[arithmetic] = known


@cache
def theorems(arithmetic):
    """The same by name, in 50 digits."""
    with mpmath.workdps(50):
        triples = [(name, claim, mpmath.mpf(want)) for name, claim, want in documented(arithmetic)]
    assert len({name for name, *_ in triples}) == len(triples)
    return {name: (claim, want) for name, claim, want in triples}


BY_HAND = [*theorems("float64")]


@pytest.mark.parametrize("of_losses", [costs, output_deltas], ids=lambda part: part.__name__)
def test_every_loss_has_its_bounds_by_hand(of_losses):
    """Of C, and of the output delta."""
    known, room = Known("float64"), "parity/proof/tests/test_bounds_by_hand.py"
    assert [*of_losses(known)]
    assert lacking(room, of_losses.__name__, known.loss.asked, LOSSES) == []


@in_every_arithmetic
@pytest.mark.parametrize("name", BY_HAND)
def test_a_bound_is_what_its_theorem_says(name, arithmetic):
    """On numbers that one can follow by hand the bound is the documented expression,
    but for the rounding of float64.
    """
    claim, want = theorems(arithmetic)[name]
    with mpmath.workdps(50):
        got = mpmath.mpf(float(claim.bound.flat[0]))
        # a wide difference, and a wide share of next to nothing
        is_wide = "centered" in name or "above the smallest" in name
        off = mpmath.mpf(claim.slack) if is_wide else OPERATIONS * mpmath.mpf(2) ** -53
        assert abs(got - want) <= off * want
    assert claim.judged.all()


def test_every_activation_has_a_bound_by_hand():
    """Of every activation that trains, one is worked out above."""
    room, entries = "parity/proof/tests/test_bounds_by_hand.py", tested["float64"].function
    unasked = set(entries) - entries.asked - {"heaviside"}
    assert not unasked, f"{room}: no bound by hand of the activation {', '.join(unasked)}"


@in_both_dtypes
def test_what_overflows_on_the_way_is_not_judged(dtype):
    """Terms that are beyond the largest number are not judged, though their sum is far
    below; half of them is judged.
    """
    fmt = FORMATS[dtype]
    identity, factor = ACTIVATION_ENTRIES["identity"](), np.array([[2.0**40, -(2.0**40)]], dtype)
    with np.errstate(all="ignore"):
        for share, judged in ((0.6, False), (0.2, True)):
            big = np.full((1, 2), share * fmt.largest / 2.0**40, dtype)
            for claim in (
                weighted_input(fmt, big, factor, np.zeros(1, dtype)),
                hidden_delta(fmt, identity, big, factor.T, big[:, :1], big[:, :1]),
                bias_gradient(fmt, (big * factor).T),
                weight_gradient(fmt, big.T, factor.T),
            ):
                assert claim.judged.all() == judged
        for name in ("mse", "half_squared_error", "mae"):
            for share, judged in ((0.3, False), (0.2, True)):
                a = np.full((5, 1), share * fmt.largest, dtype)
                assert (
                    LOSS_ENTRIES[name]()
                    .output_delta(fmt, identity, a, a, np.zeros_like(a))
                    .judged.all()
                    == judged
                )


@pytest.mark.parametrize("rule", RULE_ENTRIES)
def test_every_rule_has_a_bound_by_hand(rule):
    """Among the expressions above, which begin with its name."""
    rules = {name.split()[0].removesuffix(",") for name, *_ in updates(Known("float64"))}
    says = f"parity/proof/tests/test_bounds_by_hand.py: updates has no bound of {rule!r}"
    assert rule in rules, says
