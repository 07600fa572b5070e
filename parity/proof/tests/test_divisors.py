"""Quotients whose divisor a program knows no better than rounding allows: what a right
program may come to is accepted, what lies beyond is refused, and a division by 0 is not
judged.
"""

from dataclasses import replace
from functools import cache

import mpmath
import numpy as np
import pytest

import refnet
from parity.proof.certificate import certify, judge
from parity.proof.equations.divisors import VANISHES, Divisor
from parity.proof.equations.kinds import Update
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.statements import statements
from parity.proof.tests.certified import in_both_dtypes
from parity.rounding.claim import near
from parity.rounding.formats import FORMATS
from parity.steps.record import record_refnet

CENTERED = {"alpha": 0.0, "centered": True, "weight_decay": 0.3}
# of the first eleven, those in which a bound that divides the error of d by the middle
# of D accuses this step
SEEDS = (0, 5, 6, 8, 9, 10)
SETTINGS = [{"eps": eps, "momentum": momentum} for eps in (1e-8, 1e-12) for momentum in (0.0, 0.9)]
OPERATIONS = 60  # more than a width takes in float64, each within 2^-53
FLAGS = ("momentum", "weight_decay", "centered", "amsgrad", "lr_decay", "nesterov")


@cache
def cancelled(seed, eps, momentum, dtype="float32"):
    """A first step in which v = d^2 and mean = d, so that v - mean^2 is nothing but
    rounding: inputs of about 3 behind 32-64-3.
    """
    net = refnet.mlp([32, 64, 3], "tanh", "identity", seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed)
    x, y = 3.0 + 0.1 * rng.normal(size=(16, 32)), rng.normal(size=(16, 3))
    optimizer = refnet.RMSprop(**CENTERED, eps=eps, momentum=momentum)
    return record_refnet(net, x.astype(dtype), y.astype(dtype), "mse", optimizer)


def update(fmt, h, theta, g, old=(), new=(), t=2):
    """One number of an update."""
    old, new = (
        {name: np.array([value], fmt.dtype) for name, value in dict(state).items()}
        for state in (old, new)
    )
    theta, g = (np.array([number], fmt.dtype) for number in (theta, g))
    return Update(fmt, {**dict.fromkeys(FLAGS, 0), "lr": 1.0, **h}, t, theta, g, old, new)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_variance_that_is_nothing_but_rounding_accuses_nobody(seed, settings):
    """refnet finds 0 and divides by eps: right, though the exact root is far larger."""
    record = cancelled(seed, **settings)
    assert certify(record).broken == ()
    variance = FORMATS["float32"].less_square(
        *(record.after.state[name] for name in ("square_avg", "grad_avg"))
    )
    assert np.sqrt(variance.max()) > 100.0 * settings["eps"]


@in_both_dtypes
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_two_bounds_off_is_refused_where_the_variance_cancels(settings, dtype):
    """To either side, and half a bound off is accepted."""
    record = cancelled(0, **settings, dtype=dtype)
    quantity = "momentum_buffer of W" if settings["momentum"] else "W"
    (statement,) = [s for s in statements(record) if (s.quantity, s.layer) == (quantity, 2)]
    claim = statement.claim
    allowed = claim.bound * (1.0 + claim.slack)
    assert claim.judged.all()
    for index in np.ndindex(3, 4):
        for share, status in ((2.0, "wrong"), (-2.0, "wrong"), (0.5, "passed"), (-0.5, "passed")):
            got = statement.got.copy()
            got[index] = claim.exact[index] + share * allowed[index]
            assert judge(replace(statement, got=got)).status == status


@in_both_dtypes
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_gradient_that_is_nothing_but_rounding_is_divided_by_the_least_divisor(momentum, dtype):
    """d = g + weight_decay theta cancels as v - mean^2 does: a program's d is twice the
    exact one or more, and its D is eps.
    """
    fmt = FORMATS[dtype]
    number, entry = fmt.dtype.type, RULE_ENTRIES["rmsprop"]()
    h = {"centered": True, "eps": 1e-16, "weight_decay": 0.7, "momentum": momentum}
    quantity = "momentum_buffer" if momentum else "theta"
    beyond = 0
    for theta, mean in np.random.default_rng(1).uniform(1.0, 2.0, (200, 2)).astype(dtype):
        decay = number(0.7) * theta
        g = np.nextafter(-decay, number(0.0))
        new = {"square_avg": mean * mean, "grad_avg": mean}
        step = update(fmt, h, theta, g, {"momentum_buffer": 0.0}, new)
        q = (g + decay) / number(1e-16)
        claim = entry.vector(step, quantity) if momentum else entry.parameters(step)
        assert claim.share(np.array([q if momentum else theta - q])) <= 1.0
        assert claim.share(np.array(claim.exact + 2.0 * claim.bound, dtype)) > 1.0
        (d, off), variance = step.decayed, fmt.less_square(mean * mean, mean)
        by_the_middle = abs(d) / 1e-16 + off / (np.sqrt(max(variance, 0.0)) + 1e-16)
        beyond += bool(q > 1.001 * by_the_middle)
    assert beyond > 10  # of the 200, an error of d over the middle of D would not allow


RULES = {  # what is divided by a root and eps: the rule, its state, settings
    "adagrad": ({"lr_decay": 0.0}, ("sum",)),
    "rmsprop": ({}, ("square_avg",)),
    "rmsprop, centered": ({"centered": True}, ("square_avg", "grad_avg")),
    "adam": ({"betas": (0.5, 0.75)}, ("exp_avg_sq", "exp_avg")),
    "adamw": ({"betas": (0.5, 0.75)}, ("exp_avg_sq", "exp_avg")),
}


def divided(name, fmt, eps, g, *state, t=2, **h):
    """The claim about theta of a rule in RULES with these numbers in its state."""
    settings, names = RULES[name]
    new = dict(zip(names, state, strict=False))
    if "exp_avg" in names:
        new["exp_avg"] = g
    rule = name.partition(",")[0]
    return RULE_ENTRIES[rule]().parameters(
        update(fmt, {**settings, "eps": eps, **h}, 3.0, g, (), {"grad_avg": 0.0, **new}, t)
    )


@in_both_dtypes
@pytest.mark.parametrize("name", RULES)
def test_a_division_by_nothing_is_not_judged(name, dtype):
    """d / 0 and 0 / 0, also where eps is too small for the dtype; a divisor above 0 is
    judged, and so is 0 / eps.
    """
    fmt = FORMATS[dtype]
    with np.errstate(all="ignore"):
        for g in (0.0, 0.5):
            for eps in (0.0, fmt.tiny / 2.0**60):
                claim = divided(name, fmt, eps, g, 0.0)
                assert (claim.judged.any(), claim.reason) == (False, VANISHES)
            assert divided(name, fmt, 1e-8, g, 0.0).judged.all()
            assert divided(name, fmt, 0.0, g, 0.25).judged.all()


@in_both_dtypes
@pytest.mark.parametrize("rule", ["adam", "adamw"])
def test_a_quotient_below_the_smallest_may_be_nothing(rule, dtype):
    """v' / bc2 below lam may be flushed to 0: without eps nothing is judged there."""
    fmt, betas = FORMATS[dtype], (0.5, 0.999)
    correction = 1.0 - 0.999**3
    with np.errstate(all="ignore"):
        for share in (0.5, 1 / 3, 0.9):
            v = share * fmt.tiny * correction
            assert not divided(rule, fmt, 0.0, 1e-30, v, t=3, betas=betas).judged.any()
        for share in (1.001, 2.0):
            v = share * fmt.tiny * correction
            assert divided(rule, fmt, 0.0, 1e-30, v, t=3, betas=betas).judged.all()


@in_both_dtypes
@pytest.mark.parametrize("near_one", [0, 1])
def test_a_bias_correction_near_nothing_is_off_by_a_share_of_itself(near_one, dtype):
    """With a beta of 1 - 2^-50 the last place of pow is a sixteenth of 1 - beta^2. A
    program may be off by two of them, to either side; two bounds off is refused.
    """
    fmt, betas, used = FORMATS[dtype], [0.5, 0.75], []
    betas[near_one] = 1.0 - 2.0**-50
    number = fmt.dtype.type
    exact = [1.0 - beta**2 for beta in betas]
    # of a size at which theta - q = -q
    m, v, lr, theta = number(0.5), number(exact[1]), exact[0] * 2.0**20, number(3.0)
    claim = divided("adam", fmt, 1e-8, m, v, betas=betas, lr=lr)
    for places in (-2.0, -1.0, 0.0, 1.0, 2.0):
        bc1, bc2 = exact
        bc1, bc2 = (
            (bc1 + places * 2.0**-53, bc2) if near_one == 0 else (bc1, bc2 + places * 2.0**-53)
        )
        got = theta - number(lr / bc1) * m / (np.sqrt(v / number(bc2)) + number(1e-8))
        used.append(float(claim.share(np.array([got]))[0]))
    assert max(used) <= 1.0
    assert max(used) > 0.9
    assert (claim.share(np.array(claim.exact + 2.0 * claim.bound, dtype)) > 1.0).all()


def test_betas_that_are_1_in_float32_excuse_nothing():
    """1 - beta of a beta rounded to float32 may be 0, and its bound infinite: what is
    off has no such explanation.
    """
    fmt, betas = FORMATS["float32"], (0.9, 1.0 - 2.0**-30)
    claim = divided("adam", fmt, 1e-8, 0.5, 0.25, betas=betas)
    assert claim.judged.all()
    off = np.array(claim.exact + 2.0 * claim.bound, np.float32)
    with np.errstate(all="ignore"):
        assert [other.fits(off).any() for other in claim.others()] == [False]
        assert not near(fmt, claim.exact, np.full(1, np.inf))(off).any()


def variances(fmt):
    """(v, mean): of 1, where v - mean^2 is 0 rounded and above 0 exactly."""
    for mean in np.random.default_rng(4).uniform(1.0, 1.4, 20).astype(fmt.dtype):
        if fmt.less_square(mean * mean, mean) > 0.0:
            yield mean * mean, mean


@in_both_dtypes
def test_a_quotient_that_may_overflow_is_not_judged(dtype):
    """Though its product with a small rate does not: q where D may be as small as eps,
    m' / bc1, and v' / bc2. A tenth of each is judged.
    """
    fmt = FORMATS[dtype]
    v, mean = next(variances(fmt))
    near_one, large = 1.0 - 2.0**-10, fmt.largest * 2.0**-10
    for share, judged in ((2.0, False), (0.1, True)):
        h = {"centered": True, "eps": 4.0 * fmt.tiny, "lr": 2.0**-40, "momentum": 0.0}
        new = {"square_avg": v, "grad_avg": mean}
        g = share * fmt.largest * 4.0 * fmt.tiny
        step = update(fmt, h, 3.0, g, (), new)
        assert RULE_ENTRIES["rmsprop"]().parameters(step).judged.all() == judged
        for betas, m, square in (
            ((near_one, 0.5), share * large, 1.0),
            ((0.5, near_one), 1.0, share * large),
        ):
            h = {"betas": betas, "lr": 2.0**-40}
            assert divided("adam", fmt, 1e-8, m, square, t=1, **h).judged.all() == judged


def test_a_quotient_may_fade_by_the_error_of_the_bias_correction():
    """v' / bc2 just above lam, and bc2 off by an eighth: it may be below lam, and 0."""
    fmt, betas = FORMATS["float64"], (0.5, 1.0 - 2.0**-50)
    v = fmt.tiny * 2.0**-49
    with np.errstate(all="ignore"):
        assert not divided("adam", fmt, 0.0, 0.5, v, betas=betas).judged.any()
        assert divided("adam", fmt, 0.0, 0.5, 2.0 * v, betas=betas).judged.all()


@in_both_dtypes
def test_a_variance_may_come_out_negative_where_it_is_not(dtype):
    """A NaN of its root has its name also where the exact one is above 0, as far as it
    may be rounded to the other side of it; not beyond.
    """
    fmt, entry = FORMATS[dtype], RULE_ENTRIES["rmsprop"]()
    v, mean = next(variances(fmt))
    for square, named in ((v, True), (v * fmt.dtype.type(1.0 + 8.0 * fmt.unit), False)):
        h = {"centered": True, "eps": 1e-8}
        step = update(fmt, h, 3.0, 0.5, (), {"square_avg": square, "grad_avg": mean})
        (other,) = entry.parameters(step).others()
        assert other.deviation == "centered RMSprop"
        assert other.fits(np.array([np.nan])) == named


@in_both_dtypes
def test_an_eps_below_the_smallest_is_anything_from_nothing_on(dtype):
    """It may be flushed to 0, or rounded up to lam; an eps of 0 or from lam on is
    itself.
    """
    fmt = FORMATS[dtype]
    v = np.full(1, fmt.tiny, fmt.wide)
    for eps in (0.0, fmt.tiny):
        by = Divisor.of(fmt, v, eps)
        assert (by.below, by.above, by.least) == (0.0, 0.0, by.D)
    by = Divisor.of(fmt, v, fmt.tiny / 2.0)
    assert (by.below, by.above, by.least) == (fmt.tiny / 2.0, fmt.tiny, np.sqrt(v))


@in_both_dtypes
def test_width_is_the_distance_to_the_ends_of_the_interval(dtype):
    """n / D at the four corners of n and D, in 50 digits: width is the largest distance
    to them, neither less nor, where n has its sign, more.
    """
    fmt, rng = FORMATS[dtype], np.random.default_rng(3)
    with mpmath.workdps(50):
        for _ in range(300):
            v, n = 10.0 ** rng.uniform(-12, 2, 2)
            off, eps = n * 10.0 ** rng.uniform(-17, 0), float(rng.choice([0.0, 1e-8, 1e-3]))
            below, above = v / 2.0 * 10.0 ** rng.uniform(-17, 0), v * 10.0 ** rng.uniform(-17, 3)
            by = Divisor.of(fmt, np.array([v], fmt.wide), eps, np.array([below]), np.array([above]))
            low, middle, high = (
                mpmath.sqrt(mpmath.mpf(v) + moved) + eps for moved in (-below, 0, above)
            )
            size, least = mpmath.mpf(n), mpmath.mpf(n) - off
            want = max((size + off) / low - size / middle, size / middle - least / high)
            got = float(by.width(np.array([n]), np.array([off]))[0])
            assert abs(got - want) <= OPERATIONS * mpmath.mpf(2) ** -53 * want
