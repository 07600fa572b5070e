"""Every other formula that people write in the place of an equation, on numbers that
one can follow by hand: what it gives there, how far rounding may take a program from
it, and where it is no excuse.

An `Other` of parity/proof/equations that has no row here fails a test. A row names the
function that makes the `Other`, as module.function or module.Class.method, and has a
claim whose first entry the other formula explains.
"""

from itertools import product
from typing import NamedTuple

import mpmath
import numpy as np

from parity.proof.equations.binary import BCE_FLOOR
from parity.proof.equations.clipping import Clipping, clipped_claim
from parity.proof.equations.kinds import Update
from parity.proof.equations.penalties import Slope, with_penalty
from parity.proof.equations.sums import MASKING, hidden_delta, weight_gradient, weighted_input
from parity.proof.equations.updates import SGD
from parity.proof.tests.known import Known, column, entry_of
from parity.rounding.claim import CONVENTION, INACCURATE, PASSED, WRONG, Claim

mpf = mpmath.mpf


class Excuse(NamedTuple):
    """A claim, and for its first entry the number of the other formula, with its bound;
    a bound of None is one of what is no number.

    `within` is a share of the bound that the claim itself does not take: half, unless
    the claim takes that too.
    """

    place: str
    name: str
    claim: Claim
    exact: mpmath.mpf
    bound: mpmath.mpf | None
    status: str
    deviation: str = ""
    within: float = 0.5


class NoExcuse(NamedTuple):
    """A claim of whose first entry a number is wrong: no other formula stands there."""

    name: str
    claim: Claim
    number: float


def excuses(arithmetic):
    """All rows of one arithmetic."""
    known = Known(arithmetic)
    for rows in (
        steps_and_kinks,
        inaccurate_activations,
        floors_and_clamps,
        beside_a_penalty,
        another_mask,
        clipped_without_tiny,
        no_numbers,
        gradient_descent,
        rounded_betas,
        coarser_factors,
    ):
        yield from rows(known)


def pulled_back(known, f, z, a=0):
    """BP2 from g = 3 * 2 - 5 * 7 = -29, off by 2 u 41 + 2 lam."""
    W = column(2, 7, dtype=known.dtype)
    return hidden_delta(known.fmt, known.function[f], known.of([3, -5]), W, known.of([z]), a)


def steps_and_kinks(known):
    """f(0) of a step, f'(0) of a kink, and the sign of zero."""
    fmt, of, function, loss = known.fmt, known.of, known.function, known.loss
    u, lam, r, second = known.u, known.lam, known.r, 1 + 20 * known.u
    for value in (0.5, 1):
        at_zero = function["heaviside"].value(fmt, of([0]))
        yield Excuse(
            "activations.Heaviside.value", f"step {value}", at_zero, mpf(value), mpf(0), CONVENTION
        )
    here, error, zero = "activations._Elementwise.pullback", 82 * u + 2 * lam, of([0])
    for value in (mpf(0.5), mpf(1)):
        bound, claim = error * value * second, pulled_back(known, "relu", 0, zero)
        yield Excuse(here, f"relu {value}", claim, -29 * value, bound, CONVENTION)
        behind_mse = loss["mse"].output_delta(fmt, function["relu"], zero, zero, of([1]))
        bound = (10 * u + lam) * value * second
        yield Excuse(here, f"mse + relu {value}", behind_mse, -2 * value, bound, CONVENTION)
    for value in (mpf("0.625"), mpf(1)):  # between the sides 1/4 and 1
        bound = (error * value + (29 + error) * u * (value + r / mpf(4))) * second
        bound, claim = (
            bound + lam * (2 * (29 + error) + 1),
            pulled_back(known, "leaky_relu", 0, zero),
        )
        yield Excuse(here, f"leaky {value}", claim, -29 * value, bound, CONVENTION)
    for sign in (1, -1):
        claim = loss["mae"].output_delta(fmt, function["identity"], of([3]), of([3]), of([3]))
        bound = (3 * u + lam) * second
        here = "losses._ValueLoss.output_delta"
        yield Excuse(here, f"mae, sign(0) {sign}", claim, mpf(sign), bound, CONVENTION)


def inaccurate_activations(known):
    """Formulas of f that lose digits where they need not."""
    fmt, of, function, u, lam = known.fmt, known.of, known.function, known.u, known.lam
    E, Elog, exp, log = known.E, known.Elog, mpmath.exp, mpmath.log
    claim = function["sigmoid"].value(fmt, of([-8]))
    here, bound = "activations.Sigmoid.value", (8 + 4) * u
    yield Excuse(here, "sigmoid through tanh", claim, 1 / (1 + exp(8)), bound, INACCURATE)
    claim, z = function["tanh"].value(fmt, of([2.0**-10])), mpf(2) ** -10
    here, bound = "activations.Tanh.value", (2 * (E + 2) + 4) * u
    yield Excuse(here, "tanh through exp", claim, mpmath.tanh(z), bound, INACCURATE)
    claim, p, L = (
        function["softmax"].value(fmt, of([9, 10])),
        1 / (1 + exp(1)),
        log(1 + exp(-1)),
    )
    roundings = 1 + p + 2 * E + 4 + 4 * (10 + L) + 2 * (1 + L) + Elog * L + 4
    here, bound = "activations.Softmax.value", u * p * roundings + lam
    yield Excuse(here, "softmax through log sum exp", claim, p, bound, INACCURATE)


def floors_and_clamps(known):
    """The cost without a floor under its logarithm, and the divisor that BCELoss
    clamps.
    """
    fmt, of, function, loss = known.fmt, known.of, known.function, known.loss
    u, lam, Elog, bit = known.u, known.lam, known.Elog, mpmath.log(2)
    p = 2.0**-146  # log p is -101.2
    for y, terms in ((np.array([0]), 1), (of([1, 0]), 2)):
        claim, exact = loss["cross_entropy"].value(fmt, of([p, 1]), y), 146 * bit
        here, bound = "cross_entropies.CrossEntropy.value", (terms + 3 + Elog) * u * exact + lam
        yield Excuse(here, f"ce without a floor, {terms}", claim, exact, bound, CONVENTION)
    claim = loss["binary_cross_entropy"].value(fmt, of([p, 0.5]), of([1, 0.75]))
    bound = u * ((2 + 5 + Elog) * 147 * bit + mpf("0.25")) / 2 + lam
    here = "binary.BinaryCrossEntropy.value"
    yield Excuse(here, "bce without a floor", claim, 147 * bit / 2, bound, CONVENTION)
    for a, y in ((mpf(2) ** -45, 1), (mpf(1), 0)):
        claim = loss["binary_cross_entropy"].output_delta(
            fmt, function["sigmoid"], of([0]), of([a]), of([y])
        )
        exact = (a - y) * a * (1 - a) / mpf(BCE_FLOOR)
        here, bound = (
            "binary.BinaryCrossEntropy.output_delta",
            14 * u * abs(exact) + 2 * lam,
        )
        name = f"bce, clamped at {y}"
        yield Excuse(here, name, claim, exact, bound, WRONG, "BCELoss clamp", within=0.75)


def beside_a_penalty(known):
    """The cost without a floor, and P = 2^2 / 2 on top of it; the sign of zero."""
    fmt, of, u, lam, r = known.fmt, known.of, known.u, known.lam, known.r
    loss = known.loss["cross_entropy"].value(fmt, of([2.0**-146, 1]), np.array([0]))
    claim = with_penalty(fmt, loss, ("l2", {"strength": 1.0, "biases": False}), [of([2])])
    exact, P = 146 * mpmath.log(2), mpf(2)
    own = (1 + 3 + r) * u * P + 3 * lam  # of one square
    joined = u * (100 + P)  # the loss itself counts log p as -100
    bound = (1 + 3 + known.Elog) * u * exact + lam + own + joined
    here = "penalties.with_penalty"
    yield Excuse(here, "ce without a floor, and a penalty", claim, exact + P, bound, CONVENTION)
    slope = Slope.of(fmt, ("l1", {"strength": 1.0, "biases": False}), of([0]))
    claim = weight_gradient(fmt, of([3]), of([2]), slope)
    here, bound = "penalties.Slope.added_to", (1 + 1) * u * 6 + 2 * lam
    for sign in (1, -1):
        yield Excuse(here, f"l1, sign(0) {sign}", claim, mpf(6 + sign), bound, CONVENTION)


def another_mask(known):
    """An input that the mask drops, as if it were kept: 2 (3 * 2 - 5 * 7) = -58."""
    fmt, of, u, lam = known.fmt, known.of, known.u, known.lam
    W, z = np.array([[2, 2], [7, 7]], known.dtype), of([0, 0])
    claim = hidden_delta(fmt, known.function["identity"], of([3, -5]), W, z, z, of([0, 2]))
    bound = (2 + MASKING) * u * 2 * 41 + (2 * 2 + 1) * lam
    here = "sums._redrawn"
    yield Excuse(here, "another mask", claim, mpf(-58), bound, WRONG)


def clipped_without_tiny(known):
    """A gradient of 2^-10 clipped to 2^-11 without 10^-6 beside its norm, and a step by
    half of it from 0.
    """
    fmt, of, u, lam, r = known.fmt, known.of, known.u, known.lam, known.r
    clipping = Clipping(fmt, ("norm", 2.0**-11), [of([2.0**-10])])
    settings = dict.fromkeys(("weight_decay", "momentum", "dampening", "nesterov"), 0) | {"lr": 0.5}
    update = Update(fmt, settings, 2, of([0]), of([2.0**-10]), {}, {})
    claim = clipped_claim(clipping, update, SGD().parameters)
    norm, lost = mpf(2) ** -10, 2 * lam  # one number in one array
    share = (1 + 2 * mpf(fmt.sqrt) + 6 + 2 * r) * u + 2 * lost / (norm + mpmath.sqrt(lost)) / norm
    off = share * norm / 2 + u * norm / 2 + lam
    exact = -norm / 4
    bound = (u * (2 + r) * norm / 4 + off / 2 + 2 * lam) * (1 + 30 * u)
    yield Excuse("clipping.clipped_claim", "no 1e-6", claim, exact, bound, CONVENTION)


def no_numbers(known):
    """What autograd makes of the log of zero, and the root of a negative variance."""
    fmt, of, function, loss, nan = known.fmt, known.of, known.function, known.loss, mpmath.nan
    here, ce = "cross_entropies._through_log", loss["cross_entropy"]
    last = 4.0 * fmt.tiny
    for y, rows in ((0, np.array([0])), (1, of([0, 1]))):
        claim = ce.output_delta(fmt, function["softmax"], of([0, 1]), of([last, 1]), rows)
        yield Excuse(here, f"ce + softmax, label {y}", claim, nan, None, WRONG, "log of zero")
    claim = ce.output_delta(fmt, function["sigmoid"], of([0]), of([last]), of([1]))
    yield Excuse(here, "ce + sigmoid", claim, nan, None, WRONG, "log of zero")
    # v - mean^2 is 0; where an exact value may itself be off by u it is 2 u
    above = 2.0 * fmt.unit * round(fmt.slack)
    here, level = "adaptive._negative_variance", {"square_avg": 1.0 + above, "grad_avg": 1.0}
    claim = entry_of("rmsprop", {"centered": True}, "theta", fmt, new=level)
    yield Excuse(here, "centered rmsprop", claim, nan, None, WRONG, "centered RMSprop")


def gradient_descent(known):
    """The first buffer, and the decay written on theta: theta 3, g 1/2, d = 2."""
    fmt, u, lam, r = known.fmt, known.u, known.lam, known.r
    Ed = u * (2 + (1 + r) * mpf("1.5")) + lam
    h = {"momentum": 0.5, "dampening": 0.75, "weight_decay": 0.5}
    claim = entry_of("sgd", h, "momentum_buffer", fmt, old={"momentum_buffer": 0.0}, t=1)
    yield Excuse("updates.SGD.vector", "first d taken whole", claim, mpf(2), Ed, PASSED)
    claim, bound = entry_of("sgd", h, "momentum_buffer", fmt, t=1), (Ed + 8 * u) / 4 + 2 * lam
    here = "updates.SGD._dampened_first"
    yield Excuse(here, "first step dampened", claim, mpf(0.5), bound, CONVENTION)
    decay, d = mpf(2) ** -10, mpf(2) ** -11 + mpf(2) ** -10
    claim = entry_of("sgd", {"weight_decay": 2.0**-10}, "theta", fmt, theta=1.0, g=2.0**-11)
    exact, Ed = 1 - d / 2, u * (d + (1 + r) * decay) + lam
    bound = u * (exact + (1 + r) * d / 2) + Ed / 2 + 2 * lam + (2 + r) * u * (1 - decay / 2)
    here = "updates.SGD.parameters"
    yield Excuse(here, "decay on theta", claim, exact, bound, PASSED, within=0.75)


def rounded_betas(known):
    """The means and Adam's step with betas that were rounded to float32."""
    if known.dtype == "float64":
        return
    fmt, u, lam, r, v53 = known.fmt, known.u, known.lam, known.r, known.v53
    w = 1 - mpf(float(np.float32(0.999)))
    betas, here = {"betas": (0.999, 0.999)}, "means._rough"
    claim = entry_of("adam", betas, "exp_avg", fmt, old={"exp_avg": 0.0})
    bound = u * (w / 2 + (3 + r) * w / 2) + 3 * lam
    yield Excuse(here, "adam m", claim, w / 2, bound, INACCURATE)
    claim = entry_of("adam", betas, "exp_avg_sq", fmt, old={"exp_avg_sq": 0.0})
    bound = u * (w / 4 + (3 + r) * w / 4) + 3 * lam
    yield Excuse(here, "adam v", claim, w / 4, bound, INACCURATE)
    claim = entry_of("rmsprop", {"alpha": 0.999}, "square_avg", fmt, old={"square_avg": 0.0})
    yield Excuse(here, "rmsprop v", claim, w / 4, bound, INACCURATE)
    h, moments = {"betas": (0.9, 0.999)}, {"exp_avg": 0.5, "exp_avg_sq": 0.25}
    b1, b2 = (mpf(float(np.float32(b))) for b in h["betas"])
    for rule, t in (("adam", 1), ("adam", 2), ("adamw", 2)):
        claim = entry_of(rule, h, "theta", fmt, theta=0.0, new=moments, t=t)
        e1, e2 = (u * (2 * b**t / (1 - b**t) + 1) for b in (b1, b2))
        s, rate = mpmath.sqrt(0.25 / (1 - b2**t)), 0.5 / (1 - b1**t)
        D = s + 0.125
        q = rate / 2 / D
        per_q = u * (3 * s / D + 4 + 2 * r) + (e2 / 2 + v53) * s / D + e1 + v53
        bound = u * q + per_q * q + lam * (3 + rate * (1 + 1 / D) + (1 + q) / D)
        yield Excuse("adaptive.Adam.parameters", f"{rule}, t {t}", claim, -q, bound, INACCURATE)


def coarser_factors(known):
    """z = 3 a + 1 of an a whose last bits are rounded away, or cut: 1 + 2^-9 has two
    bits more than bfloat16, 1 + 3 2^-12 one more than TF32.
    """
    here, lam = "products._Product.others", known.lam
    for name, a, kept in (
        ("bfloat16", 1 + 2.0**-9, 1),
        ("TF32", 1 + 3 * 2.0**-12, 1 + 2.0**-10),
        ("TF32, cut", 1 + 3 * 2.0**-12, 1),
    ):
        claim, exact = weighted_input(known.fmt, *map(known.of, ([a], [3], 1))), mpf(3) * kept + 1
        yield Excuse(here, f"z of {name}", claim, exact, 2 * (known.u * exact + lam), INACCURATE)


def no_excuses(arithmetic):
    """What would be another formula's if a condition of it were forgotten."""
    known = Known(arithmetic)
    yield from forgotten_kinks(known)
    yield from forgotten_infinities(known)
    yield from forgotten_steps(known)


def forgotten_kinks(known):
    """Another subgradient beside the kink, another step or sign beside zero."""
    fmt, of, function, loss = known.fmt, known.of, known.function, known.loss
    small = known.fmt.tiny
    for z in (small, -small):
        yield NoExcuse(f"step at {z}", function["heaviside"].value(fmt, of([z])), 0.5)
        claim = pulled_back(known, "relu", z, of([max(z, 0)]))
        yield NoExcuse(f"relu at {z}", claim, -14.5)
        yield NoExcuse(f"relu at {z}, on the other side", claim, 0.0 if z > 0 else -29.0)
        claim = pulled_back(known, "leaky_relu", z, of([max(z, z / 4)]))
        yield NoExcuse(f"leaky at {z}", claim, -29.0 * 0.625)
        e = loss["mae"].output_delta(fmt, function["identity"], of([z]), of([z]), of([0]))
        yield NoExcuse(f"mae at {z}", e, -1.0 if z > 0 else 1.0)


def forgotten_infinities(known):
    """NaN where 1 / a is still a number, where a is no label's, or where the variance
    is positive; the clamp's number where nothing is clamped.
    """
    fmt, of, function, loss = known.fmt, known.of, known.function, known.loss
    ce, last, softmax = loss["cross_entropy"], 4.0 * fmt.tiny, function["softmax"]
    above = float(np.nextafter(fmt.dtype.type(last), fmt.dtype.type(1.0)))
    claim = ce.output_delta(fmt, softmax, of([0, 1]), of([above, 1]), np.array([0]))
    yield NoExcuse("ce + softmax, above", claim, np.nan)
    claim = ce.output_delta(fmt, softmax, of([0, 1]), of([0, 1]), np.array([1]))
    yield NoExcuse("ce + softmax, another's label", claim, np.nan)
    rows = of([0.5, 0.5], [0, 1])
    claim = ce.output_delta(fmt, softmax, rows, rows, np.array([0, 0]))
    yield NoExcuse("ce + softmax, another row", claim, np.nan)
    claim = ce.output_delta(fmt, function["sigmoid"], of([0, 0]), of([above, 0]), of([1, 1]))
    yield NoExcuse("ce + sigmoid, above", claim, np.nan)
    # v - mean^2 is 2 u mean^2, or twice that; its error is u mean^2 (1 + slack) + lam
    units = 2.0 * round(1.0 + fmt.slack)
    for quantity, mean in product(("theta", "momentum_buffer"), (1.0, 0.5)):
        spread = {"square_avg": mean**2 * (1.0 + units * fmt.unit), "grad_avg": mean}
        h = {"centered": True, "momentum": 0.5 * (quantity != "theta")}
        claim = entry_of("rmsprop", h, quantity, fmt, old={"momentum_buffer": 0.0}, new=spread)
        yield NoExcuse(f"centered rmsprop {quantity}, mean {mean}", claim, np.nan)
    a = 2.0**-39  # a (1 - a) is 1.8e-12: 13 units are too many for BCE, not for the clamp
    claim = loss["binary_cross_entropy"].output_delta(
        fmt, function["sigmoid"], of([0]), of([a]), of([1])
    )
    yield NoExcuse("bce, not clamped", claim, a - 1.0 + 13.0 * fmt.unit * (1.0 + fmt.slack))


def forgotten_steps(known):
    """The first buffer's forms in a later step, or from a buffer that is not zero."""
    fmt, h = known.fmt, {"momentum": 0.5, "dampening": 0.75, "weight_decay": 0.5}
    for t, kept in ((1, 4.0), (2, 0.0)):
        old = {"momentum_buffer": kept}
        claim = entry_of("sgd", h, "momentum_buffer", fmt, old=old, t=t)
        yield NoExcuse(f"d whole at step {t} from {kept}", claim, 2.0)
    claim = entry_of("sgd", h, "momentum_buffer", fmt, old={"momentum_buffer": 4.0})
    yield NoExcuse("dampened later", claim, 0.5)
    claim = entry_of("sgd", {"momentum": 0.5}, "momentum_buffer", fmt)
    yield NoExcuse("not dampened", claim, 0.5 + 2.0 * fmt.unit)
    # the decay on theta, of a step that has a buffer: two units are one too many
    h, new = {"momentum": 0.5, "weight_decay": 0.5}, {"momentum_buffer": 2.0**-11}
    claim = entry_of("sgd", h, "theta", fmt, theta=1.0, g=0.0, new=new)
    number = 1.0 - 2.0**-12 + 2.0 * fmt.unit * (1.0 + fmt.slack)
    yield NoExcuse("decay on theta, with momentum", claim, number)
    if known.dtype == "float64":
        w = 1.0 - float(np.float32(0.999))
        claim = entry_of("adam", {"betas": (0.9, 0.999)}, "exp_avg_sq", fmt, old={"exp_avg_sq": 0})
        yield NoExcuse("betas in float32", claim, w / 4.0)
        claim = entry_of("rmsprop", {"alpha": 0.999}, "square_avg", fmt, old={"square_avg": 0})
        yield NoExcuse("alpha in float32", claim, w / 4.0)
