"""Where everything else in a bound vanishes, what is left of it is the underflow of its
theorem: a program that flushes to zero is right, and two such bounds off is wrong.
"""

from functools import cache

import mpmath
import numpy as np
import pytest

from parity.proof.equations.sums import hidden_delta, weight_gradient, weighted_input
from parity.proof.tests.known import Known, column, entry_of, in_every_arithmetic, judged_first

mpf = mpmath.mpf
NEVER = -20000.0  # e^NEVER is 0 in every format
OPERATIONS = 60  # more than any bound takes in float64, each within 2^-53


def costs(known):
    """C of outputs that are right to the bit."""
    fmt, of, loss, lam = known.fmt, known.of, known.loss, known.lam
    for name in ("mse", "half_squared_error", "mae"):
        yield f"C {name}", loss[name].value(fmt, of([3, 5]), of([3, 5])), 2 * lam
    ce, bce = loss["cross_entropy"], loss["binary_cross_entropy"]
    yield "C ce, labels", ce.value(fmt, of([1, 0]), np.array([0])), lam
    yield "C ce, rows", ce.value(fmt, of([1, 0]), of([1, 0])), lam
    yield "C bce", bce.value(fmt, of([1, 1]), of([1, 1])), lam


def output_deltas(known):
    """BP1 of outputs that are right to the bit, or of a probability that is 0."""
    fmt, of, function, loss = known.fmt, known.of, known.function, known.loss
    u, lam, E = known.u, known.lam, known.E
    half, late = mpf("0.5"), 1 + 20 * u
    for name in ("mse", "half_squared_error", "mae"):
        for f in ("identity", "relu"):
            delta = loss[name].output_delta(fmt, function[f], of([1]), of([1]), of([1]))
            yield f"BP1 {name} + {f}", delta, lam * late
    kappa = 2 * (E + 2)
    for f, slope, e in (
        ("sigmoid", half / 2, 1 + kappa**2 * u / 4),
        ("tanh", 3 * half / 2, 9 * half / 2 + (1 + 4 * 8) * half / 2),
    ):
        delta = loss["mse"].output_delta(fmt, function[f], of([0]), of([half]), of([half]))
        want = lam * (slope + u * (slope + e)) * late + lam * (2 * lam + 1)
        yield f"BP1 mse + {f}", delta, want
    softmax = function["softmax"]
    delta = loss["mse"].output_delta(fmt, softmax, of([0, 0]), of([half, half]), of([half, half]))
    yield "BP1 mse + softmax", delta, 5 * lam
    ce, s_ce = loss["cross_entropy"], loss["softmax_cross_entropy"]
    far, none = of([NEVER, 0]), of([0, 1])
    for form, y in (("labels", np.array([1])), ("rows", of([0, 1]))):
        yield f"BP1 ce + softmax, {form}", ce.output_delta(fmt, softmax, far, none, y), 2 * lam
        delta = s_ce.output_delta(fmt, function["identity"], far, far, y)
        yield f"BP1 softmax ce, {form}", delta, lam
    delta = ce.output_delta(fmt, function["sigmoid"], of([0]), of([0]), of([0]))
    yield "BP1 ce + sigmoid", delta, 2 * lam
    bce, sigmoid_ce = loss["binary_cross_entropy"], loss["sigmoid_cross_entropy"]
    delta = bce.output_delta(fmt, function["sigmoid"], of([0]), of([0]), of([0]))
    yield "BP1 bce", delta, 2 * lam
    delta = sigmoid_ce.output_delta(fmt, function["identity"], of([NEVER]), of([NEVER]), of([0]))
    yield "BP1 sigmoid ce", delta, lam


def hidden_deltas(known):
    """BP2 of a delta above that is 0, through W_above of two rows."""
    fmt, of, function = known.fmt, known.of, known.function
    u, lam, r, kappa = known.u, known.lam, known.r, 2 * (known.E + 2)
    late, half = 1 + 20 * u, mpf("0.5")
    above, W = of([0, 0]), column(2, 7, dtype=known.dtype)
    for f, a, slope, e, rounds in (
        ("identity", 1, 1, 0, 0),
        ("relu", 1, 1, 0, 0),
        ("leaky_relu", -half, half / 2, r * half / 2, 1),
        ("sigmoid", half, half / 2, 1 + kappa**2 * u / 4, 1),
        ("tanh", half, 3 * half / 2, 9 * half / 2 + (1 + 4 * 8) * half / 2, 1),
    ):
        z = of([1 if a > 0 else -2])
        want = 2 * lam * (slope + u * (rounds * slope + e)) * late + rounds * lam * (4 * lam + 1)
        yield f"BP2 {f}", hidden_delta(fmt, function[f], above, W, z, of([a])), want
    W, halves = of([2, 1], [7, 1]), of([half, half])
    delta = hidden_delta(fmt, function["softmax"], above, W, of([0, 0]), halves)
    yield "BP2 softmax", delta, lam * (4 + 2)


def gradient_descent(known):
    """SGD of theta 0 and g 0; with a decay, d = 0 is off by lam."""
    fmt, u, lam = known.fmt, known.u, known.lam
    late, decay = 1 + 30 * u, {"weight_decay": 0.5}

    def sgd(quantity="theta", kept=None, new=0.0, **h):
        old = {} if kept is None else {"momentum_buffer": kept}
        return entry_of(
            "sgd", h, quantity, fmt, theta=0.0, g=0.0, old=old, new={"momentum_buffer": new}
        )

    momentum, buf = {"momentum": 0.5}, "momentum_buffer"
    yield "sgd", sgd(), late * 2 * lam
    yield "sgd, decay", sgd(**decay), late * (lam / 2 + 2 * lam)
    yield "sgd, momentum", sgd(**momentum, **decay), late * 2 * lam
    yield "sgd, nesterov", sgd(**momentum, **decay, nesterov=True), late * (lam / 2 + 2 * lam)
    yield "sgd first buf", sgd(buf, **momentum, **decay), late * lam
    yield "sgd buf", sgd(buf, 0.0, **momentum), late * 2 * lam
    yield "sgd buf, decay", sgd(buf, 0.0, **momentum, **decay), late * (lam + 2 * lam)
    h = {**momentum, **decay, "dampening": 0.75}
    yield "sgd buf, dampened", sgd(buf, 0.0, **h), late * (lam / 4 + 2 * lam)


def adaptive_states(known):
    """The sums and means of d = 0, from 0; with a decay d is off by lam."""
    fmt, lam, late = known.fmt, known.lam, 1 + 30 * known.u
    for of, h, off in (("", {}, 0), (", decay", {"weight_decay": 0.5}, lam)):
        for rule, key, quarters, counted in (
            ("adagrad", "sum", 4, 2),
            ("rmsprop", "square_avg", 1, 3),
            ("adam", "exp_avg_sq", 1, 3),
        ):
            settings = {**h, "alpha": 0.75, "betas": (0.75, 0.75)}
            claim = entry_of(rule, settings, key, fmt, theta=0.0, g=0.0, old={key: 0.0})
            want = late * (quarters * off**2 / 4 + counted * lam)
            yield f"{rule} {key}{of}", claim, want
        for rule, key in (("rmsprop", "grad_avg"), ("adam", "exp_avg")):
            claim = entry_of(rule, settings, key, fmt, theta=0.0, g=0.0, old={key: 0.0})
            yield f"{rule} {key}{of}", claim, late * (off / 4 + 3 * lam)
    settings, old = {"momentum": 0.5}, {"momentum_buffer": 0.0}
    h = {**settings, "weight_decay": 0.5}
    for of, given, off in (("", settings, 0), (", decay", h, lam)):
        claim = entry_of(
            "rmsprop",
            given,
            "momentum_buffer",
            fmt,
            theta=0.0,
            g=0.0,
            old=old,
            new={"square_avg": 0.25},
        )
        D, width = mpf("0.625"), off / mpf("0.625")
        per_q = known.u * (2 + 2 + known.r * mpf("0.125") / D)
        want = late * (width + per_q * width + lam * (1 + (2 + width) / D) + 2 * lam)
        yield f"rmsprop buf{of}", claim, want
    claim = entry_of(
        "rmsprop", settings, "theta", fmt, theta=0.0, g=0.0, new={"momentum_buffer": 0.0}
    )
    yield "rmsprop, momentum", claim, late * 2 * lam


def adaptive_steps(known):
    """theta 0 after a step of 0 or of -1/2: eps is 8 lam and v' is 0, so that lam / D
    is 1/8.
    """
    fmt, u, lam, r, v53 = known.fmt, known.u, known.lam, known.r, known.v53
    late, D = 1 + 30 * u, 8 * lam
    eps, tiny = {"eps": 8.0 * fmt.tiny}, fmt.tiny
    for q, sign in ((0, 0.0), (mpf("0.5"), -1.0)):
        # lr 1/2, clr 1/2: q = clr d / D
        claim = entry_of(
            "adagrad", eps, "theta", fmt, theta=0.0, g=8.0 * tiny * sign, new={"sum": 0.0}
        )
        want = u * q + u * (2 + 3 + r + r) * q + lam * (2 + mpf("0.5") + (1 + q) / D)
        yield f"adagrad, q {float(q)}", claim, late * want
        claim = entry_of(
            "rmsprop", eps, "theta", fmt, theta=0.0, g=8.0 * tiny * sign, new={"square_avg": 0.0}
        )
        Eq = u * (2 + 2 + r) * 2 * q + lam * (1 + (2 + 2 * q) / D)
        want = u * q + (1 + r) * u * q + Eq / 2 + lam / D + 2 * lam
        yield f"rmsprop, q {float(q)}", claim, late * want
        for rule in ("adam", "adamw"):
            # bc1 1/2, rate 1, at the first step; bc2 1/4
            state = {"exp_avg": 4.0 * tiny * sign, "exp_avg_sq": 0.0}
            h = {**eps, "betas": (0.5, 0.75)}
            claim = entry_of(rule, h, "theta", fmt, theta=0.0, new=state, t=1)
            per_q = u * (4 + 2 * r) + 2 * v53
            want = u * q + per_q * q + lam * (3 + (1 + 1 / D) + (1 + q) / D)
            yield f"{rule}, q {float(q)}", claim, late * want
    decay = {**eps, "weight_decay": 0.5}
    claim = entry_of("adagrad", decay, "theta", fmt, theta=0.0, g=0.0, new={"sum": 0.0})
    width = lam / D / 2  # d is off by lam; q is 0, and may be as far as this
    per_q = u * (2 + 3 + r + r)
    want = per_q * width + width + lam * (2 + mpf("0.5") + (1 + width) / D)
    yield "adagrad, decay", claim, late * want
    claim = entry_of("rmsprop", decay, "theta", fmt, theta=0.0, g=0.0, new={"square_avg": 0.0})
    width, per_q = lam / D, u * (2 + 2 + r)
    Eq = width + per_q * width + lam * (1 + (2 + width) / D)
    want = Eq / 2 + lam / D + 2 * lam
    yield "rmsprop, decay", claim, late * want


ROOMS = (costs, output_deltas, hidden_deltas, gradient_descent, adaptive_states, adaptive_steps)


@cache
def rows(arithmetic):
    """A claim and the bound that its theorem leaves, by name, in 50 digits."""
    with mpmath.workdps(50):
        triples = [row for room in ROOMS for row in room(Known(arithmetic))]
    assert len({name for name, *_ in triples}) == len(triples)
    return {name: (claim, want) for name, claim, want in triples}


VANISHING = [*rows("float64")]


@in_every_arithmetic
@pytest.mark.parametrize("name", VANISHING)
def test_what_is_left_of_a_bound_is_its_underflow(name, arithmetic):
    """Of zeros, and of quotients by next to nothing, the bound is the documented one;
    half of it is right, and two of it are wrong.
    """
    claim, want = rows(arithmetic)[name]
    with mpmath.workdps(50):
        got = mpf(float(claim.bound.flat[0]))
        # a number below the smallest normal one is rounded to a multiple of the least
        off = max(OPERATIONS * mpf(2) ** -53 * want, OPERATIONS * mpf(2) ** -1074)
        assert abs(got - want) <= off
    assert claim.judged.all()
    exact, bound = float(claim.exact.flat[0]), float(claim.bound.flat[0]) * (1.0 + claim.slack)
    for sign in (1.0, -1.0):
        assert judged_first(claim, exact + sign * bound / 2.0).status == "passed"
        assert judged_first(claim, exact + sign * bound * 2.0).status == "wrong"


def flushing(known):
    """A claim about results below lam, and the number that a program gives which
    flushes each of them to zero.
    """
    fmt, of, function, loss = known.fmt, known.of, known.function, known.loss
    tiny, root = fmt.tiny, fmt.tiny**0.5
    fine, nothing = of([root / 2.0, root / 2.0]), of([root, root])  # products lam / 2
    yield "z", weighted_input(fmt, fine, nothing, of(0)), 0.0
    yield "dW", weight_gradient(fmt, fine.T, nothing.T), 0.0
    relu, f = function["relu"], function["identity"]
    yield "BP2", hidden_delta(fmt, relu, fine, nothing.T, of([1]), of([1])), 0.0
    for name in ("mse", "half_squared_error"):
        a, y = of([1.5 * tiny]), of([tiny])
        yield f"BP1 {name}", loss[name].output_delta(fmt, f, a, a, y), 0.0
    yield "C mse", loss["mse"].value(fmt, of([root]), of([root / 2.0])), 0.0
    yield "sgd", entry_of("sgd", {}, "theta", fmt, theta=1.25 * tiny, g=tiny), 1.25 * tiny
    yield "sgd, theta'", entry_of("sgd", {}, "theta", fmt, theta=1.25 * tiny, g=2.0 * tiny), 0.0
    h, old = {"momentum": 0.5, "dampening": 0.5}, {"momentum_buffer": 1.5 * tiny}
    yield "sgd buf", entry_of("sgd", h, "momentum_buffer", fmt, g=1.5 * tiny, old=old), 0.0
    h = {"alpha": 0.5, "betas": (0.5, 0.5)}
    for rule, square, mean in (
        ("rmsprop", "square_avg", "grad_avg"),
        ("adam", "exp_avg_sq", "exp_avg"),
    ):
        claim = entry_of(rule, h, square, fmt, g=root / 2.0, old={square: 1.5 * tiny})
        yield f"{rule} v", claim, 0.0
        claim = entry_of(rule, h, mean, fmt, g=1.5 * tiny, old={mean: 1.5 * tiny})
        yield f"{rule} m", claim, 0.0
    claim = entry_of("adagrad", {}, "theta", fmt, theta=0.0, g=1.5 * tiny, new={"sum": 0.0})
    yield "adagrad", claim, 0.0  # clr d flushed before the division by 1/8
    claim = entry_of("rmsprop", {}, "theta", fmt, theta=0.0, g=1.5 * tiny, new={"square_avg": 0.0})
    yield "rmsprop", claim, 0.0
    state = {"exp_avg": 0.75 * tiny, "exp_avg_sq": 0.0}
    yield "adam", entry_of("adam", h, "theta", fmt, theta=0.0, new=state, t=1), 0.0


@in_every_arithmetic
def test_a_program_that_flushes_to_zero_is_right(arithmetic):
    """Every result below the smallest normal number may be 0; the exact one is not."""
    for name, claim, number in flushing(Known(arithmetic)):
        assert float(claim.exact.flat[0]) != number, name
        assert judged_first(claim, number).status == "passed", name
