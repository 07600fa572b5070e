"""Each update rule against a restatement in 50 digits, within the rounding of its
operations; the dialects in numbers; the settings.
"""

import operator
import re
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet.optimizers import OPTIMIZERS

RATES = (0.1, 0.1, 0.03, 0.01, 0.2, 0.05)


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


@dataclass(frozen=True)
class Rounded:
    """An exact number, and how far its computation in floating point can be off.

    Nothing here is subnormal.

    Every operation rounds once, by at most half a last place, u times the largest size
    its result can have; a root, for which Python also has its pow, by a whole one. A
    constant that meets an array brings 4 roundings: 3 while Python makes it from the
    settings, 1 when it takes the array's dtype.
    """

    value: Decimal
    off: Decimal
    u: Decimal

    def coerce(self, other):
        return (
            other
            if isinstance(other, Rounded)
            else Rounded(Decimal(other), 4 * self.u * abs(Decimal(other)), self.u)
        )

    def after(self, value, off, roundings=1):
        return Rounded(value, off + roundings * self.u * (abs(value) + off), self.u)

    def __neg__(self):
        return Rounded(-self.value, self.off, self.u)

    def __add__(self, other):
        other = self.coerce(other)
        return self.after(self.value + other.value, self.off + other.off)

    def __sub__(self, other):
        return self + -self.coerce(other)

    def __mul__(self, other):
        other = self.coerce(other)
        return self.after(
            self.value * other.value,
            abs(self.value) * other.off + abs(other.value) * self.off + self.off * other.off,
        )

    def __truediv__(self, other):
        other = self.coerce(other)
        quotient = self.value / other.value
        return self.after(
            quotient, (self.off + abs(quotient) * other.off) / (abs(other.value) - other.off)
        )

    def __rtruediv__(self, other):
        return self.coerce(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def sqrt(self):
        return self.after(self.value.sqrt(), self.off / self.value.sqrt(), roundings=2)

    def larger(self, other):
        return Rounded(max(self.value, other.value), max(self.off, other.off), self.u)


# 50 digits hold their products exactly
whole = st.integers(1, 2**53).flatmap(lambda k: st.sampled_from([float(k), -float(k)]))


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.truediv])
@given(whole, whole, whole)
def test_rounded_bounds_double_precision(operation, a, b, c):
    """Two operations in double precision are never further off than Rounded says."""
    with localcontext(prec=50):
        x, y, z = (Rounded(Decimal(number), Decimal(0), Decimal(2) ** -53) for number in (a, b, c))
        exact = operation(x, y) * z
        assert abs(Decimal(operation(a, b) * c) - exact.value) <= exact.off


def sgd(theta, g, lr, t, s, momentum, dampening, nesterov, weight_decay):
    d = g + weight_decay * theta
    v = s["v"] = d if t == 1 else momentum * s["v"] + (1 - dampening) * d
    return theta - lr * (d + momentum * v if nesterov else v if momentum else d)


def adagrad(theta, g, lr, t, s, lr_decay, initial_accumulator_value, eps, weight_decay):
    d = g + weight_decay * theta
    v = s["v"] = d * d + s.get("v", initial_accumulator_value)
    return theta - lr / (1 + (t - 1) * lr_decay) * d / (v.sqrt() + eps)


def rmsprop(theta, g, lr, t, s, alpha, eps, momentum, centered, weight_decay):
    d = g + weight_decay * theta
    v = s["v"] = (1 - alpha) * (d * d) + alpha * s.get("v", 0)
    mean = s["mean"] = (1 - alpha) * d + alpha * s.get("mean", 0)
    q = d / ((v - mean * mean if centered else v).sqrt() + eps)
    s["buf"] = q + momentum * s.get("buf", 0)
    return theta - lr * s["buf"]


def adam(theta, g, lr, t, s, betas, eps, amsgrad, weight_decay):
    return adam_step(theta, g + weight_decay * theta, lr, t, s, betas, eps, amsgrad)


def adamw(theta, g, lr, t, s, betas, eps, amsgrad, weight_decay):
    return adam_step((1 - lr * weight_decay) * theta, g, lr, t, s, betas, eps, amsgrad)


def adam_step(theta, d, lr, t, s, betas, eps, amsgrad):
    m = s["m"] = (1 - betas[0]) * d + betas[0] * s.get("m", 0)
    v = s["v"] = (1 - betas[1]) * (d * d) + betas[1] * s.get("v", 0)
    if amsgrad:
        v = s["max"] = v.larger(s.get("max", v))
    # beta^t is below 1: a library's pow is off by less than a last place there, 2^-53,
    # and the difference by half of one
    first, second = (Rounded(1 - beta**t, Decimal(2) ** -52, d.u) for beta in betas)
    return theta - lr / first * m / (v.sqrt() / second.sqrt() + eps)


RULES = {
    refnet.SGD: sgd,
    refnet.Adagrad: adagrad,
    refnet.RMSprop: rmsprop,
    refnet.Adam: adam,
    refnet.AdamW: adamw,
}
CASES = {
    "sgd": (refnet.SGD, {}),
    "sgd decay": (refnet.SGD, {"weight_decay": 0.3}),
    "momentum": (refnet.SGD, {"momentum": 0.9}),
    "dampening": (refnet.SGD, {"momentum": 0.9, "dampening": 0.5}),
    "nesterov": (refnet.SGD, {"momentum": 0.9, "nesterov": True}),
    "nesterov decay": (refnet.SGD, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.3}),
    "adagrad": (refnet.Adagrad, {}),
    "adagrad all": (
        refnet.Adagrad,
        {"lr_decay": 0.2, "weight_decay": 0.3, "initial_accumulator_value": 0.1, "eps": 0.01},
    ),
    "rmsprop": (refnet.RMSprop, {}),
    "centered": (refnet.RMSprop, {"alpha": 0.9, "centered": True}),
    "rmsprop all": (
        refnet.RMSprop,
        {"alpha": 0.8, "eps": 0.01, "weight_decay": 0.3, "momentum": 0.7, "centered": True},
    ),
    "adam": (refnet.Adam, {}),
    "adam all": (
        refnet.Adam,
        {"betas": (0.8, 0.5), "eps": 0.01, "weight_decay": 0.3, "amsgrad": True},
    ),
    "adamw": (refnet.AdamW, {}),
    "adamw all": (
        refnet.AdamW,
        {"betas": (0.8, 0.5), "eps": 0.01, "weight_decay": 0.3, "amsgrad": True},
    ),
}


def walk(optimizer, net, given_gradients, rates):
    """The parameters after every step."""
    thetas = []
    for lr, g in zip(rates, given_gradients, strict=True):
        optimizer.lr = lr
        optimizer.step(net, SimpleNamespace(vector=g))
        thetas.append(net.parameters.copy())
    return thetas


def exactly(number):
    """Settings without rounding: binary floats as they stand, text as the decimal it
    says.
    """
    return (
        tuple(map(exactly, number))
        if isinstance(number, tuple)
        else number
        if isinstance(number, bool)
        else Decimal(number)
    )


def restate(rule, start, given_gradients, rates, settings):
    """One parameter after every step, as Rounded."""
    u = Decimal(float(np.finfo(start.dtype).eps)) / 2
    settings = {name: exactly(value) for name, value in settings.items() if name != "lr"}
    theta, state, thetas = Rounded(Decimal(float(start)), Decimal(0), u), {}, []
    for t, (lr, g) in enumerate(zip(rates, given_gradients, strict=True), start=1):
        theta = rule(
            theta, Rounded(Decimal(float(g)), Decimal(0), u), exactly(lr), t, state, **settings
        )
        thetas.append(theta)
    return thetas


def worst_share(optimizer, rule, dtype="float64"):
    """The largest share of its bound that an entry is off by, over six steps; NaN
    counts as infinitely far.

    The gradients rise and fall in size, so that amsgrad's maximum is not always the
    last.
    """
    net, rng, shares = (
        refnet.mlp([2, 3, 2], hidden="tanh", output="identity", dtype=dtype),
        np.random.default_rng(5),
        [],
    )
    given_gradients = [
        (10.0 ** -(t % 3) * rng.standard_normal(17)).astype(dtype) for t in range(len(RATES))
    ]
    start, rows = net.parameters.copy(), walk(optimizer, net, given_gradients, RATES)
    with localcontext(prec=50):
        for i in range(start.size):
            restated = restate(
                rule, start[i], [g[i] for g in given_gradients], RATES, optimizer.hyperparameters
            )
            shares += [
                abs(Decimal(float(row[i])) - exact.value) / exact.off
                for row, exact in zip(rows, restated, strict=True)
            ]
    return max(np.inf if share.is_nan() else float(share) for share in shares)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "settings"), CASES.values(), ids=CASES)
def test_rule_is_the_textbook_assignment(kind, settings, dtype):
    """Six steps at a changing learning rate stay within the rounding of the restated
    rule.
    """
    assert worst_share(kind(**settings), RULES[kind], dtype) <= 1.0


def momentum_of_steps(theta, g, lr, t, s, momentum, **_):
    s["v"] = momentum * s.get("v", 0) - lr * g if t > 1 else -(lr * g)
    return theta + s["v"]


def dampened_first(theta, g, lr, t, s, momentum, dampening, **_):
    s["v"] = (1 - dampening) * g + momentum * s.get("v", 0)
    return theta - lr * s["v"]


def eps_under_the_root(theta, g, lr, t, s, initial_accumulator_value, eps, **_):
    s["v"] = g * g + s.get("v", initial_accumulator_value)
    return theta - lr * g / (s["v"] + eps).sqrt()


def eps_hat(theta, g, lr, t, s, betas, eps, **settings):
    return adam(theta, g, lr, t, s, betas, eps / (1 - betas[1] ** t).sqrt(), **settings)


def late_count(theta, g, lr, t, s, **settings):
    return adam(theta, g, lr, t + 1, s, **settings)


def decay_afterwards(theta, g, lr, t, s, weight_decay, **settings):
    return (1 - lr * weight_decay) * adam(theta, g, lr, t, s, weight_decay=0, **settings)


def settled(rule, **fixed):
    return lambda *args, **settings: rule(*args, **{**settings, **fixed})


WRONG = {
    "momentum of steps": ("momentum", momentum_of_steps),
    "first step dampened": ("dampening", dampened_first),
    "dampening ignored": ("dampening", settled(sgd, dampening=Decimal(0))),
    "no lookahead": ("nesterov", settled(sgd, nesterov=False)),
    "decay forgotten": ("sgd decay", settled(sgd, weight_decay=Decimal(0))),
    "Adagrad: eps under the root": ("adagrad", eps_under_the_root),
    "Adagrad: lr not decayed": ("adagrad all", settled(adagrad, lr_decay=Decimal(0))),
    "RMSprop: not centered": ("centered", settled(rmsprop, centered=False)),
    "RMSprop: no eps": ("rmsprop", settled(rmsprop, eps=Decimal(0))),
    "Adam: eps before correction": ("adam", eps_hat),
    "Adam: t one ahead": ("adam", late_count),
    "Adam: no maximum": ("adam all", settled(adam, amsgrad=False)),
    "AdamW: decay in the gradient": ("adamw", adam),
    "AdamW: decay after the step": ("adamw", decay_afterwards),
}


@pytest.mark.parametrize(("right", "rule"), WRONG.values(), ids=WRONG)
def test_wrong_rule_is_out_of_bounds(right, rule):
    """The bound is narrow enough to tell every rule from its dialects and the usual
    mistakes.
    """
    kind, settings = CASES[right]
    assert worst_share(kind(**settings), rule) > 1.0


def test_nan_is_out_of_bounds():
    """A parameter that is not a number is further off than any bound."""
    assert (
        worst_share(refnet.SGD(), lambda *_, **__: Rounded(Decimal("nan"), Decimal(1), Decimal(1)))
        == np.inf
    )


PUBLISHED = {
    # v = 1, 0.9 + 0.5 = 1.4, 1.26 + 0.5 = 1.76; theta falls by 0.1 v
    "dampening": (
        {"momentum": "0.9", "dampening": "0.5"},
        ("0.1", "0.1", "0.1"),
        ("0.9", "0.76", "0.584"),
    ),
    # v = 1, 1.9, 2.71; theta falls by 0.1 (1 + 0.9 v) = 0.19, 0.271, 0.3439
    "nesterov": (
        {"momentum": "0.9", "nesterov": True},
        ("0.1", "0.1", "0.1"),
        ("0.81", "0.539", "0.1951"),
    ),
    # v = 1, 1.9; theta falls by 0.1 and 0.019. With v := 0.9 v - lr g it would come to
    # 0.8
    "lr changes": ({"momentum": "0.9"}, ("0.1", "0.01"), ("0.9", "0.881")),
}


@pytest.mark.parametrize(("settings", "rates", "expected"), PUBLISHED.values(), ids=PUBLISHED)
def test_worked_example_of_momentum(settings, rates, expected):
    """From theta = 1 with g = 1 the restated rule gives the known decimals exactly, and
    the optimizer gives them within rounding.
    """
    net = refnet.Network([refnet.Dense([[1.0]], [1.0])])
    optimizer = refnet.SGD(
        **{name: value if value is True else float(value) for name, value in settings.items()}
    )
    rows = walk(optimizer, net, [np.ones(2)] * len(rates), [float(lr) for lr in rates])
    exact = restate(
        sgd,
        np.float64(1.0),
        [1.0] * len(rates),
        rates,
        {"dampening": 0, "nesterov": False, "weight_decay": 0, **settings},
    )
    assert [step.value for step in exact] == [Decimal(value) for value in expected]
    for row, step in zip(rows, exact, strict=True):
        assert all(abs(Decimal(float(theta)) - step.value) <= step.off for theta in row)


@pytest.mark.parametrize("g", [1.0, 1e-8])
def test_adam_adds_eps_after_correction_outside_the_root(g):
    """Adam's first step is lr g / (|g| + eps), half of lr where g = eps; with eps
    before the correction or under the root it differs.
    """
    net = refnet.Network([refnet.Dense([[0.0]], [0.0])])
    optimizer = refnet.Adam(lr=0.001)
    (row,) = walk(optimizer, net, [np.full(2, g)], [0.001])
    with localcontext(prec=50):
        (step,) = restate(adam, np.float64(0.0), [g], [0.001], optimizer.hyperparameters)
        G, lr, eps, rest = exactly((g, 0.001, 1e-8, 1 - Decimal("0.999")))
        assert abs(-Decimal(float(row[0])) - lr * G / (G + eps)) <= step.off
        for other in (lr * G / (G + eps / rest.sqrt()), lr * G / (G * G + eps).sqrt()):
            assert abs(-Decimal(float(row[0])) - other) > step.off


@pytest.mark.parametrize(("kind", "settings"), CASES.values(), ids=CASES)
def test_hyperparameters_are_what_was_given(kind, settings):
    """`hyperparameters` holds every setting by torch's name, given ones as given, and
    makes the same optimizer again.
    """
    optimizer = kind(lr=0.07, **settings)
    assert optimizer.hyperparameters.items() >= {"lr": 0.07, **settings}.items()
    assert repr(kind(**optimizer.hyperparameters)) == repr(optimizer)
    assert f"{optimizer}" == kind.__name__


AT_LEAST_0 = [
    *product([refnet.SGD], ["lr", "momentum", "weight_decay"]),
    *product(
        [refnet.Adagrad], ["lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"]
    ),
    *product([refnet.RMSprop], ["lr", "alpha", "eps", "weight_decay", "momentum"]),
    *product([refnet.Adam, refnet.AdamW], ["lr", "eps", "weight_decay"]),
]


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_every_optimizer_is_tried(kind):
    """It is restated, told from its mistakes, and refuses what is out of range."""
    for table, tried in (
        ("RULES", RULES),
        ("CASES", [tried for tried, _ in CASES.values()]),
        ("WRONG", [CASES[right][0] for right, _ in WRONG.values()]),
        ("AT_LEAST_0", [tried for tried, _ in AT_LEAST_0]),
    ):
        says = f"{table} has no entry for {kind.__name__}"
        assert kind in tried, f"tests/test_optimizer_rules.py: {says}"


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("kind", "name"), AT_LEAST_0)
def test_setting_out_of_range_is_refused(kind, name, value):
    """What torch wants at least 0 is refused below it, and where it is not finite."""
    with refuses(ValueError, f"{kind.__name__}: {name} has {value}, expected a finite number >= 0"):
        kind(**{name: value})


@pytest.mark.parametrize("value", ["0.1", None, True, np.True_, 1j, [0.1], np.array(0.1)], ids=repr)
@pytest.mark.parametrize(("kind", "name"), AT_LEAST_0)
def test_setting_of_another_kind_is_refused(kind, name, value):
    """A setting that is no number, or a truth value, is refused by its type."""
    with refuses(
        TypeError, f"{kind.__name__}: {name} has type {type(value).__name__}, expected a number"
    ):
        kind(**{name: value})


@pytest.mark.parametrize("kind", [refnet.Adam, refnet.AdamW])
@pytest.mark.parametrize("value", [1.0, -0.1, np.nan, 1.5])
@pytest.mark.parametrize("i", [0, 1])
def test_betas_lie_in_0_to_1(kind, value, i):
    """Each beta is at least 0 and below 1, and there are two of them."""
    with refuses(
        ValueError,
        f"{kind.__name__}: betas[{i}] has {value}, expected a finite number >= 0 and < 1",
    ):
        kind(betas=(value, 0.5) if i == 0 else (0.5, value))
    for betas in (0.9, (0.9, 0.9, 0.9)):
        with refuses(ValueError, f"{kind.__name__}: betas has {betas}, expected a pair of numbers"):
            kind(betas=betas)


@pytest.mark.parametrize(("momentum", "dampening"), [(0.0, 0.0), (0.9, 0.5), (0.0, 0.5)])
def test_nesterov_needs_momentum_undampened(momentum, dampening):
    """Nesterov without momentum, or with dampening, is refused."""
    sentence = (
        f"SGD: nesterov has momentum {momentum} and dampening {dampening}, expected momentum > 0 "
        f"and dampening 0"
    )
    with refuses(ValueError, sentence):
        refnet.SGD(momentum=momentum, dampening=dampening, nesterov=True)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_lr_set_between_steps_is_checked(value):
    """A learning rate out of range is refused when it is set, and the old one stays."""
    optimizer = refnet.SGD(lr=0.25)
    with refuses(ValueError, f"SGD: lr has {value}, expected a finite number >= 0"):
        optimizer.lr = value
    assert optimizer.lr == 0.25


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=lambda kind: kind.__name__)
def test_the_equation_of_an_optimizer_is_the_one_in_its_docstring(kind):
    """The update is written twice, for those who read the class and for programs: in
    the same words, but for the backquotes.
    """
    docstring = " ".join(kind.__doc__.replace("`", "").split())
    assert "equation" in vars(kind)  # its own: AdamW's is not Adam's
    assert docstring.startswith(kind.equation)
