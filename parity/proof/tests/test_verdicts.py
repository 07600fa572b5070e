"""A quantity is passed, not judged, an inaccurate formula, a convention or wrong, and
the gravest that one of its entries is.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from parity.proof.certificate import certify, judge
from parity.proof.statements import statements
from parity.proof.tests.certified import (
    DECAYED,
    by_hand,
    everything,
    good,
    in_both_dtypes,
    recorded,
    result_of,
    rewritten,
    shown,
    where,
    with_entry,
)
from parity.rounding.claim import Other
from parity.rounding.formats import FORMATS
from parity.steps.cases import Case
from parity.steps.record import LayerRecord

THROUGH_EXP = {
    "(e^2z - 1) / (e^2z + 1)": lambda z: (np.exp(2.0 * z) - 1.0) / (np.exp(2.0 * z) + 1.0),
    "(e^z - e^-z) / (e^z + e^-z)": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "(1 - e^-2z) / (1 + e^-2z)": lambda z: (1.0 - np.exp(-2.0 * z)) / (1.0 + np.exp(-2.0 * z)),
    "2 sigmoid(2z) - 1": lambda z: 2.0 / (1.0 + np.exp(-2.0 * z)) - 1.0,
}
THROUGH_TANH = {
    "(1 + tanh(z / 2)) / 2": lambda z: (1.0 + np.tanh(z / 2.0)) / 2.0,
    "1/2 tanh(z / 2) + 1/2": lambda z: 0.5 * np.tanh(0.5 * z) + 0.5,
}


def through_lse(z):
    """exp(z - log sum exp z)."""
    top = z.max(axis=1, keepdims=True)
    return np.exp(z - (top + np.log(np.exp(z - top).sum(axis=1, keepdims=True))))


NEAR_ZERO, FAR_BELOW, FAR = (
    np.linspace(*ends, 24).reshape(2, 12)
    for ends in ((-3e-5, 4e-5), (-20.0, -5.0), (9000.0, 9003.0))
)
TANH_NOTE = "tanh through exp, such as (e^2z - 1) / (e^2z + 1), cancels where z is near 0"
SIGMOID_NOTE = "sigmoid through tanh, (1 + tanh(z / 2)) / 2, cancels where z is far below 0"
SOFTMAX_NOTE = "softmax as exp(z - log sum exp z), off by |log sum exp z| roundings"
ROUGH = {
    **{f"tanh as {name}": ("tanh", f, NEAR_ZERO, TANH_NOTE) for name, f in THROUGH_EXP.items()},
    **{
        f"sigmoid as {name}": ("sigmoid", f, FAR_BELOW, SIGMOID_NOTE)
        for name, f in THROUGH_TANH.items()
    },
    "softmax through log sum exp": ("softmax", through_lse, FAR, SOFTMAX_NOTE),
}


@in_both_dtypes
@pytest.mark.parametrize("formula", ROUGH)
def test_an_inaccurate_formula_is_named_and_refused(formula, dtype):
    """A form of f that loses digits it need not lose is no pass; an entry off by more
    than that form explains is wrong.
    """
    output, written, z, note = ROUGH[formula]
    record = by_hand(z, np.zeros(z.shape), output, "mse", dtype)
    assert result_of(certify(record), "a", 1).status == "passed"
    rough = rewritten(record, "a", 1, written(record.layers[0].z))
    result = result_of(certify(rough), "a", 1)
    assert (result.status, result.note, result.deviation) == ("inaccurate formula", note, "")
    assert not certify(rough).passed
    result = result_of(
        certify(with_entry(rough, "a", 1, (1, 3), rough.layers[0].a[1, 3] + np.array(1e-3, dtype))),
        "a",
        1,
    )
    assert (result.status, result.index, result.note) == ("wrong", (1, 3), f"elsewhere {note}")


ROUNDED = [
    ("adam", {"lr": 1.0}, "betas", ("exp_avg_sq of W", "W")),
    (
        "adamw",
        {"lr": 1.0, "betas": (0.99, 0.999)},
        "betas",
        ("exp_avg of W", "exp_avg_sq of W", "W"),
    ),
    ("rmsprop", {"alpha": 0.99, "centered": True}, "alpha", ("square_avg of W", "grad_avg of W")),
]


def in_float32(h, name):
    """The hyper-parameter as float32 numbers."""
    return tuple(map(np.float32, h[name])) if isinstance(h[name], tuple) else np.float32(h[name])


@pytest.mark.parametrize(("optimizer", "settings", "name", "quantities"), ROUNDED)
def test_a_hyperparameter_in_float32_is_an_inaccurate_formula(
    optimizer, settings, name, quantities
):
    """1 - beta of a beta rounded to float32 is off by tens of bounds, in the means and
    in Adam's step; it has its name, and no pass.
    """
    case = Case(
        "",
        (3, 4, 2),
        ("sigmoid",),
        "identity",
        "mse",
        "values",
        optimizer,
        settings,
        batch=5,
        dtype="float32",
    )
    record = recorded(case, 2)
    h, t, one = record.spec.hyperparameters, record.spec.step, np.float32(1.0)
    rough = in_float32(h, name)
    for quantity in quantities:
        key, of = quantity.partition(" of ")[0], quantity[-1]
        g, theta = record.layers[0].dW, record.before.W[0]
        state = {
            k: v[where(record, of, 1)].reshape(g.shape) for k, v in record.before.state.items()
        }
        if key == "W":
            beta1, beta2 = rough
            m, v = shown(record, "exp_avg of W", 1), shown(record, "exp_avg_sq of W", 1)
            step = (
                np.float32(h["lr"])
                * (m / (one - beta1**t))
                / (np.sqrt(v / (one - beta2**t)) + np.float32(h["eps"]))
            )
            array = (one - np.float32(h["lr"] * h["weight_decay"])) * theta - step
        else:
            beta = rough[0 if key == "exp_avg" else 1] if isinstance(rough, tuple) else rough
            array = beta * state[key] + (one - beta) * (g * g if "sq" in key else g)
        assert array.dtype == np.float32
        result = result_of(certify(rewritten(record, quantity, 1, array)), quantity, 1)
        note = f"{name} rounded to float32 before 1 - beta; make scalars in double"
        assert (result.status, result.note) == ("inaccurate formula", note), quantity
        spoiled = array.copy()
        spoiled[1, 2] *= np.float32(1.01)
        result = result_of(certify(rewritten(record, quantity, 1, spoiled)), quantity, 1)
        assert (result.status, result.index) == ("wrong", (1, 2)), quantity


@in_both_dtypes
def test_what_overflows_is_not_judged(dtype):
    """An entry that may overflow is neither passed nor wrong, nor is what reads it; its
    neighbours are judged, and still can be wrong.
    """
    # below 2^996, so that only its own entry is lost in the wider product
    huge = 2.0**990 if dtype == "float64" else 2.0**120
    record = by_hand([[huge, 1.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], "identity", "mse", dtype)
    W = np.array([[2.0**40, 0.0], [0.0, 1.0]], dtype)
    record = replace(record, before=replace(record.before, W=(W,)))
    z = np.array([[np.inf, 1.0], [2.0**41, 1.0]], dtype)
    with np.errstate(all="ignore"):
        delta = z / 2.0
        layer = LayerRecord(z, z, delta, delta.T @ record.x, delta.sum(axis=0))
        record = replace(
            record,
            layers=(layer,),
            loss=np.inf,
            after=replace(record.after, W=(W - 0.0 * layer.dW,), b=(0.0 * layer.db,)),
        )
    cert = certify(record)
    assert cert.broken == ()
    assert not cert.passed
    entries = {
        "a": "1 of 4",
        "loss": "1 of 1",
        "delta": "1 of 4",
        "db": "1 of 2",
        "dW": "2 of 4",
        "W": "2 of 4",
        "b": "1 of 2",
    }
    reading = {
        quantity: f"an input that is not finite in {count} entries"
        for quantity, count in entries.items()
    }
    assert {r.quantity: r.note for r in cert.results} == {
        "z": "overflow in 1 of 4 entries",
        **reading,
    }
    assert cert.verdict == "No equation could be judged: 8 not judged."
    assert all(r.got is not None for r in cert.results)
    first = certify(with_entry(record, "z", 1, (1, 0), 2.0**42)).broken[0]
    assert (first.quantity, first.index, first.status) == ("z", (1, 0), "wrong")
    assert certify(with_entry(record, "z", 1, (0, 0), 0.0)).results[0].status == "not judged"


@pytest.mark.parametrize(
    ("optimizer", "settings", "squares"),
    [
        ("adam", {}, ("exp_avg_sq",)),
        ("adamw", {"amsgrad": True}, ("exp_avg_sq",)),
        ("rmsprop", {"centered": True}, ("square_avg",)),
        ("adagrad", {}, ("sum",)),
    ],
)
def test_a_square_that_overflows_is_not_judged(optimizer, settings, squares):
    """Where g^2 is beyond float32 the mean of squares and the step are not judged in
    that entry, and the other means are.
    """
    case = Case(
        "",
        (3, 4, 2),
        ("sigmoid",),
        "identity",
        "mse",
        "values",
        optimizer,
        settings,
        batch=5,
        dtype="float32",
    )
    record = with_entry(recorded(case), "dW", 1, (0, 1), 1e20)
    cert = certify(record)
    for key in squares:
        result = result_of(cert, f"{key} of W", 1)
        assert (result.status, result.note) == ("not judged", "overflow in 1 of 12 entries")
    others = {
        f"{key} of W"
        for key in record.after.state
        if key not in squares and not key.startswith("max")
    }
    assert all(result_of(cert, quantity, 1).status == "wrong" for quantity in others)
    overflown = with_entry(record, f"{squares[0]} of W", 1, (0, 1), np.inf)
    assert result_of(certify(overflown), f"{squares[0]} of W", 1).status == "not judged"


@in_both_dtypes
def test_the_middle_of_a_step_may_overflow(dtype):
    """|g| + |weight_decay theta| beyond the largest number is not judged, though the
    two cancel; below it is.
    """
    case = replace(DECAYED, settings={"lr": 0.1, "weight_decay": 1.0, "momentum": 1.0}, dtype=dtype)
    record, most = recorded(case, 2), FORMATS[dtype].largest
    W = (record.before.W[0].copy(), record.before.W[1])
    W[0][0, 0] = -0.6 * most
    record = replace(record, before=replace(record.before, W=W))
    result = result_of(
        certify(with_entry(record, "dW", 1, (0, 0), 0.6 * most)), "momentum_buffer of W", 1
    )
    assert (result.status, result.note) == ("not judged", "overflow in 1 of 35 entries")
    result = result_of(
        certify(with_entry(record, "dW", 1, (0, 0), 0.3 * most)), "momentum_buffer of W", 1
    )
    assert (result.status, result.index) == ("wrong", (0, 0))


@in_both_dtypes
def test_something_wrong_is_wrong(dtype):
    """A number off by a thousandth in any quantity is wrong, without a note or the name
    of a deviation.
    """
    record = good(dtype)
    for quantity, layer in everything(record):
        array = shown(record, quantity, layer)
        index = np.unravel_index(np.abs(array).argmax(), array.shape)
        first = certify(with_entry(record, quantity, layer, index, array[index] * 1.001)).broken[0]
        assert (first.quantity, first.layer, first.index) == (quantity, layer, tuple(index))
        inaccurate = first.quantity == "a" and first.status != "wrong"
        assert inaccurate or (first.status, first.note, first.deviation) == ("wrong", "", "")


def test_the_gravest_of_several_explanations_counts():
    """Where entries of one array have different names, the array is the gravest of
    them, and the note has all.
    """
    first = next(statements(good()))
    ranks = ("passed", "inaccurate formula", "convention", "wrong")
    got = first.claim.exact.astype(np.float64)
    entries = np.arange(got.size).reshape(got.shape)
    for less, more in pairwise(ranks):
        for order in ((less, more), (more, less)):
            others = [
                Other(status, status, lambda _, i=i: entries == i) for i, status in enumerate(order)
            ]
            off = got.copy()
            off.flat[:2] += 1.0
            result = judge(
                replace(
                    first, got=off, claim=replace(first.claim, others=lambda others=others: others)
                )
            )
            assert (result.status, result.note) == (more, f"{order[0]}; {order[1]}")


def test_what_a_buffer_is_made_of_must_be_shown():
    """Both means of centered RMSprop, of which its buffer is made; the means themselves
    read no other vector of the new state.
    """
    case = replace(DECAYED, optimizer="rmsprop", settings={"centered": True, "momentum": 0.9})
    record = recorded(case)
    for hidden in ("square_avg", "grad_avg"):
        cert = certify(rewritten(record, f"{hidden} of W", 1, None))
        notes = {r.quantity: r.note for r in cert.results if r.status == "not judged"}
        reads = f"reads {hidden} after the step, which is not shown as it must be"
        assert notes == {"momentum_buffer of W": reads, "W": reads} | {
            "momentum_buffer of b": reads,
            "b": reads,
        }
