"""Formulas over bounded arrays: in 50-digit arithmetic, what inputs within their errors
give lies within the error of the result.

And no formula's error is twice what such inputs need: some of them come more than half
as far.
"""

from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.formulas import activate, cost, new_parameters, new_state, output_delta, pull_back
from parity.proof.tests.truth import (
    CANCELLED,
    COSTS,
    DIGITS,
    GRADIENTS,
    OVER_OUTPUTS,
    RULES,
    exact,
    sigmoid,
    softmax,
)
from parity.rounding.bounded import Bounded
from parity.rounding.formats import FORMATS
from parity.steps.cases import outputs_of, targets_of
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS, SECOND_MOMENTS

SLOPE = 0.3
DRAWS, SHARES = 8, 4  # inputs, and for each of them numbers within its errors
every_format = pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS)


def parameters(name):
    """Those of an activation."""
    return {"slope": SLOPE} if name == "leaky_relu" else {}


def within(rng, fmt, value, draw, room=None):
    """An array of the dtype: of four draws one is known exactly, one to within a unit,
    two to within nothing to a fifth.

    A fifth is that of an entry, now and then of the largest; where given, of the `room`
    that it has.
    """
    value = np.asarray(value).astype(fmt.dtype)
    share = rng.choice(
        [[0.0], [fmt.unit], [0.0, fmt.unit, 1e-3, 0.2], [1e-3, 0.2]][draw % 4], value.shape
    )
    room = (
        np.where(rng.random(value.shape) < 0.8, abs(value), abs(value).max())
        if room is None
        else room
    )
    return Bounded(value, share * room, fmt)


def moved(rng, bounded, corner):
    """Numbers that it admits, with 50 digits: as far off as it says, to either side, or
    anywhere between.
    """
    share = (
        rng.choice([-1.0, 1.0], bounded.shape) if corner else rng.uniform(-1.0, 1.0, bounded.shape)
    )
    entries = [
        exact(v) + mpf(s) * exact(e)
        for v, s, e in zip(bounded.value.flat, share.flat, bounded.error.flat, strict=True)
    ]
    return np.array(entries, object).reshape(bounded.shape)


def numbers(array):
    """The same numbers with 50 digits."""
    return np.array([exact(v) for v in array.flat], object).reshape(array.shape)


def used(result, formula, rng, *inputs):
    """The largest share of the result's error that numbers within the inputs use; what
    has an infinite error admits all.
    """
    most = 0.0
    with mpmath.workdps(DIGITS):
        for i in range(SHARES):
            gone = np.asarray(
                formula(*(moved(rng, given, corner=i < SHARES - 1) for given in inputs)), object
            )
            assert gone.shape == result.shape
            for value, error, there in zip(
                result.value.flat, result.error.flat, gone.flat, strict=True
            ):
                if np.isfinite(error) and there != exact(value):
                    most = max(
                        most, float(abs(there - exact(value)) / exact(error)) if error else np.inf
                    )
    return most


def rows(function, *arrays):
    """A function of rows, of every row."""
    return np.array(
        [function(*(list(row) for row in together)) for together in zip(*arrays, strict=True)],
        object,
    )


def kinked(z, above, below):
    """above where z > 0, else below."""
    return [p if one > 0 else q for one, p, q in zip(z, above, below, strict=True)]


VALUES = {
    "identity": list,
    "heaviside": lambda z: kinked(z, [mpf(1)] * len(z), [mpf(0)] * len(z)),
    "sigmoid": lambda z: [sigmoid(one) for one in z],
    "tanh": lambda z: [mpmath.tanh(one) for one in z],
    "relu": lambda z: kinked(z, z, [mpf(0)] * len(z)),
    "leaky_relu": lambda z: kinked(z, z, [mpf(SLOPE) * one for one in z]),
    "softmax": softmax,
}
PULLBACKS = {  # of dC/da to dC/dz, f' in terms of z at kinks and of a elsewhere
    "identity": lambda g, z, a: g,
    "heaviside": lambda g, z, a: [mpf(0)] * len(g),
    "sigmoid": lambda g, z, a: [p * q * (1 - q) for p, q in zip(g, a, strict=True)],
    "tanh": lambda g, z, a: [p * (1 - q**2) for p, q in zip(g, a, strict=True)],
    "relu": lambda g, z, a: kinked(z, g, [mpf(0)] * len(g)),
    "leaky_relu": lambda g, z, a: kinked(z, g, [mpf(SLOPE) * p for p in g]),
    "softmax": lambda g, z, a: [q * (p - mpmath.fdot(g, a)) for p, q in zip(g, a, strict=True)],
}


def layer(rng, name, shape=(2, 3)):
    """z of moderate size with some zeros, and what may stand for its a."""
    z = rng.normal(size=shape) * rng.choice([0.1, 1.0, 5.0], shape) * (rng.random(shape) < 0.9)
    with mpmath.workdps(DIGITS):
        return z, np.array(rows(VALUES[name], numbers(z)), float)


@every_format
@pytest.mark.parametrize("name", VALUES)
def test_activations_contain_what_their_inputs_give(name, fmt):
    """f(z') lies within the error of f(z), kinks and sums over rows included."""
    rng, most = np.random.default_rng(1), 0.0
    for draw in range(DRAWS):
        z = within(rng, fmt, layer(rng, name)[0], draw)
        most = max(
            most, used(activate(name, parameters(name), z), lambda z: rows(VALUES[name], z), rng, z)
        )
    assert 0.5 < most <= 1.0


@every_format
@pytest.mark.parametrize("name", VALUES)
def test_pullbacks_contain_what_their_inputs_give(name, fmt):
    """g' f' from z' and a' lies within the error of the pullback of g, whichever of z
    and a it reads.
    """
    rng, most = np.random.default_rng(2), 0.0
    for draw in range(DRAWS):
        z, a = layer(rng, name)
        g, z, a = (within(rng, fmt, array, draw) for array in (rng.normal(size=z.shape), z, a))
        result = pull_back(name, parameters(name), g, z, a)
        most = max(most, used(result, lambda g, z, a: rows(PULLBACKS[name], g, z, a), rng, g, z, a))
    assert 0.5 < most <= 1.0 or name == "heaviside"


def targets(rng, kind, shape):
    """As the case table has them; y and the rows of it as a distribution."""
    if kind == "labels":
        y = rng.integers(0, shape[1], shape[0])
        return y, np.eye(shape[1])[y]
    if kind == "distributions":
        y = rng.dirichlet(np.ones(shape[1]), shape[0])
    elif kind == "probabilities":
        y = np.where(rng.random(shape) < 0.5, rng.integers(0, 2, shape), rng.random(shape))
    else:
        y = rng.normal(size=shape)
    return y, y


PROBABLE = {loss: LOSSES[loss].reads == "probabilities" for loss in LOSSES}
PAIRS = [
    (loss, output, kind)
    for loss in LOSSES
    for output in outputs_of(loss)
    for kind in targets_of(loss)
]


def count(loss, a):
    """What a loss divides by."""
    return a.size if loss in OVER_OUTPUTS else len(a)


@every_format
@pytest.mark.parametrize(("loss", "output", "kind"), PAIRS)
def test_costs_and_output_deltas_contain_what_their_inputs_give(loss, output, kind, fmt):
    """C of a' and BP1 from z' and a' lie within the errors of C and BP1."""
    rng, most = np.random.default_rng(3), [0.0, 0.0]

    def delta(z, a):
        Y = numbers(rows_of_y)
        if (loss, output) in CANCELLED:
            reads = z if output == "identity" else a
            whole = rows(
                lambda r, y: [CANCELLED[loss, output](r, y, j) for j in range(len(r))], reads, Y
            )
        else:
            g = rows(lambda a, y: [GRADIENTS[loss](p - q) for p, q in zip(a, y, strict=True)], a, Y)
            whole = rows(PULLBACKS[output], g, z, a)
        return whole / count(loss, a)

    def value(a):
        return sum(
            COSTS[loss](list(row), list(y)) for row, y in zip(a, numbers(rows_of_y), strict=True)
        ) / count(loss, a)

    for draw in range(DRAWS):
        z, a = layer(rng, output)
        y, rows_of_y = targets(rng, kind, z.shape)
        y, rows_of_y = (y if kind == "labels" else y.astype(fmt.dtype)), rows_of_y.astype(fmt.dtype)
        z, a = (
            within(rng, fmt, z, draw),
            within(rng, fmt, a, draw, np.minimum(a, 1 - a) if PROBABLE[loss] else None),
        )
        most[0] = max(most[0], used(cost(loss, a, y), value, rng, a))
        most[1] = max(
            most[1],
            used(output_delta(loss, (output, parameters(output)), z, a, y), delta, rng, z, a),
        )
    assert 0.5 < most[0] <= 1.0
    assert 0.5 < most[1] <= 1.0


@every_format
def test_a_probability_that_may_be_0_matters_only_where_it_is_the_target_s(fmt):
    """The cost is bounded where such a class has no target, and unbounded where it has
    one.
    """
    a = Bounded(np.array([[0.25, 0.75, 0.0]]), np.array([[0.0, 0.0, 1e-3]]), fmt)
    for loss, miss, hit in (
        ("cross_entropy", np.array([1]), np.array([2])),
        ("cross_entropy", np.array([[0.5, 0.5, 0.0]]), np.array([[0.5, 0.0, 0.5]])),
        ("binary_cross_entropy", np.array([[0.5, 1.0, 0.0]]), np.array([[0.5, 1.0, 0.5]])),
    ):
        assert np.isfinite(cost(loss, a, miss).error)
        assert np.isinf(cost(loss, a, hit).error)


RULE_SETTINGS = [
    (
        "sgd",
        {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.1},
        1,
    ),
    (
        "sgd",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "nesterov": False, "weight_decay": 0.0},
        2,
    ),
    (
        "sgd",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "nesterov": True, "weight_decay": 0.1},
        1,
    ),
    (
        "adagrad",
        {
            "lr": 0.1,
            "lr_decay": 0.1,
            "initial_accumulator_value": 0.0,
            "eps": 1e-10,
            "weight_decay": 0.1,
        },
        3,
    ),
    (
        "rmsprop",
        {
            "lr": 0.01,
            "alpha": 0.99,
            "eps": 1e-8,
            "momentum": 0.0,
            "centered": False,
            "weight_decay": 0.0,
        },
        2,
    ),
    (
        "rmsprop",
        {
            "lr": 0.01,
            "alpha": 0.3,
            "eps": 1e-8,
            "momentum": 0.9,
            "centered": True,
            "weight_decay": 0.1,
        },
        2,
    ),
    (
        "rmsprop",
        {
            "lr": 0.01,
            "alpha": 0.9,
            "eps": 1e-8,
            "momentum": 0.0,
            "centered": True,
            "weight_decay": 0.0,
        },
        2,
    ),
    (
        "adam",
        {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": False, "weight_decay": 0.1},
        1,
    ),
    (
        "adam",
        {"lr": 0.01, "betas": (0.3, 0.9), "eps": 1e-3, "amsgrad": True, "weight_decay": 0.0},
        7,
    ),
    (
        "adamw",
        {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": True, "weight_decay": 0.1},
        3,
    ),
]


@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_every_rule_is_tried(rule):
    """With settings that make it keep every vector of its state."""
    tried = [RULE_ENTRIES[rule]().keeps(h) for name, h, _ in RULE_SETTINGS if name == rule]
    says = f"parity/proof/tests/test_formulas.py: RULE_SETTINGS has nothing for {rule!r}"
    assert {*RULES[rule]} - {"theta"} == {key for keys in tried for key in keys}, says


@every_format
@pytest.mark.parametrize(("rule", "h", "t"), RULE_SETTINGS)
def test_updates_contain_what_their_inputs_give(rule, h, t, fmt):
    """Every vector of the new state from g', and theta from g' and the new state', lie
    within their errors.
    """
    rng, names = np.random.default_rng(4), RULE_ENTRIES[rule]().keeps(h)
    settings = {
        name: tuple(map(mpf, v)) if isinstance(v, tuple) else v if isinstance(v, bool) else mpf(v)
        for name, v in h.items()
    }
    most = dict.fromkeys([*names, "theta"], 0.0)
    for draw in range(DRAWS):
        theta, g, noise = rng.normal(size=(3, 4)).astype(fmt.dtype)
        known = [] if (rule, t) == ("sgd", 1) else names
        old = {
            name: (abs(noise) + rng.random(4) if name in SECOND_MOMENTS else noise / 3).astype(
                fmt.dtype
            )
            for name in known
        }
        state = {
            name: (abs(g) + rng.random(4) if name in SECOND_MOMENTS else g / 3).astype(fmt.dtype)
            for name in names
        }
        given, *new = (within(rng, fmt, array, draw) for array in (g, *state.values()))
        new = dict(zip(names, new, strict=True))

        def entry(name, g, *state, theta=theta, old=old):
            results = []
            for i in np.ndindex(g.shape):
                before = {key: exact(vector[i]) for key, vector in old.items()}
                after = {key: array[i] for key, array in zip(names, state, strict=True)}
                d = g[i] if rule == "adamw" else g[i] + settings["weight_decay"] * exact(theta[i])
                results.append(
                    RULES[rule][name](
                        SimpleNamespace(
                            theta=exact(theta[i]), d=d, old=before, new=after, h=settings, t=t
                        )
                    )
                )
            return np.array(results, object).reshape(g.shape)

        for name in most:
            result = (
                new_parameters(rule, h, t, theta, given, new)
                if name == "theta"
                else new_state(rule, name, h, theta, given, old, new)
            )
            most[name] = max(
                most[name],
                used(
                    result, lambda *moved, name=name: entry(name, *moved), rng, given, *new.values()
                ),
            )
    assert all(0.5 < share <= 1.0 for share in most.values()), most
